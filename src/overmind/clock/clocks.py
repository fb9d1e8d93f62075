"""Clocks. Only this module may read the wall clock; all other code takes a Clock."""

from __future__ import annotations

import asyncio
import time

from overmind.ports import Clock


class SystemClock:
    """`ports.Clock` on the system's wall clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SteadyClock:
    """The desk's clock: follows the wall clock, but never runs backwards and never stands still.

    Marks and times to live are compared with the journal's time, which cannot go back. If the clock stood still until a
    wall clock that was set back an hour had caught up, then for an hour every signal would look stale and every price
    fresh. So it runs on, at half speed, until the wall clock has caught up.
    """

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._wall_ns = self._now_ns = wall.now_ns()

    def never_before(self, at_ns: int) -> None:
        """Moves the clock forward to the journal's last time."""
        self._now_ns = max(self._now_ns, at_ns)

    def now_ns(self) -> int:
        wall_ns = self._wall.now_ns()
        passed_ns = max(0, wall_ns - self._wall_ns)
        self._wall_ns = wall_ns
        self._now_ns = max(wall_ns, self._now_ns + passed_ns // 2)
        return self._now_ns

    async def sleep(self, seconds: float) -> None:
        await self._wall.sleep(seconds)


class JumpClock:
    """A clock that runs in real time and can leap ahead: history is played live without the hours in between."""

    def __init__(self, start_ns: int) -> None:
        self._behind_ns = time.monotonic_ns() - start_ns

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._behind_ns

    def leap_to(self, at_ns: int) -> None:
        """Leaps ahead; a time in the past changes nothing."""
        self._behind_ns -= max(0, at_ns - self.now_ns())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def uptime_ns() -> int:
    """Time that never jumps: for measuring, never for the journal."""
    return time.monotonic_ns()


def processor_ns() -> int:
    """Processor time that this process has used, all threads together."""
    return time.process_time_ns()


def thread_ns() -> int:
    """Processor time that the calling thread has used."""
    return time.thread_time_ns()


async def loop_turn() -> None:
    """Lets the event loop turn once: everything else that is ready runs first."""
    await asyncio.sleep(0)
