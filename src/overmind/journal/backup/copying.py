"""Copies a journal while its writer works: entry by entry, each checked against the hash of the one before it.

No read lasts longer than a page, so the writer's log is never kept from being reused, however slow the target is. If
entries are sealed meanwhile, the copy begins again with the new segment.

    the target      sealed segments, their list, and the ids that they decide
                    the entries after the last segment, and the snapshots of the table
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, cast

import apsw

from overmind.journal.backup.manifest import BackupUnusable, copy_durably
from overmind.journal.chain import GENESIS, JournalTip, Row, check, digest, tip_of
from overmind.journal.database import (
    APPLICATION_ID,
    FORMAT,
    FORMAT_SEALED,
    PAGE_BYTES,
    SCHEMA,
    connect_reader,
    load_snapshot,
    refusing,
    rows_after,
    snapshot_seqs,
    tip_at,
    verified_end,
)
from overmind.journal.errors import JournalCorrupt, JournalProblem, JournalUnusable
from overmind.journal.place import FOLDER_MODE
from overmind.journal.segments import sealed
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.segment import SegmentFile, name_of
from overmind.journal.segments.shelf import FOLDER as SEGMENTS
from overmind.journal.segments.shelf import Shelf
from overmind.ports import Snapshot

PAGE_ROWS: Final = 512
PAGE_IDS: Final = 4_096
TRIES_MAX: Final = 5  # A segment is sealed every 100,000 entries, so a second try is rare.

Told = Callable[[int], None]  # is told how many entries are copied


class Copied(NamedTuple):
    first: bytes  # the hash of the first entry
    end: JournalTip


class _Look(NamedTuple):
    """What one moment shows of a journal."""

    segments: Sequence[Sealed]
    snapshots: Sequence[tuple[Snapshot, bytes]]  # each with the hash of its entry
    end: JournalTip


class _SealedMeanwhile(Exception):
    """The next entry has left the table: a segment has it now."""


def copy_journal(path: Path, folder: Path, on_entries: Told = lambda _: None) -> Copied:
    """Raises JournalUnusable when the journal is damaged, and OSError or apsw.Error for the target's disk."""
    with contextlib.closing(connect_reader(path)) as db:
        for _ in range(TRIES_MAX):
            look = _look(db, path)
            _copy_segments(path, folder, look.segments, on_entries)
            with contextlib.suppress(_SealedMeanwhile):
                return _copy_table(db, path, folder / path.name, look, on_entries)
    raise BackupUnusable(f"{path}: its entries are sealed faster than they are copied. Try again later.")


def bytes_needed(path: Path) -> int:
    """About what a copy takes. Raises JournalUnusable."""
    shelf = Shelf(path)
    with contextlib.closing(connect_reader(path)) as db, refusing(path):
        pages: int = db.execute("SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count").get
        listed = sealed.segments(db) if sealed.has_tables(db) else []
    return pages * PAGE_BYTES + sum(shelf.path_of(name_of(one.first, one.last)).stat().st_size for one in listed)


def _look(db: apsw.Connection, path: Path) -> _Look:
    """One short transaction, so that segments, snapshots and end belong together."""
    with refusing(path), db:
        end = verified_end(db, path)
        if end == GENESIS:
            raise JournalUnusable(f"{path}: the journal has no entries yet, so there is nothing to back up.")
        segments = sealed.segments(db) if sealed.has_tables(db) else []
        kept = [found for seq in snapshot_seqs(db) if (found := load_snapshot(db, seq)) is not None]
    return _Look(segments, kept, end)


def _copy_segments(path: Path, folder: Path, segments: Sequence[Sealed], on_entries: Told) -> None:
    """From wherever they lie, so that the backup needs no archive."""
    shelf = Shelf(path)
    if segments:
        (folder / SEGMENTS).mkdir(mode=FOLDER_MODE, exist_ok=True)
    for one in segments:
        target = folder / SEGMENTS / name_of(one.first, one.last)
        if not target.exists():
            copy_durably(shelf.open(one).path, target)
        if SegmentFile(target).digest != one.digest:
            raise BackupUnusable(f"{target}: it is not what was read. Check the disk, then try again.")
        on_entries(one.last)


