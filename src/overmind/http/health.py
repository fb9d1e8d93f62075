"""Liveness and readiness, for supervisors and probes: these routes need no token."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.books.trust import doubt_text, doubts_to_tell
from overmind.core.books.unlisted import is_needed
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.desk.engine import EngineStopped
from overmind.desk.log.setup import lines_lost, log_alarm, log_fault
from overmind.desk.loop_turns import TurnsRow
from overmind.http.responses import JsonResponse
from overmind.ports import ChainSilent, JournalFailed
from overmind.views.alarms import admission_alarms, history_alarms, landing_alarms
from overmind.views.amounts import symbol_of

DURABLE_S: Final = 2.0  # A journal that takes longer than this is unhealthy.
CHAIN_S: Final = 2.0
CHAIN_ASKED_EVERY_S: Final = 5  # Probes must not use up the provider's rate limit.


class Alive(Value, frozen=True):
    ok: bool = True


class Ready(Value, frozen=True):
    """Whether the desk can trade."""

    ready: bool
    reasons: list[str]  # why not
    log_lines_lost: int  # since the start
    loop: TurnsRow
    clock_ahead_seconds: float | None  # of block time; null: on paper, or while no node tells it


class Fault(enum.StrEnum):
    """What keeps the desk from trading. The metrics count the reasons of each."""

    STOPPING = "stopping"
    JOURNAL = "journal"
    CHAIN = "chain"
    PRICES = "prices"
    CLOCK = "clock"
    HISTORY = "history"
    NODES = "nodes"
    LANDING = "landing"
    ADMISSION = "admission"
    DISK = "disk"
    LOG = "log"
    SPACE = "space"
    KEEPER = "keeper"


Reachable = Callable[[], Awaitable[None]]


class ServiceHealth:
    def __init__(self, app: App, reachable: Reachable | None) -> None:
        """`reachable` makes any request to the chain, or raises ChainSilent; None in paper mode."""
        self._app = app
        self._reachable = reachable
        self._asked_ns = -CHAIN_ASKED_EVERY_S * NS
        self._chain: str | None = None  # what was wrong with it then
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/healthz")
        async def healthz() -> Response:
            """A failed engine ends the process, so a process that answers is alive."""
            return JsonResponse(Alive())

        @router.get("/readyz")
        async def readyz() -> Response:
            reasons = await self.reasons()
            turns, ahead_s = self._app.turns.shown(), self._app.clock_watch.ahead_s
            ready = Ready(not reasons, reasons, lines_lost(), turns, ahead_s)
            return JsonResponse(ready, 503 if reasons else 200)

        return router

    async def reasons(self) -> list[str]:
        """Why the desk cannot trade now; none: it can."""
        return [*chain.from_iterable((await self.faults()).values())]

    async def faults(self) -> dict[Fault, tuple[str, ...]]:
        """The same by what they are about; blank where nothing is wrong."""
        app = self._app
        journal, silent = await self._journal_fault(), await self._chain_fault()
        state, space, keeper = app.engine.state, app.space, app.keeper
        return {
            Fault.STOPPING: ("the service is stopping",) if self._stopping else (),
            Fault.JOURNAL: _told(journal),
            Fault.CHAIN: _told(silent),
            Fault.PRICES: tuple(price_faults(state, app.clock.now_ns())),
            Fault.CLOCK: tuple(app.clock_watch.alarms()),
            Fault.HISTORY: history_alarms(state),
            Fault.NODES: app.node_faults,
            Fault.LANDING: landing_alarms(state),
            Fault.ADMISSION: admission_alarms(state),
            Fault.DISK: _told(app.disk_fault()),
            Fault.LOG: _told(log_fault()),
            Fault.SPACE: _told(None if space is None else space.fault()),
            Fault.KEEPER: _told(None if keeper is None else keeper.fault()),
        }

    async def _journal_fault(self) -> str | None:
        try:
            if (locked := self._app.storage().locked) is not None:
                return locked
        except JournalFailed as failed:
            return str(failed)
        try:
            async with asyncio.timeout(DURABLE_S):
                full = await self._app.engine.read(lambda state: "disk_full" in state.holds)
        except TimeoutError:
            return f"the journal did not become durable within {DURABLE_S:g} s"
        except EngineStopped as stopped:
            return str(stopped)
        return "the journal's disk is full" if full else None

    async def _chain_fault(self) -> str | None:
        now_ns = self._app.clock.now_ns()
        if self._reachable is not None and now_ns - self._asked_ns >= CHAIN_ASKED_EVERY_S * NS:
            self._asked_ns, self._chain = now_ns, None
            try:
                async with asyncio.timeout(CHAIN_S):
                    await self._reachable()
            except (ChainSilent, TimeoutError):
                self._chain = "the chain does not answer"
        return self._chain


def price_faults(state: State, at_ns: int) -> list[str]:
    """SOL must have a price, every listed token that ever had one must have it still, and each must be believed. A
    token that no list has needs one while somebody needs the token.
    """
    desk = state.settings
    faults = [] if SOL in state.marks else ["SOL was never priced"]
    for mint, doubted in doubts_to_tell(state).items():
        faults.append(f"the price of {symbol_of(desk, mint)} is not believed: {doubt_text(state, doubted)}")
    for mint, mark in state.marks.items():
        if mint in state.doubted or (mint in state.unlisted and not is_needed(state, mint)):
            continue
        age_ms = (at_ns - mark.at_ns) // 1_000_000
        if mint in desk.tokens and age_ms * 1_000_000 > desk.mark_age_max_ns:
            faults.append(f"the price of {desk.tokens[mint].symbol} is {age_ms} ms old")
    return faults


class MachineAlarm(enum.StrEnum):
    """What an alarm outside of the books is about. The metrics count the alarms of each."""

    LOG = "log"
    SPACE = "space"
    KEEPER = "keeper"
    DISK = "disk"
    DRIFT = "clock_drift"
    NODES = "nodes"
    RELAY = "relay"
    NOTICES = "notices"


def machine_alarms_by_kind(app: App) -> dict[MachineAlarm, tuple[str, ...]]:
    """What an operator has to look at outside of the books, by what it is about; blank where there is none."""
    return {
        MachineAlarm.LOG: _told(log_alarm()),
        MachineAlarm.SPACE: _told(None if app.space is None else app.space.alarm()),
        MachineAlarm.KEEPER: _told(None if app.keeper is None else app.keeper.alarm()),
        MachineAlarm.DISK: _told(app.disk_fault()),
        MachineAlarm.DRIFT: tuple(app.clock_watch.drift_alarms()),
        MachineAlarm.NODES: app.node_faults,
        MachineAlarm.RELAY: _told(None if app.relay is None else app.relay.silence.alarm()),
        MachineAlarm.NOTICES: tuple(told for alarms in app.alarms_beside for told in alarms()),
    }


def machine_alarms(app: App) -> tuple[str, ...]:
    """The same in one row. `/v1/risk` and the page show it."""
    return tuple(chain.from_iterable(machine_alarms_by_kind(app).values()))


def _told(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)
