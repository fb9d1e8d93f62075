"""Measures a stop loss from the mark to the sale: the price falls, and the desk asks the venue for a quote."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import uvloop
from msgspec.structs import replace

from bench.desks import PRICE_PICO, USDC, bench_desk, bench_wallets, buy, opening
from bench.measure import Result, quiet_collector, spread_of
from overmind.clock.clocks import SystemClock
from overmind.core.model.enums import Side
from overmind.core.model.events import Entry
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Outcome, Rejected
from overmind.core.model.units import MICROS
from overmind.desk.engine import Engine
from overmind.desk.executor import Executor
from overmind.desk.watches.timers import StopFile, Watch
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Allowed, Clock, Snapshot, Storage, Tick, Venue, always
from overmind.venues.paper import PERFECT, PaperVenue

WALLETS: Final = (1, 50, 100)
FALLS: Final = 30
POLL_S: Final = 0.005
FALLEN: Final = 88  # percent: below the stop of every position
DEPTH_MICROS: Final = 10**9 * MICROS


class CountedJournal:
    """A journal on disk that counts how often it was made durable."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.appends = 0

    async def append(self, entries: Sequence[Entry]) -> None:
        await self._journal.append(entries)
        self.appends += 1

    def read(self, after: int = 0) -> Iterator[Entry]:
        return self._journal.read(after)

    def entry(self, seq: int) -> Entry:
        return self._journal.entry(seq)

    def find(self, signal_id: SignalId) -> int | None:
        return self._journal.find(signal_id)

    def snapshot(self) -> Snapshot | None:
        return self._journal.snapshot()

    def snapshot_before(self, seq: int) -> Snapshot | None:
        return self._journal.snapshot_before(seq)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self._journal.save_snapshot(snapshot)

    @property
    def degraded(self) -> str | None:
        return self._journal.degraded

    async def look(self) -> None:
        await self._journal.look()

    def storage(self) -> Storage:
        return self._journal.storage()


class Market:
    """One price for each token, always fresh."""

    def __init__(self, mints: Sequence[Mint], clock: Clock) -> None:
        self.mints = mints
        self.clock = clock
        self.price_pico = PRICE_PICO

    def ticks(self) -> Mapping[Mint, Tick]:
        now_ns = self.clock.now_ns()
        return {mint: Tick(mint, self.price_pico, now_ns, DEPTH_MICROS, 0) for mint in self.mints}


class Watched:
    """A venue that notes when it was asked to sell, and how often the journal had been made durable by then."""

    provisional = False

    def __init__(self, venue: Venue, journal: CountedJournal) -> None:
        self._venue = venue
        self._journal = journal
        self.asked: list[tuple[int, int]] = []  # nanoseconds, appends

    async def quote(self, order: Order) -> Quote | Rejected:
        if order.side is Side.SELL:
            self.asked.append((time.perf_counter_ns(), self._journal.appends))
        return await self._venue.quote(order)

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        return await self._venue.sign(order, quote)

    async def transfer(self, move: Move) -> Ticket | Rejected:
        return await self._venue.transfer(move)

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        await self._venue.send(work, ticket, allowed)

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        return await self._venue.outcome(work, ticket)

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        return await self._venue.final(work, ticket, booked)

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._venue.wait(ticket, seconds)


class Falls(NamedTuple):
    """The times of each fall."""

    first: list[int]  # nanoseconds from the mark to the first quote
    last: list[int]
    steps: list[int]  # durable ones until the first quote
    sold: int  # positions, over all falls


async def _falls(folder: Path, wallets: int) -> Falls:
    on_disk, clock, desk = SqliteJournal.open(folder / f"{wallets}.db"), SystemClock(), bench_desk(2)
    journal, market = CountedJournal(on_disk), Market(list(desk.tokens), clock)
    engine = Engine(journal, clock)
    paper = PaperVenue(market, clock, 1, PERFECT, USDC, desk.tokens, desk.costs, lambda wallet, mint: True)
    venue = Watched(paper, journal)
    executor = Executor(engine, venue, clock, wallets, lambda: False)
    tasks = [asyncio.create_task(run()) for run in (engine.run, executor.run)]
    falls = Falls([], [], [], 0)
    try:
        for command in opening(desk, bench_wallets(wallets)):
            await engine.handle(command)
        watch = Watch(engine, market, clock, StopFile(folder), 1.0)
        with quiet_collector():
            for number in range(FALLS):
                venue.asked.clear()
                began_ns, before = await _fall(engine, executor, market, watch, journal, number * wallets)
                falls.first.append(venue.asked[0][0] - began_ns)
                falls.last.append(venue.asked[-1][0] - began_ns)
                falls.steps.append(venue.asked[0][1] - before)
                falls = falls._replace(sold=falls.sold + len(venue.asked))
    finally:
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        on_disk.close()
    return falls


async def _fall(
    engine: Engine, executor: Executor, market: Market, watch: Watch, journal: CountedJournal, number: int
) -> tuple[int, int]:
    """Buy, let the price fall, and wait until all is sold. When the watch looked, and the appends by then."""
    market.price_pico = PRICE_PICO
    await watch.look()
    wallets = tuple(engine.state.wallets)
    for place, wallet_id in enumerate(wallets):  # One position in each.
        signal = buy(number + place, market.mints[-1], market.clock.now_ns()).signal
        await engine.submit(replace(signal, exclude=tuple(one for one in wallets if one != wallet_id)))
    await executor.idle()
    await engine.read(lambda state: state.seq)
    market.price_pico = PRICE_PICO * FALLEN // 100
    began_ns, before = time.perf_counter_ns(), journal.appends
    await watch.look()
    while any(book.positions for book in engine.state.wallets.values()):
        await market.clock.sleep(POLL_S)
    return began_ns, before


def stop_loss() -> list[Result]:
    results: list[Result] = []
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        for wallets in WALLETS:
            falls = uvloop.run(_falls(Path(scratch), wallets))
            name = f"stop loss from the mark to the sale, {falls.sold // FALLS} positions fall"
            first, last = spread_of(falls.first), spread_of(falls.last)
            steps = sum(falls.steps) / len(falls.steps)
            results.append(Result(f"{name}: first quote", "", None, first.p50 / 1_000, "ms", first))
            results.append(Result(f"{name}: last quote", "", None, last.p50 / 1_000, "ms", last))
            results.append(Result(f"{name}: durable steps to the first quote", "1", steps == 1, steps, ""))
    return results
