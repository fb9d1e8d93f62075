"""Spares the event loop a look into the journal for nearly every new signal: most ids are known to be new in memory.

At the start all ids of the journal are read into a filter, page by page in a thread of its own, with pauses. Until they
are all in it, every id is looked up.

An id moves in one step from the table of entries to the one of sealed ids, never back. So reading the first table whole
and then the second meets every id that was there at the beginning; later ones are added as they are written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw
import structlog

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.aside import Aside
from overmind.journal.chain import decided
from overmind.journal.database import connect_reader, refusing
from overmind.journal.errors import JournalUnusable
from overmind.journal.id_filter import IdFilter
from overmind.journal.segments import sealed
from overmind.ports import Clock

PAGE_IDS: Final = 256  # added in one step of the loop, about a quarter of a millisecond
PAUSE_S: Final = 0.005
OF_ENTRIES: Final = "SELECT signal_id FROM journal WHERE signal_id > ? ORDER BY signal_id LIMIT ?"
OF_SEALED: Final = "SELECT signal_id FROM sealed_signal WHERE signal_id > ? ORDER BY signal_id LIMIT ?"

log = structlog.get_logger("journal")


class KnownIds:
    """Of one journal, for its only writer. All but the reading happens in the event loop's thread."""

    def __init__(self, path: Path, entries: int) -> None:
        """`entries`: of the journal, which has no more ids than that."""
        self._path = path
        self._filter = IdFilter(entries)
        self.complete = False  # The filter has all ids of the journal.

    def add(self, entries: Iterable[Entry]) -> None:
        """To be called before the entries are written."""
        ids = (decided(entry.event) for entry in entries)
        self._filter.add(one for one in ids if one is not None)

    def may_have(self, signal_id: SignalId) -> bool:
        """False: no entry decides this signal."""
        return not self.complete or self._filter.may_have(signal_id)

    async def read(self, clock: Clock) -> None:
        """Reads what was written before. A journal that cannot be read leaves every id to be looked up."""
        thread, pages, loop = Aside("known ids"), Pages(self._path), asyncio.get_running_loop()
        try:
            while ids := await loop.run_in_executor(thread, pages.next):
                self._filter.add(ids)
                await clock.sleep(PAUSE_S)
            self.complete = True
        except (JournalUnusable, OSError) as fault:
            log.warning("every signal's id is looked up in the journal, which takes longer", why=str(fault))
        finally:
            thread.submit(pages.close)
            thread.shutdown()


class Pages:
    """All signal ids of a journal, while another connection appends, seals and releases."""

    def __init__(self, path: Path, size: int = PAGE_IDS) -> None:
        self._path = path
        self._size = size
        self._db: apsw.Connection | None = None
        self._last = ""  # of the page before
        self._tables = [OF_ENTRIES, OF_SEALED]

    def next(self) -> list[str]:
        """The next ids; none: all were read. Raises JournalUnusable."""
        if self._db is None:
            self._db = connect_reader(self._path)
        with refusing(self._path):
            while self._tables and (self._tables[0] is OF_ENTRIES or sealed.has_tables(self._db)):
                rows = self._db.execute(self._tables[0], (self._last, self._size))
                if found := [str(signal_id) for (signal_id,) in rows]:
                    self._last = found[-1]
                    return found
                self._last = ""
                del self._tables[0]
        return []

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
