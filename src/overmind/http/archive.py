"""Reads the journal in a thread of its own, so that a long read delays no decision."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.http.responses import HttpRefusal
from overmind.journal.aside import Aside
from overmind.journal.sqlite import SqliteJournal

T = TypeVar("T")


class Pages:
    """An open journal, for the thread that reads it."""

    def __init__(self, journal: SqliteJournal, closing: threading.Event) -> None:
        self._journal = journal
        self._closing = closing

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """All later entries, unless the archive closes meanwhile."""
        for entry in self._journal.read(after):
            if self._closing.is_set():
                raise HttpRefusal(503, "the service is stopping")
            yield entry

    def page(self, after: int, count: int) -> list[Entry]:
        return list(islice(self.entries(after), count))

    def find(self, signal_id: SignalId) -> int | None:
        return self._journal.find(signal_id)


class Archive:
    """Serves one reader at a time, first come first served."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
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
        try:
            return look(Pages(journal, self._closing))
        finally:
            journal.close()
