"""A desk that lives through virtual days in a folder, with the accidents of a month; what each day cost it.

It is the real app on real files, and only the clock is virtual. Prices move on the shipped tape, which repeats.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from msgspec.structs import replace
from solders.keypair import Keypair

from bench.accidents import FullDisk, older_desk, step_back, wrong_clock
from bench.measure import Spread, spread_of
from bench.month_machine import MonthClock, MonthJournal, ProcessAwaited, TimedLoop, loop_ns
from overmind.clock.clocks import thread_ns
from overmind.config import MultiWalletConfig
from overmind.core.books.state import encode_state
from overmind.core.control.holds import DISK_FULL
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS
from overmind.desk.app import App
from overmind.desk.engine import DiskFull
from overmind.desk.market import Connect, open_tape, paper
from overmind.desk.running import running
from overmind.journal.database import Disk
from overmind.views.decisions import DecisionStatus

WALLETS: Final = 50
NOTIONAL_USD: Final = (20, 200)
SMALL_USD: Final = 20
SENT_AGAIN: Final = 20  # signals of the day on which the disk was full


class Plan(msgspec.Struct, frozen=True):
    days: int = 30
    day_s: float = 86_400.0  # a shorter one is only a part of a day
    signals: int = 10_000  # a day, buys and sales
    look_every_s: float = 5.0  # at prices; they are journaled every ten seconds, or when they change
    restart_every: int = 5  # days
    upgrade_after: int = 1  # the days before keep the rules and the state's shape of an earlier version
    wrong_day: int = 7  # when somebody sets the clock
    full_day: int = 13  # when the disk fills


MONTH: Final = Plan()


class Day(msgspec.Struct, frozen=True):
    """What one virtual day cost. Sizes are those at its end."""

    day: int
    placed: int
    refused: int
    untaken: int  # because the disk was full
    entries: int
    rss_mb: float
    journal_mb: float  # the database with its log
    sealed_mb: float
    log_mb: float
    log_files: int
    longest_turn_ms: float  # of the event loop, in processor time
    decision_us: Spread
    decision_cpu_us: Spread  # of the event loop's thread
    start_s: float | None  # processor time of the recovery, if the day began with a start
    events: tuple[str, ...]


class Month:
    """A desk in a folder, and the signals that it gets."""

    def __init__(self, folder: Path, plan: Plan, told: Callable[[list[Day]], None]) -> None:
        self.config = MultiWalletConfig.from_env(environment(folder), dotenv=None)
        self.journal = folder / "data" / "overmind.db"
        self.days: list[Day] = []
        self._logs, self._plan, self._told = folder / "logs", plan, told
        self._tape = open_tape(self.config)
        self.clock = MonthClock(self._tape.start_ns // DAY_NS * DAY_NS)
        self._mints = sorted(self._tape.ticks(self._tape.start_ns))
        self._rng, self._number = Random(12), 0
        self._left: bytes | None = None  # the state that the desk ended with
        self._placed_full, self._untaken = list[Signal](), list[Signal]()  # while the disk was full
        self._start_s: float | None = None
        self._events: list[str] = []

    async def live(self) -> None:
        plan = self._plan
        while len(self.days) < plan.days:
            day = len(self.days) + 1
            with self._disk(day) as disk:
                async with self._started(day, disk) as app:
                    await self._send_again(app)
                    for number in range(day, self._last_before_restart(day) + 1):
                        self.days.append(await self._day(app, number, disk))
                        self._told(self.days)
            if len(self.days) == plan.upgrade_after:
                await step_back(self.journal)
                self._events.append("upgrade")

    def _last_before_restart(self, day: int) -> int:
        plan = self._plan
        ends = {*range(plan.restart_every, plan.days, plan.restart_every), plan.upgrade_after, plan.full_day - 1}
        return min(one for one in (*ends, plan.full_day, plan.days) if one >= day)

    @contextmanager
    def _disk(self, day: int) -> Iterator[FullDisk | None]:
        """A disk that can fill, on the day on which it will."""
        if day != self._plan.full_day:
            yield None
            return
        disk = FullDisk(self.journal)
        try:
            yield disk
        finally:
            disk.unregister()

    @asynccontextmanager
    async def _started(self, day: int, disk: FullDisk | None) -> AsyncIterator[App]:
        """Raises AssertionError when the journal leads to another state than the desk had."""
        self._events.append("start")
        on = Disk() if disk is None else Disk(vfs=disk.disk_name)
        opened, made = contextlib.closing(MonthJournal.open(self.journal, on)), ProcessAwaited(self.journal)
        with opened as journal, contextlib.closing(made) as maker:
            began_ns = thread_ns()
            app = App(self.config, journal, self.clock, self._connect(day), maker=maker)
            self._start_s = (thread_ns() - began_ns) / 1e9
            assert self._left in (None, encode_state(app.engine.state)), "a start led to another state"
            async with running(app):
                assert DISK_FULL not in app.engine.state.holds, "the disk has room"
                yield app
            self._left = encode_state(app.engine.state)

    def _connect(self, day: int) -> Connect:
        here = paper(self.config, self._tape)
        connect = older_desk(here) if day <= self._plan.upgrade_after else here
        return lambda engine, clock: replace(connect(engine, clock), mark_every_s=self._plan.look_every_s)

    async def _send_again(self, app: App) -> None:
        """After the disk was full: what was placed is known, and what was not taken is decided now."""
        for signal in self._placed_full[-SENT_AGAIN:]:
            decision = await app.submit(signal)
            assert decision.status is DecisionStatus.DUPLICATE, f"{signal.id} was lost"
            known = (order_id in app.engine.state.open_orders for order_id in decision.orders)
            assert not any(known), f"{signal.id} was not settled"
        for signal in self._untaken[-SENT_AGAIN:]:
            decision = await app.submit(signal)
            assert decision.status in (DecisionStatus.PLACED, DecisionStatus.REFUSED), f"{signal.id} was taken"
        self._placed_full.clear()
        self._untaken.clear()

    async def _day(self, app: App, day: int, disk: FullDisk | None) -> Day:
        statuses, times, cpu_times = Counter[DecisionStatus](), list[int](), list[int]()
        TimedLoop.longest_ns, plan = 0, self._plan
        wrong = asyncio.create_task(wrong_clock(app, self.clock, plan.day_s / 4)) if day == plan.wrong_day else None
        for number in range(plan.signals):
            await self.clock.sleep(plan.day_s / plan.signals)
            signal = self._signal_on(disk, number / plan.signals)
            began_ns, cpu_ns = time.perf_counter_ns(), loop_ns()
            status = await self._submitted(app, signal, disk)
            if status is not None:
                times.append(time.perf_counter_ns() - began_ns)
                cpu_times.append(loop_ns() - cpu_ns)
                statuses[status] += 1
        if wrong is not None:
            await wrong
            self._events.append("clock set wrong")
        if disk is not None:
            self._require_full(app)
            self._events.append("disk full")
        return self._told_day(app, day, statuses, spread_of(times), spread_of(cpu_times))

    async def _submitted(self, app: App, signal: Signal, disk: FullDisk | None) -> DecisionStatus | None:
        """None: the disk is full, and the signal was not taken."""
        held = DISK_FULL in app.engine.state.holds
        try:
            decision = await app.submit(signal)
        except DiskFull:
            self._untaken.append(signal)
            return None
        if disk is not None and disk.is_full:
            entered = signal.action is TradeAction.BUY and decision.status is DecisionStatus.PLACED
            assert not (entered and held), f"{signal.id} entered on a full disk"
            self._placed_full.append(signal)
        return decision.status

    def _require_full(self, app: App) -> None:
        """Sales went on while entries were not taken. Room within the journal's files was used up first."""
        assert DISK_FULL in app.engine.state.holds, "the disk never filled"
        bought = [signal for signal in self._untaken if signal.action is TradeAction.BUY]
        sold = [signal for signal in self._placed_full if signal.action is TradeAction.SELL]
        assert min(len(bought), len(sold)) >= SENT_AGAIN, f"{len(bought)} buys not taken, {len(sold)} sales placed"

    def _signal_on(self, disk: FullDisk | None, share: float) -> Signal:
        """Before the disk fills the desk buys for a quarter of the day, so that it has what to sell then."""
        if disk is None or share < 0.5:
            return self._signal(is_sale=self._number % 2 == 0, whole=True)
        if share < 0.75:
            return self._signal(is_sale=False)
        if not disk.is_full:
            disk.fill()
        return self._signal(is_sale=self._number % 2 == 0)

    def _signal(self, *, is_sale: bool, whole: bool = False) -> Signal:
        """A `whole` sale takes all of what its strategy owns of the token, in one wallet or several."""
        self._number += 1
        sell_all = is_sale and whole
        usd = SMALL_USD if is_sale else self._rng.randrange(*NOTIONAL_USD)
        return Signal(
            id=SignalId(f"e{self._number}"),
            strategy=StrategyType.ARBITRAGE,
            action=TradeAction.SELL if is_sale else TradeAction.BUY,
            mint=self._mints[self._number // 2 % len(self._mints)],
            risk_tolerance_ppm=1_000_000,
            notional_micros=None if sell_all else usd * MICROS,
            sell_all=sell_all,
        )

    def _told_day(
        self, app: App, day: int, statuses: Counter[DecisionStatus], decision: Spread, decision_cpu: Spread
    ) -> Day:
        start_s, events = self._start_s, tuple(self._events)
        self._start_s, self._events = None, []
        return Day(
            day=day,
            placed=statuses[DecisionStatus.PLACED],
            refused=statuses[DecisionStatus.REFUSED],
            untaken=len(self._untaken),
            entries=app.engine.state.seq,
            rss_mb=_rss_mb(),
            journal_mb=_size_mb(self.journal.parent, "overmind.db*"),
            sealed_mb=_size_mb(self.journal.parent / "segments", "*"),
            log_mb=_size_mb(self._logs, "*"),
            log_files=len([*self._logs.glob("*")]),
            longest_turn_ms=TimedLoop.longest_ns / 1e6,
            decision_us=decision,
            decision_cpu_us=decision_cpu,
            start_s=start_s,
            events=events,
        )


def environment(folder: Path) -> dict[str, str]:
    """The configuration of the desk in this folder."""
    names = [f"w{number:02}" for number in range(WALLETS)]
    keys = {f"KEY_{name}": str(Keypair.from_seed(blake2b(name.encode(), digest_size=32).digest())) for name in names}
    return {
        **keys,
        "OVERMIND_MANAGED_WALLETS": ",".join(f"{name}:env:KEY_{name}:hft:high:{1 / WALLETS}" for name in names),
        "OVERMIND_DEFAULT_WALLET": names[0],
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PAPER_CAPITAL_USD": "1000000",
        "SNIPER_TRADING_MODE": "paper",
    }


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _size_mb(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / 1e6 if folder.exists() else 0.0
