"""Delivers the notices of one target, one after the other, from a thread of its own.

    put(notice) → outbox → thread: target.send → delivered | tried again, later and later | given up

A target that hangs holds up its own thread. A notice is tried again after an answer alone: while a call hangs, its
thread has no room for another one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.journal.aside import Aside
from overmind.notices.notice import Notice
from overmind.notices.outbox import Outbox
from overmind.notices.targets import Target
from overmind.ports import Clock
from overmind.solana.backoff import backoff_s

SEND_MAX_S: Final = 20.0  # then the target counts as hanging
TRIES: Final = 5
TRIES_CRITICAL: Final = 20  # a quarter of an hour, with pauses of up to a minute

log = structlog.get_logger("notices")


class TargetRow(Value, frozen=True):
    """What became of the notices for a target, since the start."""

    target: str
    delivered: int
    failed: int  # given up
    dropped: int  # had no room
    waiting: int
    stalled_s: float  # for how long the call that is under way has hung; 0: it does not

    def alarms(self) -> list[str]:
        found = {
            f"the target {self.target} of notices has not answered for {self.stalled_s:.0f} s": self.stalled_s > 0,
            f"notices that the target {self.target} did not take: {self.failed}": self.failed > 0,
            f"notices for the target {self.target} that had no room: {self.dropped}": self.dropped > 0,
        }
        return [told for told, is_so in found.items() if is_so]


class Delivery:
    def __init__(self, target: Target, clock: Clock, ended: Callable[[Notice, bool], None]) -> None:
        """`ended` hears of each notice: whether the target took it."""
        self._target = target
        self._clock = clock
        self._ended = ended
        self._outbox = Outbox()
        self._aside = Aside(f"notices {target.number}")
        self._delivered = self._failed = 0
        self._began_ns: int | None = None  # when the call that is under way began
        self._told = False  # that the target does not take notices

    def put(self, notice: Notice) -> None:
        dropped = self._outbox.put(notice)
        if dropped is not None:
            self._ended(dropped, False)

    @property
    def row(self) -> TargetRow:
        hangs_s = 0.0 if self._began_ns is None else (self._clock.now_ns() - self._began_ns) / NS
        return TargetRow(
            target=self._target.name,
            delivered=self._delivered,
            failed=self._failed,
            dropped=self._outbox.dropped,
            waiting=len(self._outbox),
            stalled_s=hangs_s if hangs_s >= SEND_MAX_S else 0.0,
        )

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            notice = await self._outbox.first()
            took = await self._tried(notice)
            self._outbox.taken(notice)
            if took:
                self._delivered += 1
            else:
                self._failed += 1
            self._tell(took, notice)
            self._ended(notice, took)

    def close(self) -> None:
        """A call that hangs is left behind: its thread ends with the process."""
        self._aside.shutdown()

    async def _tried(self, notice: Notice) -> bool:
        for attempt in range(1, (TRIES_CRITICAL if notice.is_critical else TRIES) + 1):
            if await self._sent(notice):
                return True
            self._tell(False, notice)
            await self._clock.sleep(backoff_s(attempt, self._target.name))
        return False

    async def _sent(self, notice: Notice) -> bool:
        """Whether the target took it. Whatever the call raises is an answer: it did not."""
        call = partial(self._target.send, notice.title, notice.lines(), notice.severity.value)
        self._began_ns = self._clock.now_ns()
        sending = asyncio.ensure_future(self._aside.run(call))
        try:
            while not sending.done():
                await asyncio.wait((sending,), timeout=SEND_MAX_S)
                if not sending.done():
                    self._tell(False, notice)
        finally:
            sending.cancel()
        self._began_ns = None
        return sending.exception() is None and sending.result()

    def _tell(self, took: bool, notice: Notice) -> None:
        """Once, until the target takes notices again."""
        if took and self._told:
            log.warning("a target takes notices again", target=self._target.name)
        elif not took and not self._told:
            log.error("a target does not take notices", target=self._target.name, title=notice.title)
        self._told = not took
