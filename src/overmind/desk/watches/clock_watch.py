"""Watches the machine's clock: says when it jumped, ends the hold when its time is confirmed, and asks block time.

The engine itself holds entries, at the first reading after a jump: see `clock.desk_clock`. See specification §2.13.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from overmind.clock.desk_clock import DeskClock
from overmind.core.model.commands import CommandRefused, MarkPrices, TrustClock, given_by
from overmind.core.model.controls import CLOCK
from overmind.core.model.units import NS
from overmind.desk.engine import Engine
from overmind.desk.watches.clock_reference import write_reference
from overmind.journal.aside import Aside
from overmind.ports import ChainSilent

LOOK_EVERY_S: Final = 1.0
ASK_EVERY_S: Final = 30.0
ASK_IN_DOUBT_S: Final = 2.0
ASK_TIMEOUT_S: Final = 5.0
KEPT_NS: Final = NS // 10  # A smaller difference is not worth a write.
KEEP_MAX_S: Final = 5.0
BLOCK_TIME: Final = "the chain's block time"
CONTRADICTED_NS: Final = 300 * NS  # Further off than this, block time is believed and the machine's clock is not.
FIX: Final = "set the machine's clock right; if it is right, `overmind accept-time --reason …`"

log = structlog.get_logger("clock")


class BlockTimes(Protocol):
    async def block_time_ns(self) -> int:
        """When the newest block was made, by the chain. Raises ChainSilent."""


class ClockWatch:
    def __init__(
        self,
        engine: Engine,
        clock: DeskClock,
        chain: BlockTimes | None,
        drift_max_ns: int,
        folder: Path | None = None,
    ) -> None:
        """`chain`: the second clock; None on paper, where the machine's boot-time clock is. `drift_max_ns`: between the
        clock and block time, before it is an alarm. `folder`: where it is kept for the next start what time it is.
        """
        self._engine = engine
        self._clock = clock
        self._chain = chain
        self._drift_max_ns = drift_max_ns
        self._block_ns = 0  # the newest block time
        self._drift_ns: int | None = None
        self._told: str | None = None  # the doubt that is logged
        self.doubts = 0  # that were logged since the start
        self._alarmed = False
        self._folder = folder
        self._aside = Aside("clock")
        self._kept_ns: int | None = None  # what the next start will read
        self._unkept = ""  # why that cannot be written, as it is logged

    async def run(self) -> None:
        """Runs until cancelled; returns at once where time is virtual, which cannot jump."""
        if not self._clock.of_machine:
            return
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_on())
            tasks.create_task(self._keep_on())
            if self._chain is not None:
                tasks.create_task(self._ask_on())

    async def _look_on(self) -> None:
        while True:
            self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def _keep_on(self) -> None:
        while True:
            await self.keep()
            await self._clock.sleep(LOOK_EVERY_S)

    async def keep(self) -> None:
        """Keeps what time it is, when that is another than before. The desk goes on if the disk does not take it."""
        booted_ns, kept_ns = self._clock.booted_ns, self._kept_ns
        if self._folder is None or booted_ns is None or (kept_ns is not None and abs(booted_ns - kept_ns) < KEPT_NS):
            return
        try:
            await self._aside.run(partial(write_reference, self._folder, booted_ns), KEEP_MAX_S)
        except (TimeoutError, OSError) as fault:
            why = str(fault) or "the disk does not answer"
            if why != self._unkept:
                log.warning("what time it is cannot be kept for the next start", why=why)
            self._unkept = why
        else:
            self._kept_ns, self._unkept = booted_ns, ""

    async def _ask_on(self) -> None:
        waited_s = 0.0
        while True:
            await self._clock.sleep(ASK_IN_DOUBT_S)
            waited_s += ASK_IN_DOUBT_S
            if waited_s >= ASK_EVERY_S or self._clock.jump is not None or not self._block_ns:
                waited_s = 0.0
                await self.ask()

    def look(self) -> None:
        self._settle(self._clock.settle(boot_time_counts=self._chain is None))

    async def ask(self) -> None:
        """Compares the clock with block time. A chain that does not answer says nothing."""
        if self._chain is None:
            return
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                block_ns = await self._chain.block_time_ns()
        except (ChainSilent, TimeoutError):
            self._drift_ns = None
            return
        if block_ns == self._block_ns and self._clock.jump is None:
            return  # No block since the last look: a chain that stands still is no clock.
        self._block_ns = block_ns
        self._settle(self._clock.confirm(BLOCK_TIME, block_ns, self._drift_max_ns))
        near_ns, last_ns = self._drift_max_ns, self._engine.state.at_ns
        self._clock.contradict(BLOCK_TIME, block_ns, max(CONTRADICTED_NS, near_ns), near_ns, last_ns)
        self._drift_ns = self._clock.wall_ns() - block_ns
        self._warn_of_drift(self._drift_ns)

    def alarms(self) -> list[str]:
        """What is wrong with the time now, for probes and operators."""
        doubt = self._clock.jump
        return [*([] if doubt is None else [f"entries are held: {doubt.why}; {FIX}"]), *self.drift_alarms()]

    def drift_alarms(self) -> list[str]:
        """The clock is too far from block time, or no node has told it since the start."""
        if self._chain is not None and not self._block_ns:
            return [f"no node has told {BLOCK_TIME} yet: nothing confirms the clock"]
        if self._drift_ns is None or abs(self._drift_ns) <= self._drift_max_ns:
            return []
        return [f"the clock is {_off(self._drift_ns)}: look at the time service"]

    @property
    def ahead_s(self) -> float | None:
        """How far the clock is ahead of block time; None: not known."""
        return None if self._drift_ns is None else _seconds(self._drift_ns)

    async def accept(self, reason: str, by: str = "") -> None:
        """An operator says that the clock is right; durable on return. Raises CommandRefused."""
        if self._clock.jump is None and CLOCK not in self._engine.state.holds:
            raise CommandRefused("the clock is believed already: there is nothing to accept")
        if not reason.strip():
            raise CommandRefused("a blank reason: say why the time is right; it is journaled")
        await self.ask()
        if self._drift_ns is not None and abs(self._drift_ns) > CONTRADICTED_NS:
            raise CommandRefused(f"the clock is {_off(self._drift_ns)}: set it right")
        log.warning("an operator accepts the clock", reason=reason)
        self._clock.accept()
        self._told = None
        await self._engine.handle(given_by(TrustClock(reason), by))
        await self.keep()

    def _settle(self, ended: str | None) -> None:
        """Logs a new doubt, and lifts the hold of one that ended."""
        jump = self._clock.jump
        if jump is not None:
            if jump.why != self._told:
                self._told, self.doubts = jump.why, self.doubts + 1
                log.error("the clock is not believed, entries are held", why=jump.why, fix=FIX)
                self._engine.post(MarkPrices(()))  # Any decision adds the hold before it.
            return
        if self._told is not None or CLOCK in self._engine.state.holds:
            why = ended or "the clock is right again"
            self._told = None
            log.warning("the clock is believed again", why=why)
            self._engine.post(TrustClock(why))

    def _warn_of_drift(self, drift_ns: int) -> None:
        off = abs(drift_ns) > self._drift_max_ns
        if off and not self._alarmed:
            log.error("the clock and block time differ", ahead_s=_seconds(drift_ns), fix="look at the time service")
        elif self._alarmed and not off:
            log.warning("the clock and block time agree again", ahead_s=_seconds(drift_ns))
        self._alarmed = off


def _seconds(ns: int) -> float:
    return round(ns / NS, 1)


def _off(drift_ns: int) -> str:
    return f"{_seconds(abs(drift_ns))} s {'ahead of' if drift_ns > 0 else 'behind'} {BLOCK_TIME}"
