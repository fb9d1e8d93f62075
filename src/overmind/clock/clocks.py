"""Clocks. Only this module may read the wall clock; all other code takes a Clock."""

from __future__ import annotations

import asyncio
import time
from typing import Final

_BOOT_TIME: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # Only Linux has it.


class SystemClock:
    """`ports.MachineClock` on the system's clocks."""

    now_ns = staticmethod(time.time_ns)  # without a frame of Python: every decision reads both
    steady_ns = staticmethod(time.monotonic_ns)

    def boot_ns(self) -> int:
        return time.clock_gettime_ns(_BOOT_TIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


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
