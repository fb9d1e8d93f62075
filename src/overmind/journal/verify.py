"""Verifies the hash chain of a journal and reports every problem, not only the first (specification §14.8).

Sealed segments are verified one by one, in any order, because each says what comes before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from overmind.core.model.events import Entry
from overmind.journal.chain import GENESIS, JournalTip, check, tip_of
from overmind.journal.database import connect_reader, last_seq, load_snapshot, rows_after, snapshot_seqs, tip_at
from overmind.journal.errors import JournalCorrupt, JournalProblem, JournalUnusable, SegmentUnusable
from overmind.journal.reader import Reader
from overmind.journal.segments import sealed
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.shelf import Shelf

PAGE_ROWS = 512
FINDINGS_MAX = 20


def sealed_parts(path: Path) -> list[Sealed]:
    """The segments that a journal lists; none if it cannot be read."""
    try:
        with contextlib.closing(connect_reader(path)) as db:
            return sealed.segments(db) if sealed.has_tables(db) else []
    except (JournalCorrupt, apsw.Error):
        return []


def order_problems(parts: Sequence[Sealed]) -> Iterator[JournalProblem]:
    """Whether the listed segments follow each other from the first entry on."""
    last, genesis = 0, parts[0].genesis if parts else b""
    for part in parts:
        if part.first != last + 1:
            yield JournalProblem(f"no segment is listed for entries {last + 1} to {part.first - 1}")
        if part.genesis != genesis:
            yield JournalProblem("its segment is listed as another journal's", part.first)
        last = part.last


def segment_entries(path: Path, before: Sealed | None, part: Sealed) -> Iterator[Entry]:
    """The entries of a segment that follows `before`. Raises SegmentUnusable at the first problem."""
    segment = Shelf(path).open(part)
    expected = GENESIS if before is None else before.tip
    if segment.header.tip_before != expected:
        raise SegmentUnusable(segment.path, f"it does not follow entry {expected.seq} of the journal")
    if segment.header.tip != part.tip:
        raise SegmentUnusable(segment.path, f"it does not end with entry {part.last} of the journal")
    yield from segment.entries(expected.seq)


def segment_state(path: Path, part: Sealed) -> bytes:
    """The encoded state after a segment. Raises SegmentUnusable."""
    return Shelf(path).open(part).state().state


def verify_chain(path: Path) -> Iterator[Entry | JournalProblem]:
    """Yields every good entry that is not sealed, for a replay, and every problem where it is found.

    Raises JournalUnusable when there is nothing to verify: no file, or one that was never a journal.
    """
    try:
        db = connect_reader(path)
    except JournalCorrupt as error:
        yield error.problem
        return
    with contextlib.closing(db):
        for part in (_entries, _snapshots, _indexes):
            try:
                yield from part(db)
            except (apsw.Error, UnicodeDecodeError) as error:
                yield JournalProblem(f"the rest of the {part.__name__.strip('_')} cannot be read ({error})")


class ChainOnDisk:
    """The hashes of a journal that may be damaged, for a comparison with its anchor."""

    def __init__(self, path: Path) -> None:
        """Raises JournalUnusable."""
        self._db = connect_reader(path)
        self._reader = Reader(path, self._db)

    def hash_of(self, seq: int) -> bytes | None:
        """Raises SegmentUnusable: what an archived segment says is not known."""
        try:
            if seq == 1:
                return self._reader.genesis()
            tip = self._reader.tip_at(seq)
        except SegmentUnusable:
            raise
        except JournalUnusable:
            return None
        return None if tip is None else tip.hash

    def last_seq(self) -> int:
        return last_seq(self._db)

    def close(self) -> None:
        self._db.close()


def _entries(db: apsw.Connection) -> Iterator[Entry | JournalProblem]:
    """After a problem it continues from the stored hash, so one changed entry does not hide the next problem."""
    before = GENESIS
    if sealed.has_tables(db):
        before = sealed.sealed_tip(db)
        yield from _sealed_rows(db, before)
    while rows := rows_after(db, before.seq, PAGE_ROWS):
        for row in rows:
            yield check(before, row)
            before = tip_of(row)


def _sealed_rows(db: apsw.Connection, end: JournalTip) -> Iterator[JournalProblem]:
    """Entries that have not left the table yet must be those of the segments, which their last hash shows."""
    before: JournalTip | None = None
    while rows := [row for row in rows_after(db, before.seq if before else 0, PAGE_ROWS) if row[0] <= end.seq]:
        for row in rows:
            found = check(before, row) if before is not None else None
            if isinstance(found, JournalProblem):
                yield found
            before = tip_of(row)
    if before is not None and before != end:
        yield JournalProblem("is not the entry that was sealed", before.seq)


def _snapshots(db: apsw.Connection) -> Iterator[JournalProblem]:
    for seq in snapshot_seqs(db):
        found, tip = load_snapshot(db, seq), tip_at(db, seq) or sealed.end_at(db, seq)
        if found is None:
            yield JournalProblem("the snapshot taken after it is damaged", seq)
        elif tip is None:
            yield JournalProblem("missing, but a snapshot was taken after it", seq)
        elif tip.hash != found[1]:
            yield JournalProblem("is not the entry after which its snapshot was taken", seq)


def snapshots(path: Path) -> dict[int, bytes]:
    """The readable snapshots, by the entry after which they were saved."""
    with contextlib.closing(connect_reader(path)) as db:
        try:
            found = {seq: load_snapshot(db, seq) for seq in snapshot_seqs(db)}
        except apsw.Error:
            return {}
    return {seq: snapshot[0].state for seq, snapshot in found.items() if snapshot is not None}


def _indexes(db: apsw.Connection) -> Iterator[JournalProblem]:
    for (finding,) in db.execute(f"PRAGMA integrity_check({FINDINGS_MAX})"):
        if finding != "ok":
            yield JournalProblem(str(finding))
