"""Measures the way of a signal through engine, executor and paper venue, in memory and on disk, and the disk alone."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import uvloop

from bench.desks import PRICE_PICO, USDC, bench_desk, bench_wallets, buy, opening
from bench.measure import Result, quiet_collector, spread_of, timed
from overmind.clock.clocks import SystemClock
from overmind.core.model.commands import MarkPrices, SubmitSignal
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import OrderClosed
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Mark
from overmind.core.model.units import MICROS
from overmind.desk.engine import Engine
from overmind.desk.executor import Executor
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock, Journal, Tick, Venue
from overmind.venues.paper import PERFECT, PaperModel, PaperVenue

WALLETS = 50
TRADES = 20_000
RUNS = 5
WAITING = (1, 16, 64, 256)
SINGLE = 400
WAVE = 16
DEPTH_MICROS = 10**9 * MICROS


class SteadyPrices:
    """One price for every token, always fresh, so that only the desk is measured."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._ticks: dict[Mint, Tick] = {}
        self._until_ns = 0

    def ticks(self) -> dict[Mint, Tick]:
        """Like a feed: marks are renewed now and then, and every order reads them."""
        now_ns = self._clock.now_ns()
        if now_ns >= self._until_ns:
            self._ticks = {mint: Tick(mint, PRICE_PICO, now_ns, DEPTH_MICROS, 0) for mint in self._desk.tokens}
            self._until_ns = now_ns + 500_000_000
        return self._ticks


