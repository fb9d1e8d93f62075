"""What time it is. The only module that may read the wall clock; everyone else takes a Clock."""

from __future__ import annotations

import asyncio
import time

from overmind.ports import Clock


class SystemClock:
    """`ports.Clock`, really."""

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SteadyClock:
    """A desk's own time: the wall clock's, but never backwards and never standing still.

    Marks and times to live are compared with the journal's time, which cannot go back. Were it to wait for a wall
    clock that was set back an hour, every signal would look stale for an hour, and every price fresh. So it runs on,
    at half speed, until the wall clock has caught up.
    """

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._wall_ns = self._now_ns = wall.now_ns()

    def never_before(self, at_ns: int) -> None:
        """The journal has come as far as this."""
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
    """Time that passes as it does, and now and then leaps ahead: history played live, without the hours between."""

    def __init__(self, start_ns: int) -> None:
        self._behind_ns = time.monotonic_ns() - start_ns

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._behind_ns

    def leap_to(self, at_ns: int) -> None:
        """Not backwards: a time that has passed changes nothing."""
        self._behind_ns -= max(0, at_ns - self.now_ns())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
