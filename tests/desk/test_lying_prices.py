"""Servers that lie about prices, through the whole engine: what a lie can cost, and that a true crash is sold.

The first server gives marks and fills orders, so it agrees with itself. When it lies it is a thief: it pays the least
that an order accepts. What is lost is counted at the true price.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import structlog
from bench.desks import PRICE_PICO, START_NS, USDC, bench_desk, bench_wallets, buy, opening
from msgspec import structs

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.commands import AcceptPrice, MarkPrices
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import Side
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.order import Order, Quote
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import MICROS, NS, PICO
from overmind.desk.engine import Engine
from overmind.desk.executor import Executor
from overmind.desk.watches.timers import StopFile, Watch
from overmind.journal.memory import MemoryJournal
from overmind.ports import Tick
from overmind.venues.paper import PERFECT, PaperVenue

TOKENS = bench_desk(2).tokens
OTHER = next(mint for mint in TOKENS if mint != SOL)
ALONE = structs.replace(bench_desk(2), price_jump_max_ppm=200_000, depeg_max_ppm=10_000)
CONFIRMED = structs.replace(ALONE, witness_bound_bps=200)
DOLLARS = 1_000  # what each desk holds of OTHER at the true price at the start

PriceAt = Callable[[float], float]  # of OTHER, as a share of its price at the start, by seconds since then


def still(_: float) -> float:
    return 1.0


def crash(percent: int) -> PriceAt:
    return lambda at_s: 1.0 if at_s < 5 else 1 - percent / 100


def jump(times: float) -> PriceAt:
    return lambda at_s: 1.0 if at_s < 5 else times


def drift(per_minute: float) -> PriceAt:
    return lambda at_s: (1 + per_minute) ** (at_s / 60)


def sawtooth(at_s: float) -> float:
    """Far below for a second, then as low as is believed."""
    return 1.0 if at_s < 5 else (0.01, 0.81)[int(at_s) % 2]


class Feed:
    """What a server shows. SOL is always worth the same. After `until_s` it shows the same for ever, and it ages."""

    name = "second"

    def __init__(self, clock: VirtualClock, other: PriceAt, until_s: float = 10**9) -> None:
        self._clock, self._other, self._until_ns = clock, other, START_NS + round(until_s * NS)
        self.shows: dict[Mint, int] = {}  # besides

    def ticks(self) -> Mapping[Mint, Tick]:
        at_ns = min(self._clock.now_ns(), self._until_ns)
        price = round(PRICE_PICO * self._other((at_ns - START_NS) / NS))
        prices = {SOL: PRICE_PICO, **({OTHER: price} if price else {}), **self.shows}
        now_ns = self._clock.now_ns()
        return {mint: Tick(mint, pico, at_ns if mint == OTHER else now_ns, 10**12, 0) for mint, pico in prices.items()}


class Thief(PaperVenue):
    """Takes whatever an order lets it take. It may fill no sale for a while."""

    waits_until_ns = 0

    async def quote(self, order: Order) -> Quote | Rejected:
        if order.side is Side.SELL and self._clock.now_ns() < self.waits_until_ns:
            return Rejected(Cause.NO_LIQUIDITY, "not yet")
        return Quote(order.id, order.spend, order.receive, order.received_min, order.received_min, impact_bps=0)


class World(NamedTuple):
    """What is true, what the first server says, and what the second says, if there is one, until when."""

    true: PriceAt
    first: PriceAt
    second: PriceAt | None = None
    until_s: float = 10**9
    patience_s: float = 0.0  # for how long a thief fills nothing


class Stage:
    def __init__(self, folder: Path, world: World) -> None:
        self.clock = clock = VirtualClock(START_NS)
        self.engine = Engine(MemoryJournal(), clock)
        self._true = world.true
        self._desk = ALONE if world.second is None else CONFIRMED
        shown = Feed(clock, world.first)
        second = None if world.second is None else Feed(clock, world.second, world.until_s)
        self.second_shows = {} if second is None else second.shows
        market = PaperVenue if world.first is world.true else Thief
        venue = market(shown, clock, 1, PERFECT, USDC, TOKENS, CostModel(), lambda wallet, mint: True)
        if isinstance(venue, Thief):
            venue.waits_until_ns = START_NS + round(world.patience_s * NS)
        self.executor = Executor(self.engine, venue, clock, 10, lambda: False)
        self.watch = Watch(self.engine, shown, clock, StopFile(folder), 1.0, second=second)

    async def open(self) -> None:
        for command in opening(self._desk, bench_wallets(1)):
            if not isinstance(command, MarkPrices):  # It has no witness.
                await self.engine.handle(command)
        await self.watch.look()
        signal = structs.replace(buy(1, OTHER, self.clock.now_ns()).signal, notional_micros=DOLLARS * MICROS)
        assert (await self.engine.submit(signal)).events
        await self.executor.idle()
        assert self.units

    @property
    def units(self) -> int:
        book = self.engine.state.wallets[WalletId("wallet0")]
        return book.positions[OTHER].units if OTHER in book.positions else 0

    def worth(self, in_s: float = 0.0) -> float:
        """USD in cash and of OTHER, at the true price after so many seconds."""
        book, ledger = self.engine.state.wallets[WalletId("wallet0")], self.engine.state.ledger
        price = PRICE_PICO / 10**12 * self._true((self.clock.now_ns() - START_NS) / NS + in_s)
        return ledger.owned(book.accounts, USDC.mint) / MICROS + self.units / 10**6 * price

    async def buys(self, name: str) -> bool:
        """Whether an entry is placed, or signed."""
        wish = buy(2, OTHER, self.clock.now_ns()).signal
        answered = await self.engine.submit(structs.replace(wish, id=SignalId(name)))
        return isinstance(answered.events[0], OrderPlaced)


@asynccontextmanager
async def staged(stage: Stage) -> AsyncIterator[Stage]:
    tasks = [asyncio.create_task(run()) for run in (stage.engine.run, stage.executor.run, stage.watch.run)]
    await stage.open()
    try:
        yield stage
    finally:
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def lost(folder: Path, world: World, minutes: float) -> tuple[float, int]:
    """The share of the position that is lost in this time, at the price that is true in the end; what is still held."""

    async def play() -> tuple[float, int]:
        async with staged(Stage(folder, world)) as stage:
            before = stage.worth(60 * minutes)
            await stage.clock.sleep(60 * minutes)
            return (before - stage.worth()) / DOLLARS, stage.units

    return run_virtual(play())


@pytest.mark.parametrize(
    ("lie", "minutes", "share"),
    [
        # One step of the band in the first minute. In each later minute less is left to lose.
        (jump(0.01), 1, 0.20),
        (jump(0.01), 20, 0.28),
        (jump(0.5), 20, 0.28),
        (jump(0.79), 1, 0.22),
        (sawtooth, 20, 0.28),
        # A drift is believed; the stop sells at 5 %, before it comes far.
        (drift(-0.19), 10, 0.08),
        (jump(100), 10, 0.0),
    ],
)
def test_a_server_that_lies_alone_takes_no_more_than_the_bound(
    tmp_path: Path, lie: PriceAt, minutes: float, share: float
) -> None:
    assert lost(tmp_path, World(still, lie), minutes)[0] <= share + 0.001


@pytest.mark.parametrize("lie", [jump(0.01), jump(0.5), jump(0.79), drift(-0.19), jump(100), drift(0.19)])
def test_a_second_source_that_denies_a_lie_bounds_it_for_ever(tmp_path: Path, lie: PriceAt) -> None:
    assert lost(tmp_path, World(still, lie, still), 1)[0] <= 0.201
    assert lost(tmp_path, World(still, lie, still), 20)[0] <= 0.201


CRASHES = [crash(30), crash(70)]


@pytest.mark.parametrize("true", CRASHES)
@pytest.mark.parametrize(
    ("second", "until_s", "minutes"),
    [
        (None, 0, 7),  # it alone: as many minutes as the fall takes at 20 % a minute
        ("true", 10**9, 0.2),  # the second source confirms it: at once
        ("silent", 10**9, 9),
        ("stale", 5, 9),
    ],
)
def test_a_true_crash_is_sold(
    tmp_path: Path, true: PriceAt, second: str | None, until_s: float, minutes: float
) -> None:
    says = {None: None, "true": true, "stale": still, "silent": lambda at_s: 1.0 if at_s < 5 else 0.0}[second]
    share, left = lost(tmp_path, World(true, true, says, until_s), minutes)
    assert left == 0
    assert share <= 0.08  # the last rung of the ladder, at the price after the fall


@pytest.mark.parametrize(("second", "least", "most"), [(None, 0.5, 0.9), (still, 0.15, 0.201)])
def test_what_remains_when_a_liar_waits_for_the_band(
    tmp_path: Path, second: PriceAt | None, least: float, most: float
) -> None:
    """Alone it takes 1 - 0.8 ** (n + 1) if it fills nothing for n minutes. A second source keeps the band narrow."""
    world = World(still, lambda at_s: 1.0 if at_s < 3 else 0.01, second, patience_s=365)
    share, _ = lost(tmp_path, world, 9)
    assert least <= share <= most


def test_what_remains_when_both_lie(tmp_path: Path) -> None:
    """Two operators that tell the same lie are believed: from inside, it is a crash."""
    lie = jump(0.01)
    share, left = lost(tmp_path, World(still, lie, lie), 1)
    assert (share > 0.9, left) == (True, 0)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (World(still, jump(100)), False),
        (World(still, jump(100), still), False),
        (World(still, drift(0.19), still), False),
        (World(still, still, jump(0.01)), False),
        (World(still, still, still, 5), False),
        (World(still, still, still), True),
        (World(still, still), True),
    ],
)
def test_nothing_is_bought_at_a_price_that_is_doubted(tmp_path: Path, world: World, expected: bool) -> None:
    async def play() -> bool:
        async with staged(Stage(tmp_path, world)) as stage:
            await stage.clock.sleep(60)
            return await stage.buys("late")

    assert run_virtual(play()) is expected


def test_a_depeg_that_only_the_second_source_shows_holds_entries(tmp_path: Path) -> None:
    async def play() -> set[str]:
        stage = Stage(tmp_path, World(still, still, still))
        async with staged(stage):
            stage.second_shows[USDC.mint] = PICO * 98 // 100
            await stage.clock.sleep(2)
            assert not stage.engine.state.doubted
            return set(stage.engine.state.holds)

    assert run_virtual(play()) == {"depeg"}


def test_an_operator_ends_the_wait(tmp_path: Path) -> None:
    async def play() -> tuple[int, int]:
        async with staged(Stage(tmp_path, World(crash(70), crash(70)))) as stage:
            await stage.clock.sleep(30)
            before = stage.units
            await stage.engine.handle(AcceptPrice(OTHER, PRICE_PICO * 3 // 10, "two exchanges say so"))
            await stage.clock.sleep(15)
            return before, stage.units

    before, after = run_virtual(play())
    assert (before > 0, after) == (True, 0)


def test_a_doubt_is_logged_once_and_so_is_its_end(tmp_path: Path) -> None:
    async def play() -> list[tuple[str, str]]:
        async with staged(Stage(tmp_path, World(still, lambda at_s: 0.01 if 5 < at_s < 20 else 1.0))) as stage:
            with structlog.testing.capture_logs() as lines:
                await stage.clock.sleep(60)
            return [(line["log_level"], line["event"]) for line in lines if "believed" in line["event"]]

    assert run_virtual(play()) == [
        ("error", "price is not believed, entries of the token hold"),
        ("warning", "price is believed again"),
    ]
