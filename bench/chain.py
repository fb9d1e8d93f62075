"""Measures swaps that land: desk, maker and chain in three processes, over HTTP. A bare script is the comparison."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import aiohttp
import msgspec
import uvloop
from solders.keypair import Keypair

from bench.bare import Bare
from bench.cluster import BTC, ETH, USDC, Server, cluster, fund, rpc_to
from bench.desks import STRATEGIES, WIDE
from bench.measure import Result, quiet_collector, spread_of, timed
from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import OrderClosed
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.order import Order, Quote, Ticket
from overmind.core.model.outcome import Filled, Outcome, Rejected
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import StrategyShare
from overmind.desk.app import App
from overmind.desk.engine import Engine
from overmind.desk.market import Connect, MarketAccess, connected
from overmind.desk.running import running
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Allowed, Clock, Venue, always
from overmind.solana.firewall import verify
from overmind.solana.transactions import parse
from overmind.views.decisions import DecisionStatus

SLOT_MS = 20
REAL_SLOT_MS = 400
WALLETS = 10
WAITING = (16, 64, 128)
REAL_WAITING = 256
WARM = 200
SWAPS = 2_000
ALONE = 200
ROUNDS = 3  # each of the bare script, then of the desk
FINAL_S = 60.0
PIECES = 300


class Timed:
    """`Venue` that notes how long its calls take, and when the first bytes of a signal leave."""

    def __init__(self, venue: Venue) -> None:
        self.provisional = venue.provisional
        self._venue = venue
        self.arrived_ns: dict[str, int] = {}
        self.to_send_ns: list[int] = []
        self.quote_ns: list[int] = []
        self.sign_ns: list[int] = []
        self.samples: list[tuple[Order, Quote]] = []

    def forget(self) -> None:
        for times in (self.to_send_ns, self.quote_ns, self.sign_ns):
            times.clear()

    async def quote(self, order: Order) -> Quote | Rejected:
        began = time.perf_counter_ns()
        quote = await self._venue.quote(order)
        self.quote_ns.append(time.perf_counter_ns() - began)
        if isinstance(quote, Quote) and len(self.samples) < PIECES:
            self.samples.append((order, quote))
        return quote

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        began = time.perf_counter_ns()
        ticket = await self._venue.sign(order, quote)
        self.sign_ns.append(time.perf_counter_ns() - began)
        return ticket

    async def send(self, order: Order, ticket: Ticket, allowed: Allowed = always) -> None:
        arrived_ns = self.arrived_ns.pop(order.signal_id, None)
        if arrived_ns is not None:
            self.to_send_ns.append(time.perf_counter_ns() - arrived_ns)
        await self._venue.send(order, ticket, allowed)

    async def outcome(self, order: Order, ticket: Ticket) -> Outcome | None:
        return await self._venue.outcome(order, ticket)

    async def final(self, order: Order, ticket: Ticket, booked: Outcome) -> Outcome | None:
        return await self._venue.final(order, ticket, booked)

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._venue.wait(ticket, seconds)


class Desk:
    """A live desk, and clients that wait until each swap is confirmed and booked."""

    def __init__(self, app: App, venue: Timed) -> None:
        self.app, self.venue = app, venue
        self.missed = 0
        self._closed = app.engine.subscribe()
        self._ends: dict[OrderId, asyncio.Future[Outcome]] = {}
        self._number = 0

    async def listen(self) -> None:
        while True:
            entries = await self._closed.next()
            assert entries is not None, "the feed was cut: too slow"
            for entry in entries:
                if isinstance(entry.event, OrderClosed) and (end := self._ends.pop(entry.event.order_id, None)):
                    end.set_result(entry.event.outcome)

    async def swap(self) -> None:
        """Submits one signal and waits until its outcome is durable."""
        signal = self._next()
        end = self._ends[OrderId(f"{signal.id}.0.0")] = asyncio.get_running_loop().create_future()
        self.venue.arrived_ns[signal.id] = time.perf_counter_ns()
        decision = await self.app.submit(signal)
        assert decision.status is DecisionStatus.PLACED, decision
        self.missed += not isinstance(await end, Filled)

    def _next(self) -> Signal:
        self._number += 1
        return Signal(
            id=SignalId(f"b{self._number}"),
            strategy=STRATEGIES[self._number % len(STRATEGIES)],
            action=TradeAction.BUY,
            mint=(ETH, BTC)[self._number % 2],
            risk_tolerance_ppm=700_000,
            notional_micros=100 * MICROS,
        )


def chain() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        with cluster(folder, SLOT_MS) as (node, maker):
            results = uvloop.run(_fast(folder, node, maker))
        with cluster(folder, REAL_SLOT_MS) as (node, maker):
            return [*results, *uvloop.run(_slow(folder, node, maker))]


async def _fast(folder: Path, node: Server, maker: Server) -> list[Result]:
    async with trading(folder / "fast.db", node, maker) as desk:
        await _many(desk.swap, WARM, 16)
        with quiet_collector():
            results = await _alone(desk)
            for waiting in WAITING:
                results += await _saturated(desk, waiting)
            results += await _processors(desk, node, maker)
        return [*results, *_pieces(desk), _missed(desk)]


async def _slow(folder: Path, node: Server, maker: Server) -> list[Result]:
    async with trading(folder / "slow.db", node, maker) as desk:
        await _many(desk.swap, WARM, WARM)
        with quiet_collector():
            rate, _ = await _many(desk.swap, SWAPS, REAL_WAITING)
        name = f"confirmed and booked swaps, {REAL_SLOT_MS} ms slots, {REAL_WAITING} waiting"
        return [Result(name, "", None, rate, "/s"), _missed(desk)]


async def _alone(desk: Desk) -> list[Result]:
    """Measures one signal at a time."""
    desk.venue.forget()
    took: list[int] = []
    for _ in range(ALONE):
        began = time.perf_counter_ns()
        await desk.swap()
        took.append(time.perf_counter_ns() - began)
    sent, quote, sign = (spread_of(one) for one in (desk.venue.to_send_ns, desk.venue.quote_ns, desk.venue.sign_ns))
    whole = spread_of(took)
    return [
        Result("signal to first send", "≤ 10 ms p50", sent.p50 <= 10_000, sent.p50, "µs", sent),
        Result("  of it the quote, over HTTP", "", None, quote.p50, "µs", quote),
        Result("  of it check, simulation over HTTP, signature", "", None, sign.p50, "µs", sign),
        Result(f"signal to confirmed and booked, {SLOT_MS} ms slots", "", None, whole.p50, "µs", whole),
    ]


async def _saturated(desk: Desk, waiting: int) -> list[Result]:
    desk.venue.forget()
    rate, took = await _many(desk.swap, SWAPS, waiting)
    sent, last = spread_of(desk.venue.to_send_ns), waiting == WAITING[-1]
    return [
        Result(
            f"confirmed and booked swaps, {SLOT_MS} ms slots, {waiting} waiting",
            "≥ 200/s" if last else "",
            rate >= 200 if last else None,
            rate,
            "/s",
            spread_of(took),
            note="p90 and p99: µs from signal to booked",
        ),
        Result(f"signal to first send, {waiting} waiting", "", None, sent.p50, "µs", sent),
    ]


async def _processors(desk: Desk, node: Server, maker: Server) -> list[Result]:
    """Measures the processor time of a swap, ours and the bare script's in turns, because a shared machine varies."""
    ours, bares, chains, makers = list[float](), list[float](), list[float](), list[float]()
    for _ in range(ROUNDS):
        bares.append(await asyncio.to_thread(_in_a_process, _bare, node.url))
        before = time.process_time(), node.cpu_s(), maker.cpu_s()
        await _many(desk.swap, SWAPS, WAITING[-1])
        after = time.process_time(), node.cpu_s(), maker.cpu_s()
        for used, now, then in zip((ours, chains, makers), after, before, strict=True):
            used.append((now - then) / SWAPS * 1e6)
    ratios = [our / bare for our, bare in zip(ours, bares, strict=True)]
    ratio = statistics.median(ratios)
    return [
        Result("CPU of the desk's process for a swap", "", None, statistics.median(ours), "µs", note=_runs(ours)),
        Result("CPU of a bare script for a swap", "", None, statistics.median(bares), "µs", note=_runs(bares)),
        Result("the desk against the bare script", "≤ 3×", ratio <= 3, ratio, "×", note=_runs(ratios)),
        Result("CPU of the chain's process for a swap", "", None, statistics.median(chains), "µs"),
        Result("CPU of the maker's process for a swap", "", None, statistics.median(makers), "µs"),
    ]


