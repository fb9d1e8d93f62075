"""Measures the emergency stop of a busy desk: the time of the call, and whether an entry leaves after it returned."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from bench.measure import Result, quiet_collector, spread_of, timed
from bench.trading import Disk, Trading, trading
from overmind.core.model.commands import EmergencyStop, ReactivateWallet
from overmind.core.model.enums import Side
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Outcome, Rejected
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Allowed, Venue, always
from overmind.venues.paper import PaperModel

SIGNALS_PER_S = 500
ROUNDS = 200
BUSY_S = 0.15  # of load before each stop
AFTER_S = 0.05  # and while it holds
WAITING_MAX = 32  # signals without an answer; more are turned away, as the service's door does
BEAT_S = 0.002  # a signal comes by itself, as over HTTP
SLOW = PaperModel(0, 0, 0, latency_min_ms=20, latency_max_ms=60, drift_ppm=0)  # so that orders are always under way


class Watched:
    """A venue that notes when it last got an entry to send."""

    provisional = False

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.entries = 0
        self.last_ns = 0

    async def quote(self, order: Order) -> Quote | Rejected:
        return await self._venue.quote(order)

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        return await self._venue.sign(order, quote)

    async def transfer(self, move: Move) -> Ticket | Rejected:
        return await self._venue.transfer(move)

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        if isinstance(work, Order) and work.side is Side.BUY:
            self.entries += 1
            self.last_ns = time.perf_counter_ns()
        await self._venue.send(work, ticket, allowed)

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        return await self._venue.outcome(work, ticket)

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        return await self._venue.final(work, ticket, booked)

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._venue.wait(ticket, seconds)


class Busy:
    """Stops and reactivates a desk under load, many times."""

    def __init__(self, desk: Trading, venue: Watched, disk: Disk) -> None:
        self._desk, self._venue, self._disk = desk, venue, disk
        self.calls: list[int] = []  # nanoseconds
        self.syncs: list[int] = []
        self.late = 0  # rounds in which an entry was sent after the stop had returned
        self.under_way = 0  # orders, when it was called, over all rounds
        self.offered = self.taken = 0  # signals
        self._waiting = 0

    async def load(self) -> None:
        """Sends this many signals a second, however slow the desk is."""
        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            while True:
                due = int((time.perf_counter() - began) * SIGNALS_PER_S)
                for _ in range(min(due - self.offered, WAITING_MAX - self._waiting)):
                    self.taken += 1
                    self._waiting += 1
                    tasks.create_task(self._submit())
                self.offered = due
                await asyncio.sleep(BEAT_S)

    async def _submit(self) -> None:
        try:
            await self._desk.engine.submit(self._desk.next_signal().signal)
        finally:
            self._waiting -= 1

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(BUSY_S)
            self.syncs.append(timed(self._disk.sync))
            await asyncio.sleep(BEAT_S)
            await self._stop()
            await self._reactivate()

    async def _stop(self) -> None:
        engine = self._desk.engine
        self.under_way += len(engine.state.open_orders)
        began = time.perf_counter_ns()
        await engine.handle(EmergencyStop("a drill"))
        returned = time.perf_counter_ns()
        self.calls.append(returned - began)
        await asyncio.sleep(AFTER_S)
        self.late += self._venue.last_ns > returned

    async def _reactivate(self) -> None:
        engine = self._desk.engine
        async with asyncio.TaskGroup() as tasks:
            for wallet_id in engine.state.wallets:
                tasks.create_task(engine.handle(ReactivateWallet(wallet_id, "the drill is over")))


async def _measured(folder: Path) -> tuple[Busy, int]:
    journal, disk, seen = SqliteJournal.open(folder / "stopping.db"), Disk(folder), list[Watched]()

    def watch(venue: Venue) -> Venue:
        seen.append(Watched(venue))
        return seen[-1]

    try:
        async with trading(journal, model=SLOW, seen=watch) as desk:
            busy = Busy(desk, seen[0], disk)
            loading = asyncio.create_task(busy.load())
            with quiet_collector():
                await busy.rounds(ROUNDS)
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            await desk.executor.idle()
        return busy, seen[0].entries
    finally:
        journal.close()
        disk.close()


def stopping() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        busy, entries = uvloop.run(_measured(Path(scratch)))
    sync, call = spread_of(busy.syncs), spread_of(busy.calls)
    p99_ms, orders = call.p99 / 1_000, busy.under_way / ROUNDS
    name = f"emergency stop at {SIGNALS_PER_S} signals/s, 50 wallets"
    about = f"{ROUNDS} stops, {orders:.0f} orders under way at each on average, {entries} entries sent in all, "
    about += f"{busy.taken} of {busy.offered} signals taken"
    return [
        Result("raw append of 200 B + fdatasync, beside it", "", None, sync.p50, "µs", sync),
        Result(name, "", None, call.p50, "µs", call, about),
        Result("the same, p99", "≤ 50 ms", p99_ms <= 50, p99_ms, "ms"),
        Result("stops after whose return an entry was sent", "0", busy.late == 0, busy.late, ""),
    ]
