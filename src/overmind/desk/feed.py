"""What a part of the desk hears of the journal: committed entries, in order, with a bound on its lag."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from overmind.core.model.events import Entry


class Feed:
    """Committed entries in order, for one reader. A reader that lags too far loses some and must reread the state."""

    def __init__(self, lag_max: int, wants: Callable[[Entry], bool] | None = None) -> None:
        """`wants`: which entries the reader is woken for; None: all."""
        self._lag_max = lag_max
        self._wants = wants
        self._entries: deque[Entry] = deque()
        self._coming: asyncio.Future[None] | None = None  # what the reader waits for; an event would cost twice as much
        self._lost = False

    def publish(self, entries: Sequence[Entry]) -> None:
        if self._wants is not None and not (entries := [*filter(self._wants, entries)]):
            return
        self._entries.extend(entries)
        if len(self._entries) > self._lag_max:
            self._entries.clear()
            self._lost = True
        if self._coming is not None and not self._coming.done():
            self._coming.set_result(None)

    async def next(self) -> tuple[Entry, ...] | None:
        """The entries committed since the last call, at least one; None: some were lost, read the state anew."""
        if not (self._entries or self._lost):
            self._coming = asyncio.get_running_loop().create_future()
            await self._coming
        entries, lost = tuple(self._entries), self._lost
        self._entries.clear()
        self._lost = False
        return None if lost else entries
