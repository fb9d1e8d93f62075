"""Reads a journal's entries wherever they are: in its table, or in sealed segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.chain import JournalTip, Row, check, tip_of
from overmind.journal.database import load_snapshot, refusing, rows_after, snapshot_seqs, tip_at
from overmind.journal.errors import JournalCorrupt, JournalProblem, SegmentUnusable
from overmind.journal.segments import sealed
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.shelf import Shelf
from overmind.ports import Snapshot

PAGE_ROWS: Final = 512
SEQ_MAX: Final = 2**63 - 1  # of an entry; SQLite has no larger whole number


class Reader:
    """One thread reads, through one connection. A writer may append, seal and take entries out of the table meanwhile.

    Each page is one statement. A page that does not begin with the next entry means that this one is sealed by now.
    """

    def __init__(self, path: Path, db: apsw.Connection) -> None:
        self._path = path
        self._db = db
        self._shelf = Shelf(path)
        self._has_segments = False  # as far as is known

    def read(self, after: int) -> Iterator[Entry]:
        """Raises JournalCorrupt at the first entry that does not follow the one before it, and SegmentUnusable."""
        if after >= SEQ_MAX:
            return
        before = self.tip_at(after)
        while True:
            rows = self._rows_after(after, PAGE_ROWS)
            if not (rows and rows[0][0] == after + 1) and (segment := self._segment_with(after + 1)) is not None:
                yield from self._sealed_entries(segment, before, after)
                before = segment.tip
            elif rows:
                for row in rows:
                    yield self._checked(before, row)
                    before = tip_of(row)
            else:
                return
            assert before is not None, after
            after = before.seq

    def entry(self, seq: int) -> Entry:
        """Raises KeyError when there is no such entry, and like `read`."""
        rows = self._rows_after(seq - 1, 1) if seq > 0 else []
        if rows and rows[0][0] == seq:
            return self._checked(self.tip_at(seq - 1), rows[0])
        segment = self._segment_with(seq) if seq > 0 else None
        if segment is not None:
            return next(self._shelf.open(segment).entries(seq - 1))
        if rows:
            raise JournalCorrupt(self._path, JournalProblem("it is missing", seq))
        raise KeyError(seq)

    def find(self, signal_id: SignalId) -> int | None:
        """The entry that decided this signal first."""
        with refusing(self._path):
            row = self._db.execute("SELECT seq FROM journal WHERE signal_id = ?", (signal_id,)).fetchone()
            if row is None and self._may_have_segments():
                return sealed.find_sealed(self._db, signal_id)
        return None if row is None else int(row[0])

    def tip_at(self, seq: int) -> JournalTip | None:
        """Number, time and hash of an entry; None: there is no such entry. Raises SegmentUnusable."""
        with refusing(self._path):
            if (tip := tip_at(self._db, seq)) is not None:
                return tip
        segment = self._segment_with(seq)
        if segment is None:
            return None
        return segment.tip if seq == segment.last else self._shelf.open(segment).tip_at(seq)

    def genesis(self) -> bytes | None:
        """The hash of the first entry, which is known although its segment may be archived."""
        segment = self._segment_with(1)
        if segment is not None:
            return segment.genesis
        tip = self.tip_at(1)
        return None if tip is None else tip.hash

    def snapshot_before(self, seq: int) -> Snapshot | None:
        """The nearest kept state: a snapshot of the table, or that of a segment."""
        with refusing(self._path):
            for kept in snapshot_seqs(self._db):
                if kept > seq:
                    continue
                found, tip = load_snapshot(self._db, kept), self.tip_at(kept)
                if found and tip and found[1] == tip.hash:
                    return found[0]
        return self._sealed_state(seq)

    def _sealed_state(self, seq: int) -> Snapshot | None:
        """Of the newest segment that ends at or before an entry, and can be read: a start survives a lost one."""
        with refusing(self._path):
            listed = sealed.segments(self._db) if self._may_have_segments() else []
            ended = [one for one in listed if one.last <= seq]
        for segment in reversed(ended):
            try:
                return self._shelf.open(segment).state()
            except SegmentUnusable:
                continue
        return None

    def _sealed_entries(self, segment: Sealed, before: JournalTip | None, after: int) -> Iterator[Entry]:
        found = self._shelf.open(segment)
        if before is None or found.tip_at(after).hash != before.hash:
            raise JournalCorrupt(self._path, JournalProblem("its hash is not the one before the segment", after))
        yield from found.entries(after)

    def _segment_with(self, seq: int) -> Sealed | None:
        with refusing(self._path):
            return sealed.segment_with(self._db, seq) if self._may_have_segments() else None

    def _may_have_segments(self) -> bool:
        """A writer of this version makes the tables in a journal of an earlier one, also after it was opened here."""
        self._has_segments = self._has_segments or sealed.has_tables(self._db)
        return self._has_segments

    def _rows_after(self, seq: int, count: int) -> list[Row]:
        with refusing(self._path):
            return rows_after(self._db, seq, count)

    def _checked(self, before: JournalTip | None, row: Row) -> Entry:
        entry = JournalProblem("the entry before it is missing", row[0]) if before is None else check(before, row)
        if isinstance(entry, JournalProblem):
            raise JournalCorrupt(self._path, entry)
        return entry
