"""Seals the oldest entries of a journal: folds them, and writes them with the state that they lead to into segments.

It only reads the journal. Its writer lists each segment afterwards, so a crash at any step loses nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Final

import apsw

from overmind.core.books.apply import apply
from overmind.core.books.state import State, encode_state, forget_changes
from overmind.journal.chain import JournalTip, check, tip_of
from overmind.journal.database import connect_reader, rows_after
from overmind.journal.errors import JournalCorrupt, JournalProblem
from overmind.journal.lock import alone
from overmind.journal.reader import PAGE_ROWS, Reader
from overmind.journal.recovery import state_at
from overmind.journal.segments.sealed import Sealed, sealable_up_to, sealed_tip
from overmind.journal.segments.segment import SegmentFile, Stored, write_segment
from overmind.journal.segments.shelf import Shelf

LOCK: Final = "segments.lock"  # beside the journal
SEGMENT_BYTES_MAX: Final = 128 * 2**20  # of entries before compression; bounds the memory


def sealed_segments(path: Path, entries_min: int, entries_max: int) -> Generator[Sealed, None, None]:
    """Writes the next segments, as long as at least `entries_min` entries may be sealed.

    Raises JournalUnusable, OSError, and AssertionError or KeyError when an entry does not follow from those before it.
    """
    with contextlib.ExitStack() as work:
        db = work.enter_context(contextlib.closing(connect_reader(path)))
        if sealable_up_to(db) - sealed_tip(db).seq < entries_min:
            return
        # One that outlives a killed desk could replace a segment that is listed.
        work.enter_context(alone(path.with_name(LOCK), "seals"))
        before, up_to = sealed_tip(db), sealable_up_to(db)
        reader, shelf = Reader(path, db), Shelf(path)
        shelf.prepare()
        genesis, state = reader.genesis(), state_at(reader, before.seq)
        assert genesis is not None, "entries, but no first one"
        while up_to - before.seq >= entries_min:
            stored, tip = _fold(db, path, state, before, min(up_to, before.seq + entries_max))
            written = SegmentFile(write_segment(shelf.folder, genesis, before, stored, encode_state(state)))
            assert written.header.tip == tip, written.header
            yield Sealed(before.seq + 1, tip.seq, tip.at_ns, tip.hash, genesis, written.digest)
            before = tip


def _fold(
    db: apsw.Connection, path: Path, state: State, before: JournalTip, last: int
) -> tuple[list[Stored], JournalTip]:
    """The entries after `before`, as they are stored, and where they end. The state follows them."""
    stored, stored_bytes = list[Stored](), 0
    while before.seq < last and stored_bytes < SEGMENT_BYTES_MAX:
        for row in rows_after(db, before.seq, min(PAGE_ROWS, last - before.seq)):
            entry = check(before, row)
            if isinstance(entry, JournalProblem):
                raise JournalCorrupt(path, entry)
            apply(state, entry)
            forget_changes(state)
            before = tip_of(row)
            stored.append((row[1], row[3]))
            stored_bytes += len(row[3])
    return stored, before
