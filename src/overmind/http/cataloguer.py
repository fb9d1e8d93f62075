"""Keeps the journal's catalogue up to date while the service runs, in a thread of its own.

It files what the engine has committed. What was committed before it began, it reads from the journal in slices with
pauses between them, so that decisions do not wait. Nothing waits for it, and nothing ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import structlog

from overmind.core.model.events import Entry
from overmind.desk.engine import Engine
from overmind.journal.aside import Aside
from overmind.journal.catalogue.store import Catalogue
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock

SLICE_ENTRIES: Final = 512  # a few milliseconds
SLICE_PAUSE_S: Final = 0.005
FILE_EVERY_S: Final = 1.0
RETRY_S: Final = 60.0  # after a fault, such as a full disk
CLOSE_MAX_S: Final = 2.0
TOLD_FROM: Final = 100_000  # unfiled entries: making the catalogue takes some seconds, and the log says so

T = TypeVar("T")
log = structlog.get_logger("catalogue")


class Cataloguer:
    def __init__(self, engine: Engine, path: Path, clock: Clock) -> None:
        self._engine = engine
        self._path = path
        self._clock = clock
        self._thread = Aside("catalogue")
        self._journal: SqliteJournal | None = None
        self._catalogue: Catalogue | None = None
        self._told = ""  # why it could not file

    async def run(self) -> None:
        """Files until it is cancelled."""
        feed = self._engine.subscribe()
        try:
            while True:
                try:
                    await self._catch_up()
                    while (entries := await feed.next()) is not None:
                        for start in range(0, len(entries), SLICE_ENTRIES):
                            await self._in_thread(self._file, entries[start : start + SLICE_ENTRIES])
                            await self._clock.sleep(SLICE_PAUSE_S)
                        await self._clock.sleep(FILE_EVERY_S)
                except (JournalUnusable, OSError) as fault:
                    self._tell(str(fault))
                    await self._in_thread(self._close)
                    await self._clock.sleep(RETRY_S)
        finally:
            self._engine.unsubscribe(feed)

    @property
    def lag(self) -> int | None:
        """Durable entries that are not filed yet; None: the catalogue is not open."""
        catalogue = self._catalogue
        return None if catalogue is None else max(0, self._engine.durable_seq - catalogue.filed)

    def close(self) -> None:
        """Waits for a slice that is under way, and not for a disk that hangs."""
        wait((self._thread.submit(self._close),), CLOSE_MAX_S)
        self._thread.shutdown()

    def _tell(self, why: str) -> None:
        """Once for each reason: it tries again for as long as the service runs."""
        if why != self._told:
            log.warning("the journal is not catalogued; its newest entries are still searched", why=why)
        self._told = why

    async def _catch_up(self) -> None:
        filed, last = await self._in_thread(self._open)
        told = last - filed >= TOLD_FROM
        if told:
            log.info("the journal is being catalogued", filed=filed, entries=last)
        while count := await self._in_thread(self._file_slice):
            filed += count
            if told and filed % TOLD_FROM < count:
                log.info("the journal is being catalogued", filed=filed, entries=last)
            await self._clock.sleep(SLICE_PAUSE_S)
        if told:
            log.info("the journal is catalogued", entries=filed)

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _open(self) -> tuple[int, int]:
        """The numbers of the last entry that is filed, and of the journal's last one."""
        if self._journal is None:
            self._journal = SqliteJournal.open_read_only(self._path)
        if self._catalogue is None:
            self._catalogue = Catalogue.open(self._path, self._journal)
        return self._catalogue.filed, self._journal.last_seq()

    def _file_slice(self) -> int:
        assert self._journal is not None, "opened before"
        assert self._catalogue is not None, "opened before"
        entries = list(islice(self._journal.read(self._catalogue.filed), SLICE_ENTRIES))
        self._file(entries)
        return len(entries)

    def _file(self, entries: Sequence[Entry]) -> None:
        assert self._journal is not None, "opened before"
        assert self._catalogue is not None, "opened before"
        self._catalogue.file(entries, self._journal)

    def _close(self) -> None:
        if self._catalogue is not None:
            self._catalogue.close()
        if self._journal is not None:
            self._journal.close()
        self._catalogue = self._journal = None
