"""The notices that wait for one target: bounded, and what matters least is dropped first."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from overmind.notices.notice import Notice

WAITING_MAX: Final = 200


class Outbox:
    def __init__(self, most: int = WAITING_MAX) -> None:
        self._most = most
        self._waiting: deque[Notice] = deque()
        self._filled = asyncio.Event()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, notice: Notice) -> Notice | None:
        """The notice that was dropped for it: the oldest that is not critical, else the oldest. None: there is room."""
        dropped = self._dropped() if len(self._waiting) >= self._most else None
        self._waiting.append(notice)
        self._filled.set()
        return dropped

    async def first(self) -> Notice:
        """The oldest, which stays until it is `taken`."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        return self._waiting[0]

    def taken(self, notice: Notice) -> None:
        """It was delivered or given up. It may have been dropped meanwhile."""
        if notice in self._waiting:
            self._waiting.remove(notice)

    def _dropped(self) -> Notice:
        self.dropped += 1
        least = next((one for one in self._waiting if not one.is_critical), self._waiting[0])
        self._waiting.remove(least)
        return least
