"""Runs a virtual month of a busy paper desk: the real app on real files, and only the clock is virtual.

Each day has as many trades as the desk's limits let 50 wallets make. Prices move on the shipped tape, which repeats.
Every few days the desk is started anew, the machine's clock jumps by a day and is corrected, snapshots are made and old
entries sealed. What is measured after each day is the curve: memory, disk, turns of the loop, time of a decision.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Final

import msgspec
from solders.keypair import Keypair

from bench.measure import Result, Spread, spread_of
from overmind.clock.clocks import thread_ns
from overmind.clock.virtual import VirtualClock, VirtualLoop
from overmind.config import MultiWalletConfig
from overmind.core.model.controls import CLOCK
from overmind.core.model.enums import StrategyType, TradeAction
from overmind.core.model.ids import SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import DAY_NS, MICROS
from overmind.desk.app import App, running
from overmind.desk.log.setup import configure_logging, stop_logging
from overmind.desk.market import open_tape, paper
from overmind.journal.segments.keeper_process import state_after
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.views.decisions import DecisionStatus
from overmind.views.verify import verify

WALLETS: Final = 50
JUMP_DAY: Final = 2
WRONG_FOR_S: Final = 120.0
NOTIONAL_USD: Final = (20, 200)
TURN_MAX_MS: Final = 20.0
RSS_GROWTH_MAX_MB: Final = 60.0
DAY_MAX_MB: Final = 6.0


class Plan(msgspec.Struct, frozen=True):
    days: int = 30
    day_s: float = 86_400.0  # a shorter one is only a part of a day
    signals: int = 10_000  # a day, buys and sales
    restart_every: int = 5  # days


MONTH: Final = Plan()


class Day(msgspec.Struct, frozen=True):
    """What one virtual day cost. Sizes are those at its end."""

    day: int
    placed: int
    refused: int
    entries: int
    rss_mb: float
    journal_mb: float  # the database with its log
    sealed_mb: float
    log_mb: float
    longest_turn_ms: float  # of the event loop, in processor time, since the first day
    decision_us: Spread


class TimedLoop(VirtualLoop):
    """Measures each turn in processor time of its thread. A timer every few milliseconds would never let time jump."""

    longest_ns = 0

    def _run_once(self) -> None:
        used_ns = thread_ns()
        super()._run_once()  # asyncio's own step: the ready callbacks, once each
        TimedLoop.longest_ns = max(TimedLoop.longest_ns, thread_ns() - used_ns)


class MonthClock(VirtualClock):
    """A machine's clock that may be set wrong; the two others cannot."""

    def __init__(self, start_ns: int) -> None:
        super().__init__(start_ns)
        self.wrong_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.wrong_ns

    def steady_ns(self) -> int:
        return super().now_ns()

    def boot_ns(self) -> int:
        return super().now_ns()


