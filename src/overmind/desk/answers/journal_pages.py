"""Reads what concerns a source from the journal, in slices, in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from overmind.core.books.brief_refusals import whole_by
from overmind.core.model.events import OrderPlaced, SignalRefused
from overmind.core.model.ids import OrderId
from overmind.journal.aside import Aside
from overmind.journal.catalogue.concerned import Concern, Follower, Journal, find_placed
from overmind.journal.sqlite import SqliteJournal

SLICE_ENTRIES: Final = 512  # some milliseconds
FOUND_MAX: Final = 64  # of a slice; their bodies are made one after the other

T = TypeVar("T")


class Slice(NamedTuple):
    """`seq`: the last entry that was looked at; the next slice begins after it."""

    concerns: list[Concern]
    seq: int


def slice_after(journal: Journal, follower: Follower, source: str, after: int, entries: int, found_max: int) -> Slice:
    """At most so many entries, and so many that concern the source. `follower` has seen those before."""
    found, seq = list[Concern](), after
    for entry in islice(journal.read(after), entries):
        seq = entry.seq
        concern = follower.follow(entry, journal)
        if concern is not None and source in concern.sources:
            found.append(concern)
            if len(found) == found_max:
                break
    return Slice(found, seq)


class JournalPages:
    """Its methods raise JournalUnusable and OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = Aside("answers")

    async def after(self, follower: Follower, source: str, after: int) -> Slice:
        look = partial(
            slice_after, follower=follower, source=source, after=after, entries=SLICE_ENTRIES, found_max=FOUND_MAX
        )
        return await self._look(look)

    async def placed(self, order_id: OrderId) -> OrderPlaced | None:
        return await self._look(partial(find_placed, order_id=order_id))

    async def whole(self, refused: SignalRefused) -> SignalRefused:
        """With all of its refusals."""
        return await self._look(lambda journal: whole_by(journal.entry, refused))

    def close(self) -> None:
        """A disk that hangs is not waited for."""
        self._thread.shutdown()

    async def _look(self, look: Callable[[SqliteJournal], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._opened, look)

    def _opened(self, look: Callable[[SqliteJournal], T]) -> T:
        journal = SqliteJournal.open_read_only(self._path)
        try:
            return look(journal)
        finally:
            journal.close()
