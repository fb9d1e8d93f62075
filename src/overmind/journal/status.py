"""How large a journal is, and where its sealed segments lie."""

from __future__ import annotations

import contextlib
from pathlib import Path

from overmind.core.model.value import Value
from overmind.journal.database import connect_reader, last_seq, refusing
from overmind.journal.errors import SegmentUnusable
from overmind.journal.segments import sealed
from overmind.journal.segments.archive import listed_segments
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.segment import name_of
from overmind.journal.segments.shelf import Shelf


class SegmentStatus(Value, frozen=True):
    name: str
    first: int
    last: int
    bytes: int
    folder: str
    problem: str  # why it cannot be read; blank: it can


class JournalStatus(Value, frozen=True):
    journal: str
    journal_bytes: int
    free_bytes: int  # within the file, for new entries
    entries: int
    sealed: int
    sealable: int  # entries that could be sealed now
    segments: tuple[SegmentStatus, ...]


def status_of(journal: Path) -> JournalStatus:
    """Looks at each segment's header. Raises JournalUnusable."""
    with contextlib.closing(connect_reader(journal)) as db, refusing(journal):
        segments, entries = listed_segments(journal), last_seq(db)
        ended = segments[-1].last if segments else 0
        return JournalStatus(
            journal=str(journal),
            journal_bytes=journal.stat().st_size,
            free_bytes=int(db.pragma("freelist_count")) * int(db.pragma("page_size")),
            entries=entries,
            sealed=ended,
            sealable=max(0, sealed.sealable_up_to(db) - ended),
            segments=tuple(_look(Shelf(journal), one) for one in segments),
        )


def _look(shelf: Shelf, one: Sealed) -> SegmentStatus:
    name = name_of(one.first, one.last)
    try:
        path = shelf.open(one).path
        return SegmentStatus(name, one.first, one.last, path.stat().st_size, str(path.parent), "")
    except SegmentUnusable as error:
        return SegmentStatus(name, one.first, one.last, 0, "", str(error))
