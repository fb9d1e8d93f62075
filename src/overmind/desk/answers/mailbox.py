"""What one source has still to be told: its place in the journal, and a bounded number of the newest entries.

A source that lags reads the journal from its place on. So a target that is away for a day costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from overmind.journal.catalogue.concerned import Concern

WAITING_MAX: Final = 256


class Mailbox:
    def __init__(self, place: int) -> None:
        self.place = place  # every entry up to this one is dealt with
        self.is_behind = True  # what comes is in the journal, and is read from there
        self._waiting: deque[Concern] = deque()
        self._sent: Concern | None = None  # that is not acknowledged yet
        self._news = asyncio.Event()

    def offer(self, concern: Concern) -> None:
        """A new entry that concerns the source."""
        if self.is_behind or concern.entry.seq <= self.place:
            return
        if len(self._waiting) >= WAITING_MAX:
            self.fall_behind()
            return
        self._waiting.append(concern)
        self._news.set()

    def passed(self, seq: int) -> None:
        """All entries up to this one have been offered."""
        if not (self.is_behind or self._waiting or self._sent):
            self.place = max(self.place, seq)

    def fall_behind(self) -> None:
        self.is_behind = True
        self._waiting.clear()
        self._news.set()

    def catch_up(self, seq: int) -> bool:
        """Called when the journal is read up to the place. `seq`: of the last entry that was offered."""
        self.is_behind = self.place < seq
        return not self.is_behind

    async def next(self) -> Concern | None:
        """What is to be sent next; None: it has fallen behind."""
        while not self.is_behind and not self._waiting:
            self._news.clear()
            await self._news.wait()
        self._sent = None if self.is_behind else self._waiting.popleft()
        return self._sent

    def acknowledge(self, seq: int) -> None:
        self.place = max(self.place, seq)
        self._sent = None
