"""A clock that a test advances by hand."""

from __future__ import annotations

import asyncio
import heapq

from overmind.core.model.units import NS


class SteppingClock:
    """Virtual time: it passes only when a test advances it, so a run is fast and repeatable."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []  # a heap of (due, turn, waiter)
        self._turn = 0

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        """Waits until virtual time has passed that point. Zero lets other tasks run once."""
        due_ns = self._now_ns + round(seconds * NS)
        if due_ns <= self._now_ns:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._turn += 1  # Sleepers with equal due times wake in the order in which they began to wait.
        heapq.heappush(self._waiting, (due_ns, self._turn, waiter))
        await waiter

    def next_due_ns(self) -> int | None:
        """When the next sleeper is due. Advance step by step to this to wake each sleeper at its own time."""
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)  # It was cancelled.
        return self._waiting[0][0] if self._waiting else None

    def advance_to(self, at_ns: int) -> None:
        """Wakes all sleepers that are due by then, in order. They run when the caller next awaits."""
        assert at_ns >= self._now_ns, (at_ns, self._now_ns)
        self._now_ns = at_ns
        while self._waiting and self._waiting[0][0] <= at_ns:
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)
