"""Verifies a whole journal and reports every problem, not only the first (specification §14.8)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import apsw

from overmind.core.model.events import Entry
from overmind.journal.chain import GENESIS, check, tip_of
from overmind.journal.database import connect_reader, last_seq, load_snapshot, rows_after, snapshot_seqs, tip_at
from overmind.journal.errors import JournalCorrupt, JournalProblem

PAGE_ROWS = 512
FINDINGS_MAX = 20


def verify_chain(path: Path) -> Iterator[Entry | JournalProblem]:
    """Yields every good entry in order, for a replay, and every problem where it is found.

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

    def hash_of(self, seq: int) -> bytes | None:
        try:
            tip = tip_at(self._db, seq)
        except apsw.Error:
            return None
        return None if tip is None else tip.hash

    def last_seq(self) -> int:
        return last_seq(self._db)

    def close(self) -> None:
        self._db.close()


def _entries(db: apsw.Connection) -> Iterator[Entry | JournalProblem]:
    """After a problem it continues from the stored hash, so one changed entry does not hide the next problem."""
    before = GENESIS
    while rows := rows_after(db, before.seq, PAGE_ROWS):
        for row in rows:
            yield check(before, row)
            before = tip_of(row)


def _snapshots(db: apsw.Connection) -> Iterator[JournalProblem]:
    for seq in snapshot_seqs(db):
        found, tip = load_snapshot(db, seq), tip_at(db, seq)
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
