"""Prices from the Price API: exact, dropped when implausible, and ageing while the API does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
import structlog
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.ids import Mint
from overmind.core.model.units import MICROS, NOTIONAL_MAX_MICROS, NS, PICO, PRICE_MAX_PICO
from overmind.ports import TRUSTED, Tick, Trust, VenueUnavailable
from overmind.prices.jupiter import JupiterPrices
from overmind.solana.answer_age import AnswerAge
from overmind.solana.jupiter_api import UsdPrice

A, B = Mint("A"), Mint("B")
START = 1_700_000_000 * NS
HUGE = "9" * 5_000


class Api:
    """`Quoted` with scripted answers."""

    def __init__(self) -> None:
        self.told: dict[Mint, UsdPrice] = {}
        self.silent = False
        self.asked = 0
        self.interval_s = 0.0

    def price_interval_s(self, mints: int) -> float:
        return self.interval_s * mints

    async def prices(self, mints: Sequence[Mint]) -> Mapping[Mint, UsdPrice]:
        self.asked += 1
        if self.silent:
            raise VenueUnavailable("nobody is there")
        return {mint: price for mint, price in self.told.items() if mint in mints}


def _told(price: str | None, liquidity: str | None = "2000") -> UsdPrice:
    return UsdPrice(None if price is None else Decimal(price), None if liquidity is None else Decimal(liquidity))


async def _tick(price: UsdPrice) -> Tick | None:
    api = Api()
    api.told = {A: price}
    prices = JupiterPrices(api, [A], SteppingClock(START))
    await prices.poll()
    return prices.ticks().get(A)


@pytest.mark.parametrize(
    ("text", "pico"),
    [
        ("147.48", 147_480_000_000_000),
        ("0.1", 100_000_000_000),
        ("1E-12", 1),
        ("0.0000000000019", 1),  # rounded down
        ("1.0000000000000000000000000000000000000000009", PICO),
        (str(PRICE_MAX_PICO // PICO), PRICE_MAX_PICO),
        (f"{PRICE_MAX_PICO // PICO}.000000000001", None),
    ],
)
def test_prices_are_exact(text: str, pico: int | None) -> None:
    tick = asyncio.run(_tick(_told(text)))
    assert tick == (None if pico is None else Tick(A, pico, START, 1_000 * MICROS, 0))


@pytest.mark.parametrize("age_s", [0, 1, 29, 10**9])
def test_a_price_is_as_old_as_the_cache_says_that_gave_it(age_s: int) -> None:
    tick = asyncio.run(_tick(UsdPrice(Decimal(7), Decimal(2_000), AnswerAge(age_s))))
    assert tick == Tick(A, 7 * PICO, START - age_s * NS, 1_000 * MICROS, 0)


class Ahead:
    """A clock that is ahead of the true time."""

    jump = None
    ahead_ns = 20 * NS

    def stamped_ns(self, at_ns: int) -> int:
        return at_ns


@pytest.mark.parametrize(
    ("dated_s", "trust", "witness", "there"),
    [
        (None, TRUSTED, True, True),
        (0, TRUSTED, True, True),
        (-30, TRUSTED, True, True),
        (-31, TRUSTED, True, False),
        (-31, TRUSTED, False, True),  # The first source: sales need a price.
        (5, TRUSTED, True, True),  # Our clock is behind.
        (-50, Ahead(), True, True),
        (-51, Ahead(), True, False),
    ],
)
def test_a_witness_with_an_old_date_says_nothing(dated_s: int | None, trust: Trust, witness: bool, there: bool) -> None:
    api, dated_ns = Api(), None if dated_s is None else START + dated_s * NS
    api.told = {A: UsdPrice(Decimal(7), Decimal(2_000), AnswerAge(0, dated_ns))}
    prices = JupiterPrices(api, [A], SteppingClock(START), trust=trust, dated_max_ns=30 * NS if witness else None)
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            asyncio.run(prices.poll())
    assert (A in prices.ticks(), len(logs)) == (there, 0 if there else 1)


@pytest.mark.parametrize(
    "text",
    [None, "0", "-1", "NaN", "sNaN", "Infinity", "-Infinity", "1E-13", "1E400", "1E999999999", "1E-999999999", HUGE],
)
def test_prices_that_cannot_be_true_are_absent(text: str | None) -> None:
    assert asyncio.run(_tick(_told(text))) is None


@pytest.mark.parametrize(
    ("liquidity", "depth"),
    [
        (None, 0),
        ("NaN", 0),
        ("-5", 0),
        ("1E999999999", 0),
        ("0.000003", 1),
        ("1E30", NOTIONAL_MAX_MICROS),
    ],
)
def test_a_pool_s_depth_is_half_of_its_liquidity_within_bounds(liquidity: str | None, depth: int) -> None:
    tick = asyncio.run(_tick(_told("1", liquidity)))
    assert tick is not None
    assert tick.depth_micros == depth


def test_one_mint_s_nonsense_leaves_the_others_alone() -> None:
    async def main() -> None:
        api, clock = Api(), SteppingClock(START)
        prices = JupiterPrices(api, [A, B], clock)
        api.told = {A: _told("1"), B: _told("2")}
        await prices.poll()
        assert set(prices.ticks()) == {A, B}
        api.told = {A: _told(None), B: _told("2.02")}
        await prices.poll()
        assert set(prices.ticks()) == {B}
        assert prices.ticks()[B].range_bps == 100
        api.told = {A: _told("1")}
        await prices.poll()
        assert set(prices.ticks()) == {A}
        assert prices.ticks()[A].range_bps == 0  # Nothing to compare with.

    asyncio.run(main())


def test_polls_are_as_far_apart_as_the_quota_wants() -> None:
    async def main() -> None:
        api, clock = Api(), SteppingClock(START)
        api.interval_s = 4.0
        running = asyncio.create_task(JupiterPrices(api, [A], clock).run())
        for second in range(9):
            await _settle()
            assert api.asked == 1 + second // 4
            clock.advance_to(START + (second + 1) * NS)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())


def test_in_an_outage_prices_grow_old_and_then_come_back() -> None:
    async def main() -> None:
        api, clock = Api(), SteppingClock(START)
        prices = JupiterPrices(api, [A], clock)
        assert prices.ticks() == {}
        api.told = {A: _told("1")}
        running = asyncio.create_task(prices.run())
        for second in range(10):
            api.silent = 3 <= second < 7
            await _settle()
            expected = second if not api.silent else 2
            assert prices.ticks()[A].at_ns == START + expected * NS
            clock.advance_to(START + (second + 1) * NS)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert api.asked >= 10

    asyncio.run(main())


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