def _copy_table(db: apsw.Connection, path: Path, target: Path, look: _Look, on_entries: Told) -> Copied:
    target.unlink(missing_ok=True)
    sealed_end = look.segments[-1].tip if look.segments else GENESIS
    with contextlib.closing(_created(target, bool(look.segments))) as copy:
        with copy:
            for one in look.segments:
                sealed.list_segment(copy, one)
            if look.segments:
                _copy_ids(db, path, copy, sealed_end.seq)
            _copy_rows(db, path, copy, sealed_end, look.end, on_entries)
            for snapshot, link in look.snapshots:
                _copy_snapshot(copy, snapshot, link)
        first = look.segments[0].genesis if look.segments else _first(copy)
    return Copied(first, look.end)


def _created(target: Path, with_segments: bool) -> apsw.Connection:
    """An empty journal. It has no log: the copy is made durable as a whole, or thrown away."""
    copy = apsw.Connection(str(target))
    copy.pragma("page_size", PAGE_BYTES)
    copy.pragma("journal_mode", "off")
    copy.pragma("synchronous", "off")
    for statement in SCHEMA.values():
        copy.execute(statement)
    sealed.create_tables(copy)
    copy.pragma("application_id", APPLICATION_ID)
    copy.pragma("user_version", FORMAT_SEALED if with_segments else FORMAT)
    target.chmod(0o600)
    return copy


def _copy_rows(
    db: apsw.Connection, path: Path, copy: apsw.Connection, before: JournalTip, end: JournalTip, on_entries: Told
) -> None:
    while before.seq < end.seq:
        with refusing(path):
            rows = rows_after(db, before.seq, min(PAGE_ROWS, end.seq - before.seq))
        if not rows or rows[0][0] != before.seq + 1:
            raise _SealedMeanwhile
        before = _checked(path, before, rows)
        copy.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", rows)
        on_entries(before.seq)
    if before != end:
        raise JournalCorrupt(path, JournalProblem("is another than a moment ago", end.seq))


def _checked(path: Path, before: JournalTip, rows: Sequence[Row]) -> JournalTip:
    for row in rows:
        found = check(before, row)
        if isinstance(found, JournalProblem):
            raise JournalCorrupt(path, found)
        before = tip_of(row)
    return before


def _copy_ids(db: apsw.Connection, path: Path, copy: apsw.Connection, last: int) -> None:
    """The ids that sealed entries decide.

    The table comes first: whatever leaves it while it is read is in the list before that is read.
    """
    after = 0
    found = (
        "SELECT seq, signal_id FROM journal WHERE seq > ? AND seq <= ? AND signal_id IS NOT NULL ORDER BY seq LIMIT ?"
    )
    while rows := _page(db, path, found, (after, last, PAGE_IDS)):
        copy.executemany("INSERT INTO sealed_signal (seq, signal_id) VALUES (?, ?)", rows)
        after = rows[-1][0]
    name = ""
    listed = "SELECT seq, signal_id FROM sealed_signal WHERE signal_id > ? AND seq <= ? ORDER BY signal_id LIMIT ?"
    while rows := _page(db, path, listed, (name, last, PAGE_IDS)):
        copy.executemany("INSERT OR IGNORE INTO sealed_signal (seq, signal_id) VALUES (?, ?)", rows)
        name = rows[-1][1]


def _page(db: apsw.Connection, path: Path, statement: str, bindings: tuple[int | str, ...]) -> list[tuple[int, str]]:
    with refusing(path):
        return cast(list[tuple[int, str]], db.execute(statement, bindings).fetchall())  # of STRICT tables


def _copy_snapshot(copy: apsw.Connection, snapshot: Snapshot, link: bytes) -> None:
    row = (snapshot.seq, snapshot.state, link, digest(snapshot.seq, link, snapshot.state))
    copy.execute("INSERT INTO snapshot (seq, state, hash, digest) VALUES (?, ?, ?, ?)", row)


def _first(copy: apsw.Connection) -> bytes:
    tip = tip_at(copy, 1)
    assert tip is not None, "entries, but no first one"
    return tip.hash