def _runs(values: Sequence[float]) -> str:
    return f"runs: {[round(value, 1) for value in values]}"


def _pieces(desk: Desk) -> list[Result]:
    """Measures each computing step of a swap alone, after warming up."""
    tokens = {desk.app.desk.quote.mint: desk.app.desk.quote, **desk.app.desk.tokens}
    wallets = desk.app.config.wallets
    parsed, verified, signed = list[int](), list[int](), list[int]()
    for order, quote in desk.venue.samples:
        wallet = wallets[order.wallet_id]
        owner, key = wallet.wallet.public_key, wallet.key.reveal()
        parsed.append(timed(partial(parse, quote.transaction)))
        transaction = parse(quote.transaction)
        verified.append(timed(partial(verify, order, owner, tokens, transaction)))
        assert verify(order, owner, tokens, transaction) is None
        signed.append(timed(partial(key.sign_message, transaction.message)))
    pieces = (("parse an offered transaction", parsed), ("verify it", verified), ("sign it", signed))
    return [Result(name, "", None, spread.p50, "µs", spread) for name, times in pieces for spread in [spread_of(times)]]


def _missed(desk: Desk) -> Result:
    return Result("orders that were not filled", "", None, desk.missed, "")


# A desk


@asynccontextmanager
async def trading(path: Path, node: Server, maker: Server) -> AsyncIterator[Desk]:
    config, clock, journal = live_config(path, node, maker), SystemClock(), SqliteJournal.open(path)
    async with rpc_to(node.url) as rpc:
        for wallet in config.wallets.values():
            await fund(rpc, wallet.wallet.public_key)
    venues: list[Timed] = []

    def timing(connect: Connect) -> Connect:
        def timed_connect(engine: Engine, clock: Clock) -> MarketAccess:
            market = connect(engine, clock)
            venues.append(Timed(market.venue))
            return msgspec.structs.replace(market, venue=venues[-1])

        return timed_connect

    try:
        async with (
            connected(config, clock) as connect,
            running(App(config, journal, clock, timing(connect)), FINAL_S) as app,
        ):
            while not all(book.equity_micros for book in app.engine.state.wallets.values()):
                await clock.sleep(0.1)  # What they were given is found on the chain once it is confirmed.
            desk = Desk(app, venues[0])
            listening = asyncio.create_task(desk.listen())
            try:
                yield desk
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    finally:
        journal.close()


