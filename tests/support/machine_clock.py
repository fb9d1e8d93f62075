"""The clocks of a machine in virtual time: a wall clock that a test sets, and two that cannot jump."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from overmind.core.model.units import NS


class JumpingClock:
    """`ports.MachineClock` on a VirtualLoop that began at `start_ns`."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._stepped_ns = 0  # how far the wall clock is ahead of the steady clock
        self._suspended_ns = 0
        self.stopped_ns = 0  # for how long the machine was suspended or paused
        self.on_await: Callable[[], object] = bool  # called before and after every sleep

    def now_ns(self) -> int:
        return self._start_ns + self.steady_ns() + self._stepped_ns

    def steady_ns(self) -> int:
        return round(asyncio.get_running_loop().time() * NS)

    def boot_ns(self) -> int:
        return self.steady_ns() + self._suspended_ns

    async def sleep(self, seconds: float) -> None:
        self.on_await()
        await asyncio.sleep(seconds)
        self.on_await()

    def true_ns(self) -> int:
        """What time it really is."""
        return self._start_ns + self.steady_ns() + self.stopped_ns

    def step(self, ns: int) -> None:
        """Somebody sets the wall clock."""
        self._stepped_ns += ns

    def suspend(self, ns: int) -> None:
        """The machine sleeps: only the wall clock and the boot-time clock notice."""
        self.pause(ns)
        self._suspended_ns += ns

    def pause(self, ns: int) -> None:
        """The hypervisor stops the machine, and then sets its wall clock: nothing in the machine has noticed."""
        self.step(ns)
        self.stopped_ns += ns

    def correct(self) -> None:
        """Somebody sets the wall clock right."""
        self._stepped_ns = self.stopped_ns
