"""A clock that a test moves by hand."""

from __future__ import annotations

import asyncio
import heapq

from overmind.core.model.units import NS


class SteppingClock:
    """Virtual time: it passes only when somebody advances it, so a run is as fast as it can be, and repeatable."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []  # a heap of (due, turn, waiter)
        self._turn = 0

    def now_ns(self) -> int:
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        """Until tape time has passed that point. Zero lets the others run once."""
        due_ns = self._now_ns + round(seconds * NS)
        if due_ns <= self._now_ns:
            await asyncio.sleep(0)
            return
        waiter = asyncio.get_running_loop().create_future()
        self._turn += 1  # Equal due times wake in the order in which they began to wait.
        heapq.heappush(self._waiting, (due_ns, self._turn, waiter))
        await waiter

    def next_due_ns(self) -> int | None:
        """When the next sleeper wakes: who must see each of them at its own time advances step by step to this."""
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)  # It was cancelled.
        return self._waiting[0][0] if self._waiting else None

    def advance_to(self, at_ns: int) -> None:
        """Wake, in order of due time, all who are due by then. They run when the caller next waits."""
        assert at_ns >= self._now_ns, (at_ns, self._now_ns)
        self._now_ns = at_ns
        while self._waiting and self._waiting[0][0] <= at_ns:
            waiter = heapq.heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)