class Trading:
    """A desk on paper that does the whole work: it quotes, signs, records, sends and settles every order."""

    def __init__(
        self, journal: Journal, mints: int, model: PaperModel, seen: Callable[[Venue], Venue], clock: Clock
    ) -> None:
        self.clock = clock
        self.desk = bench_desk(mints)
        self.mints = list(self.desk.tokens)
        self.engine = Engine(journal, self.clock)
        self.prices = prices = SteadyPrices(self.desk, self.clock)
        desk = self.desk
        venue = PaperVenue(prices, self.clock, 1, model, USDC, desk.tokens, desk.costs, self._has_account)
        self.executor = Executor(self.engine, seen(venue), self.clock, WALLETS, lambda: False)
        self._closed = self.engine.subscribe()
        self._ends: dict[str, asyncio.Future[None]] = {}
        self._number = 0

    def _has_account(self, wallet_id: WalletId, mint: Mint) -> bool:
        return mint in self.engine.state.wallets[wallet_id].token_accounts

    async def open(self) -> None:
        for command in opening(self.desk, bench_wallets(WALLETS)):
            await self.engine.handle(command)
        await self._mark()

    async def keep_prices_fresh(self) -> None:
        while True:
            await self.clock.sleep(1.0)
            await self._mark()

    async def listen(self) -> None:
        while True:
            for entry in await self._closed.next() or ():
                if isinstance(entry.event, OrderClosed) and (end := self._ends.pop(entry.event.order_id, None)):
                    end.set_result(None)

    async def trade(self, mint: Mint | None = None) -> None:
        """Submits one signal and waits until its outcome is durable."""
        settled = asyncio.get_running_loop().create_future()
        signal = self.next_signal(mint).signal
        self._ends[f"{signal.id}.0.0"] = settled
        await self.engine.submit(signal)
        await settled

    def next_signal(self, mint: Mint | None = None) -> SubmitSignal:
        self._number += 1
        return buy(self._number, mint or self.mints[self._number % len(self.mints)], self.clock.now_ns())

    async def many(self, count: int, waiting: int) -> float:
        """Measures trades per second with this many waiting at any time."""
        left = iter(range(count))

        async def client() -> None:
            for _ in left:
                await self.trade()

        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(waiting):
                tasks.create_task(client())
        return count / (time.perf_counter() - began)

    async def waves(self, count: int, size: int) -> float:
        """Measures the seconds of a trade in waves of this many signals. Each wave is settled before the next."""
        began = time.perf_counter()
        for _ in range(count // size):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(size):
                    tasks.create_task(self.engine.submit(self.next_signal().signal))
            await self.executor.idle()
        return (time.perf_counter() - began) / count

    async def _mark(self) -> None:
        marks = tuple(Mark(tick.mint, tick.price_pico, tick.at_ns) for tick in self.prices.ticks().values())
        await self.engine.handle(MarkPrices(marks))


def itself(venue: Venue) -> Venue:
    """Returns the venue unchanged."""
    return venue


@asynccontextmanager
async def trading(
    journal: Journal,
    mints: int = 20,
    model: PaperModel = PERFECT,
    seen: Callable[[Venue], Venue] = itself,
    clock: Clock | None = None,
) -> AsyncIterator[Trading]:
    """`clock`: the wall clock where none is given."""
    desk = Trading(journal, mints, model, seen, clock or SystemClock())
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(desk.engine.run())
        await desk.open()
        services = [tasks.create_task(one) for one in (desk.executor.run(), desk.listen(), desk.keep_prices_fresh())]
        yield desk
        for service in services:
            service.cancel()
        await desk.engine.close()
        writing.cancel()


def in_memory() -> list[Result]:
    async def run() -> list[float]:
        async with trading(MemoryJournal()) as desk:
            await desk.waves(2_000, WAVE)
            with quiet_collector():
                return [await desk.waves(TRADES // 20, WAVE) * 1e6 for _ in range(20)]

    micros = statistics.median(uvloop.run(run()))
    return [Result("signal to settled paper trade, in memory", "< 100 µs", micros < 100, micros, "µs")]


def durable(folder: Path) -> list[Result]:
    """Measures the throughput with this many waiting clients: the median of several runs, because the disk varies."""
    results = []
    for waiting in WAITING:
        runs = sorted(uvloop.run(_rate(folder / f"load{waiting}-{run}.db", waiting)) for run in range(RUNS))
        rate, promised = statistics.median(runs), waiting == WAITING[-1]
        reached = rate >= 6_000 if promised else None
        target, note = "≥ 6,000/s" if promised else "", f"runs: {[round(run) for run in runs]}"
        results.append(Result(f"durable settled trades, {waiting} waiting", target, reached, rate, "/s", note=note))
    return results


async def _rate(path: Path, waiting: int) -> float:
    journal = SqliteJournal.open(path)
    try:
        async with trading(journal) as desk:
            await desk.many(200, waiting)
            with quiet_collector():
                return await desk.many(TRADES // 2 if waiting >= 16 else 1_000, waiting)
    finally:
        journal.close()


def alone(folder: Path) -> list[Result]:
    """Measures one trade at a time. Before each it measures the disk alone, because the disk varies."""
    times, syncs, inserts = uvloop.run(_single(folder))
    trade, sync, insert = spread_of(times), spread_of(syncs), spread_of(inserts)
    beyond = statistics.median(took - 3 * raw for took, raw in zip(times, syncs, strict=True)) / 1_000
    return [
        Result("raw append of 200 B + fdatasync", "", None, sync.p50, "µs", sync),
        Result("bare SQLite insert + commit, FULL", "", None, insert.p50, "µs", insert),
        Result("one trade alone, 3 durable steps", "", None, trade.p50, "µs", trade),
        Result("the same, beyond its 3 fdatasyncs", "≤ 500 µs p50", beyond <= 500, beyond, "µs"),
    ]


async def _single(folder: Path) -> tuple[list[int], list[int], list[int]]:
    journal, disk = SqliteJournal.open(folder / "alone.db"), Disk(folder)
    times, syncs, inserts = [], [], []
    try:
        async with trading(journal) as desk:
            for _ in range(SINGLE):
                syncs.append(timed(disk.sync))
                inserts.append(timed(disk.insert))
                began = time.perf_counter_ns()
                await desk.trade()
                times.append(time.perf_counter_ns() - began)
    finally:
        journal.close()
        disk.close()
    return times, syncs, inserts


class Disk:
    """Measures the limit of the disk: 200 bytes appended and synced, and a bare SQLite row with synchronous=FULL."""

    def __init__(self, folder: Path) -> None:
        self._row = bytes(200)
        self._raw = os.open(folder / "raw", os.O_CREAT | os.O_WRONLY)
        self._db = apsw.Connection(str(folder / "bare.db"))
        for setup in ("journal_mode=WAL", "synchronous=FULL"):
            self._db.execute(f"PRAGMA {setup}").fetchall()
        self._db.execute("CREATE TABLE bare(id INTEGER PRIMARY KEY, row BLOB)")

    def sync(self) -> None:
        os.write(self._raw, self._row)
        os.fdatasync(self._raw)

    def insert(self) -> None:
        self._db.execute("INSERT INTO bare(row) VALUES (?)", (self._row,))

    def close(self) -> None:
        self._db.close()
        os.close(self._raw)


def growing() -> list[Result]:
    """Measures the cost of a trade with none and with 1,600 open positions, in turns on two desks of one process."""
    costs = uvloop.run(_growing())
    few, many = statistics.median(costs[0]), statistics.median(costs[1])
    return [
        Result("a trade with < 50 open positions, in memory", "", None, few, "µs"),
        Result("a trade with 1,600 open positions, in memory", "", None, many, "µs"),
        Result("1,600 open positions against < 50", "≤ 1.2×", many / few <= 1.2, many / few, "×"),
    ]


async def _growing() -> tuple[list[float], list[float]]:
    few, many = [], []
    async with trading(MemoryJournal(), mints=1) as small, trading(MemoryJournal(), mints=1_700) as large:
        for mint in large.mints[:1_600]:
            await large.trade(mint)
        await small.many(1_600, 1)
        with quiet_collector():
            for _ in range(20):
                few.append(1e6 / await small.many(300, 1))
                many.append(1e6 / await large.many(300, 1))
    return few, many


def trades() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        return [*in_memory(), *growing(), *alone(folder), *durable(folder)]
