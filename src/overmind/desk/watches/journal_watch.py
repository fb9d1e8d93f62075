"""Watches the journal's disk: its files stay where they were opened, nobody else locks it, and there is room.

See specification §13.7, §13.8 and §13.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from overmind.core.exits.exit_rules import exits_at
from overmind.core.model.enums import Side
from overmind.core.model.units import NS
from overmind.desk.engine import Engine
from overmind.journal.aside import Hangs
from overmind.ports import Clock, Journal, JournalFailed, Prices, Storage

LOOK_EVERY_S: Final = 0.5
PAST_LOOK_EVERY_S: Final = 3_600.0  # of tape time: a backtest that is lost is played again
ALARM_S: Final = 5.0  # how long another program's lock may last before it is an alarm
ALARM_EVERY_S: Final = 30.0
TOLD_EVERY_BYTES: Final = 1024 * 1024
LOCK_FIX: Final = "close the program that reads or copies the journal; nothing is told or sent until then"
SILENT_S: Final = 5.0  # how long a look at the disk may take before it is an alarm
SILENT_FIX: Final = "look at the disk, or at the server of a network drive; no entry is sent until it answers"
ROOM_FIX: Final = "make room on the disk, then restart the desk"

log = structlog.get_logger("journal")


class JournalWatch:
    def __init__(
        self, engine: Engine, journal: Journal, prices: Prices, clock: Clock, every_s: float = LOOK_EVERY_S
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._prices = prices
        self._clock = clock
        self._every_s = every_s
        self.silent: str | None = None  # why the disk cannot be looked at; None: it can
        self._locked_ns: int | None = None  # since when another program has locked it
        self._alarm_ns: int | None = None  # when that was last told
        self._alarmed_exit = False
        self._told_bytes: int | None = None  # what was left of the reserve when it was last told

    async def run(self) -> None:
        """Runs until cancelled. Raises JournalFailed when what is written would be lost."""
        while True:
            await self._refresh()
            self.look()
            await self._clock.sleep(self._every_s)

    async def _refresh(self) -> None:
        """Looks at the disk. What hangs with it is said once; the desk goes on with what is known."""
        try:
            async with asyncio.timeout(SILENT_S):
                await self._journal.look()
        except (TimeoutError, Hangs):
            if self.silent is None:
                self.silent = f"the disk of the data folder has not answered within {SILENT_S:g} s"
                log.error("the disk of the data folder does not answer", seconds=SILENT_S, fix=SILENT_FIX)
        else:
            if self.silent is not None:
                log.warning("the disk of the data folder answers again")
            self.silent = None

    def look(self) -> None:
        try:
            storage = self._journal.storage()
        except JournalFailed as failed:
            self._tell_tickets(failed)
            raise
        self._look_at_lock(storage)
        self._look_at_room(storage)

    def _tell_tickets(self, failed: JournalFailed) -> None:
        """The journal knew what is under way. When it is lost, the log is the last place that can name it."""
        log.critical("the journal is lost, the desk ends", why=str(failed))
        for order_id, known in self._engine.state.open_orders.items():
            if known.ticket is not None:
                order, signature = known.order, known.ticket.signature
                log.critical("under way", order_id=order_id, wallet=order.wallet_id, signature=signature)

    def _look_at_lock(self, storage: Storage) -> None:
        now_ns = self._clock.now_ns()
        if storage.locked is None:
            if self._alarm_ns is not None:
                log.warning("the journal is not locked any more; what waited was written")
            self._locked_ns = self._alarm_ns = None
            self._alarmed_exit = False
            return
        if self._locked_ns is None:
            self._locked_ns = now_ns
        if now_ns - self._locked_ns < ALARM_S * NS:
            return
        exits = self._exits_waiting(now_ns)
        urgent = bool(exits) and not self._alarmed_exit
        if self._alarm_ns is None or urgent or now_ns - self._alarm_ns >= ALARM_EVERY_S * NS:
            self._alarm_ns, self._alarmed_exit = now_ns, bool(exits)
            say: Callable[..., None] = log.critical if exits else log.error
            what = "the journal is locked and exits are due" if exits else "the journal is locked"
            seconds = (now_ns - self._locked_ns) // NS
            say(what, why=storage.locked, seconds=seconds, fix=LOCK_FIX, **({"exits": exits} if exits else {}))

    def _exits_waiting(self, now_ns: int) -> list[str]:
        """Sales that cannot be sent, and exits that current prices make due and that cannot be decided."""
        state = self._engine.state
        prices = {mint: tick.price_pico for mint, tick in self._prices.ticks().items()}
        unsent = [
            f"{known.order.wallet_id}:{known.order.mint}"
            for known in state.open_orders.values()
            if known.order.side is Side.SELL and known.ticket is None
        ]
        return sorted({*unsent, *(f"{due.wallet_id}:{due.mint}" for due in exits_at(state, prices, now_ns))})

    def _look_at_room(self, storage: Storage) -> None:
        left = storage.reserve_bytes
        if left is None:
            self._told_bytes = None
        elif self._told_bytes is None or self._told_bytes - left >= TOLD_EVERY_BYTES:
            self._told_bytes = left
            log.error("the disk is full", reserve_left_kb=left // 1024, takes="stops, exits and outcomes", fix=ROOM_FIX)