class MakerInThread:
    """Does the keeper's work in a thread, because a virtual loop waits for no process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def state_after(self, seq: int) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(None, state_after, self._path, seq)

    async def segments(self, entries: int) -> AsyncGenerator[Sealed, None]:
        loop, made = asyncio.get_running_loop(), sealed_segments(self._path, entries, entries)
        while (segment := await loop.run_in_executor(None, next, made, None)) is not None:
            yield segment


class Month:
    """A desk in a folder, and the signals that it gets."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.config = _config(folder)
        self.journal = folder / "data" / "overmind.db"
        self.days: list[Day] = []
        self._logs, self._plan = folder / "logs", plan
        self._tape = open_tape(self.config)
        self.clock = MonthClock(self._tape.start_ns // DAY_NS * DAY_NS)
        self._mints = sorted(self._tape.ticks(self._tape.start_ns))
        self._rng, self._number = Random(12), 0

    async def live(self) -> None:
        plan = self._plan
        while len(self.days) < plan.days:
            with contextlib.closing(SqliteJournal.open(self.journal)) as journal:
                connect = paper(self.config, self._tape)
                app = App(self.config, journal, self.clock, connect, maker=MakerInThread(self.journal))
                async with running(app):
                    for _ in range(min(plan.restart_every, plan.days - len(self.days))):
                        self.days.append(await self._day(app, len(self.days) + 1))
                        sys.stderr.write(f"day {len(self.days)} of {plan.days}: {self.days[-1].rss_mb:.0f} MB\n")

    async def _day(self, app: App, day: int) -> Day:
        statuses = {DecisionStatus.PLACED: 0, DecisionStatus.REFUSED: 0}
        times, wrong = list[int](), None
        if day == JUMP_DAY:
            wrong = asyncio.create_task(self._be_wrong(app))
        pause_s = self._plan.day_s / self._plan.signals
        for _ in range(self._plan.signals):
            await self.clock.sleep(pause_s)
            began_ns = time.perf_counter_ns()
            decision = await app.submit(self._signal())
            times.append(time.perf_counter_ns() - began_ns)
            statuses[decision.status] += 1
        if wrong is not None:
            await wrong
        return Day(
            day=day,
            placed=statuses[DecisionStatus.PLACED],
            refused=statuses[DecisionStatus.REFUSED],
            entries=app.engine.state.seq,
            rss_mb=_rss_mb(),
            journal_mb=_size_mb(self.journal.parent, "overmind.db*"),
            sealed_mb=_size_mb(self.journal.parent / "segments", "*"),
            log_mb=_size_mb(self._logs, "*"),
            longest_turn_ms=TimedLoop.longest_ns / 1e6,
            decision_us=spread_of(times),
        )

    async def _be_wrong(self, app: App) -> None:
        """Somebody sets the clock forward by a day, and sets it right two minutes later."""
        await self.clock.sleep(self._plan.day_s / 4)
        day_before, self.clock.wrong_ns = app.engine.state.day, DAY_NS
        await self.clock.sleep(WRONG_FOR_S)
        assert CLOCK in app.engine.state.holds, "the jump was believed"
        self.clock.wrong_ns = 0
        await self.clock.sleep(WRONG_FOR_S)
        assert CLOCK not in app.engine.state.holds, "the correction was not seen"
        assert app.engine.state.day == day_before, "the day was rolled by a wrong clock"

    def _signal(self) -> Signal:
        """Buys and sales in turn. A sale takes all of what its strategy owns of the token in one wallet or several."""
        self._number += 1
        pair, is_sale = divmod(self._number, 2)
        return Signal(
            id=SignalId(f"e{self._number}"),
            strategy=StrategyType.ARBITRAGE,
            action=TradeAction.SELL if is_sale else TradeAction.BUY,
            mint=self._mints[pair % len(self._mints)],
            risk_tolerance_ppm=1_000_000,
            notional_micros=None if is_sale else self._rng.randrange(*NOTIONAL_USD) * MICROS,
            sell_all=bool(is_sale),
        )


def _config(folder: Path) -> MultiWalletConfig:
    names = [f"w{number:02}" for number in range(WALLETS)]
    keys = {f"KEY_{name}": str(Keypair.from_seed(blake2b(name.encode(), digest_size=32).digest())) for name in names}
    environment = {
        **keys,
        "OVERMIND_MANAGED_WALLETS": ",".join(f"{name}:env:KEY_{name}:hft:high:{1 / WALLETS}" for name in names),
        "OVERMIND_DEFAULT_WALLET": names[0],
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PAPER_CAPITAL_USD": "1000000",
        "SNIPER_TRADING_MODE": "paper",
    }
    return MultiWalletConfig.from_env(environment, dotenv=None)


def lived(plan: Plan) -> list[Day]:
    """The days of a desk, which then verifies. Raises AssertionError where its books do not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        month = Month(folder, plan)
        configure_logging(folder / "logs", "INFO")
        try:
            with asyncio.Runner(loop_factory=TimedLoop) as runner:
                runner.run(month.live())
        finally:
            stop_logging()
        proof = verify(month.journal)
        assert proof.ok, proof.problems
        return month.days


def endurance() -> list[Result]:
    days = lived(MONTH)
    Path("endurance.json").write_bytes(msgspec.json.format(msgspec.json.encode(days)))
    return summed_up(days)


def summed_up(days: list[Day]) -> list[Result]:
    first, last = days[0], days[-1]
    decision = max((day.decision_us for day in days), key=lambda spread: spread.p99)
    sizes = [day.journal_mb + day.sealed_mb for day in days]
    daily_mb = (sizes[-1] - sizes[0]) / max(1, len(days) - 1)
    growth_mb = last.rss_mb - first.rss_mb
    longest_ms = max(day.longest_turn_ms for day in days)
    what = f"{len(days)} virtual days, {statistics.median(day.placed for day in days):,.0f} orders a day"
    return [
        Result(
            f"memory gained after the first day: {what}", "≤ 60 MB", growth_mb <= RSS_GROWTH_MAX_MB, growth_mb, "MB"
        ),
        Result("disk of a day, sealed or not", "≤ 6 MB sealed", None, daily_mb, "MB"),
        Result("entries of the journal", "", None, last.entries, ""),
        Result(
            "longest turn of the event loop, in processor time", "≤ 20 ms", longest_ms <= TURN_MAX_MS, longest_ms, "ms"
        ),
        Result("a signal's decision, the worst day", "", None, decision.p50, "µs", decision),
    ]


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _size_mb(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern) if path.is_file()) / 1e6 if folder.exists() else 0.0
