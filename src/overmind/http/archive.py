"""Reads the journal in a thread of its own, so that a long read delays no decision."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from overmind.core.books.state import State
from overmind.core.model.events import Entry
from overmind.core.model.value import Value
from overmind.http.responses import HttpRefusal
from overmind.journal.aside import Aside
from overmind.journal.catalogue.past import Past
from overmind.journal.catalogue.store import Catalogue
from overmind.journal.kept.near import NearStates
from overmind.journal.recovery import kept_state, replayed
from overmind.journal.sqlite import SqliteJournal

CATALOGUE_FIX: Final = "ask again; open orders and moves are told at once with open=true"

T = TypeVar("T")


class ReadBounds(Value, frozen=True):
    """What one request may read, so that the next one and the decisions do not wait long."""

    unfiled_max: int = 10_000  # entries that the catalogue lacks: a quarter of a second in its thread
    replayed_max: int = 1_000  # entries after a kept state: 25 ms in its thread
    state_bytes_max: int = 1 << 20  # of a kept state: 4 ms in which no other thread runs


BOUNDS: Final = ReadBounds()


class Pages:
    """An open journal, for the thread that reads it."""

    def __init__(self, path: Path, journal: SqliteJournal, closing: threading.Event, bounds: ReadBounds) -> None:
        self._path = path
        self.journal = journal
        self._closing = closing
        self._bounds = bounds
        self._catalogue: Catalogue | None = None
        self._opened: Past | None = None

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """All later entries, unless the archive closes meanwhile."""
        for entry in self.journal.read(after):
            if self._closing.is_set():
                raise HttpRefusal(503, "the service is stopping")
            yield entry

    def page(self, after: int, count: int) -> list[Entry]:
        return list(islice(self.entries(after), count))

    def catalogue(self) -> Catalogue | None:
        """As far as it goes; None: there is none that can be read. It is closed with this journal."""
        if self._catalogue is None:
            self._catalogue = Catalogue.open_read_only(self._path, self.journal)
        return self._catalogue

    def past(self) -> Past:
        """Raises HttpRefusal while the catalogue is far behind the journal: reading the rest would take too long."""
        if self._opened is None:
            filed, last = self.catalogue(), self.journal.last_seq()
            reached = filed.filed if filed is not None else 0
            if last - reached > self._bounds.unfiled_max:
                far = f"the journal is being catalogued: {reached:,} of {last:,} entries so far"
                raise HttpRefusal(503, far, CATALOGUE_FIX)
            self._opened = Past(self.journal, filed)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
        elif self._catalogue is not None:
            self._catalogue.close()

    def state_nearby(self, seq: int) -> State | None:
        """The state after this entry; None: the nearest kept state is far from it, or large."""
        with contextlib.closing(NearStates.beside(self._path, self.journal)) as near:
            kept = near.snapshot_before(seq)
            if kept is not None and len(kept.state) > self._bounds.state_bytes_max:
                return None
            state = kept_state(near, kept)
            return replayed(near, state, seq) if seq - state.seq <= self._bounds.replayed_max else None


class Archive:
    """Serves one reader at a time, first come first served."""

    def __init__(self, path: Path, name: str, bounds: ReadBounds = BOUNDS) -> None:
        self._path = path
        self._bounds = bounds
        self._thread = Aside(name)
        self._closing = threading.Event()

    async def look(self, look: Callable[[Pages], T]) -> T:
        """`look` sees durable entries only. Raises JournalUnusable."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._look, look)

    def close(self) -> None:
        """Stops a read that is under way. A disk that hangs is not waited for."""
        self._closing.set()
        self._thread.shutdown()

    def _look(self, look: Callable[[Pages], T]) -> T:
        journal = SqliteJournal.open_read_only(self._path)
        pages = Pages(self._path, journal, self._closing, self._bounds)
        try:
            return look(pages)
        finally:
            pages.close()
            journal.close()