def live_config(path: Path, node: Server, maker: Server) -> MultiWalletConfig:
    """Wallets whose limits are so wide that none of them ends the run."""
    names = [f"wallet{n}" for n in range(WALLETS)]
    keys = {f"{name.upper()}_KEY": str(Keypair()) for name in names}
    lines = ",".join(f"{name}:env:{name.upper()}_KEY:primary:medium:{1 / WALLETS:g}" for name in names)
    env = {
        **keys,
        "SNIPER_TRADING_MODE": "live",
        "OVERMIND_CLUSTER": "localnet",
        "SNIPER_SOLANA_RPC_URL": node.url,
        "OVERMIND_SWAP_URL": maker.url,
        "OVERMIND_RPC_REQUESTS_PER_SEC": "1000000",
        "OVERMIND_MANAGED_WALLETS": lines,
        "OVERMIND_DEFAULT_WALLET": names[0],
        "OVERMIND_DATA_DIR": str(path.parent),
        "OVERMIND_LOCK_DIR": str(path.parent / "locks"),
        "OVERMIND_ANCHOR_DIR": str(path.parent.with_name(f"{path.parent.name}-anchors")),
        "OVERMIND_MAX_CONCURRENT_WALLETS": str(WALLETS),
        "OVERMIND_RATE_MAX_PER_SEC": "1000000",
        "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100",
        "OVERMIND_ASSET_MAX_PERCENT": "100",
    }
    config = MultiWalletConfig.from_env(env, dotenv=None)
    shares = {strategy: StrategyShare(PPM // len(STRATEGIES), 10**15) for strategy in STRATEGIES}
    wide = {
        name: msgspec.structs.replace(one, wallet=msgspec.structs.replace(one.wallet, limits=WIDE, strategies=shares))
        for name, one in config.wallets.items()
    }
    return msgspec.structs.replace(config, wallets=wide)


# Many at a time


async def _many(swap: Callable[[], Awaitable[None]], count: int, waiting: int) -> tuple[float, list[int]]:
    """Measures swaps per second with this many waiting at any time, and how long each took."""
    left, took = iter(range(count)), list[int]()

    async def client() -> None:
        for _ in left:
            began = time.perf_counter_ns()
            await swap()
            took.append(time.perf_counter_ns() - began)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(waiting):
            tasks.create_task(client())
    return count / (time.perf_counter() - began), took


def _in_a_process(measure: Callable[[str], float], url: str) -> float:
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (url,))


def _bare(url: str) -> float:
    return uvloop.run(_bare_cpu_us(url))


async def _bare_cpu_us(url: str) -> float:
    """Measures the processor time of a bare swap, in µs, in a process that does nothing else."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        script = Bare(url, session)
        async with rpc_to(url) as rpc:
            for key in (script.trader, script.maker):
                await fund(rpc, str(key.pubkey()), (USDC, ETH))
        async with asyncio.TaskGroup() as tasks:
            polling = tasks.create_task(script.poll())
            await _many(script.swap, WARM, WAITING[-1])
            with quiet_collector():
                before = time.process_time()
                await _many(script.swap, SWAPS, WAITING[-1])
                used_s = time.process_time() - before
            polling.cancel()
        return used_s / SWAPS * 1e6
