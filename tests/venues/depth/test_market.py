"""A market with depth and memory: what it does to an order, by class, by what was traded, and by what came before."""

from __future__ import annotations

from typing import Final

import pytest
from msgspec import structs
from tests.support.stepping_clock import SteppingClock
from tests.venues.test_paper import START_NS, order, sol_tick

from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import Side
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.units import MICROS, NS, PPM
from overmind.venues.depth.classes import Level, TokenClass
from overmind.venues.depth.market import DeepMarket, drift_ppm
from overmind.venues.depth.reading import shipped_costs
from overmind.venues.paper_market import Draws, Fate

HALF: Final = 2**63
OF_SOL: Final = structs.replace(
    shipped_costs(Level.NORMAL).class_of("SOL").token_class(),
    depth_per_volume_ppm=PPM,
    depth_floor_micros=1_000_000 * MICROS,
    impact_half_life_ns=10 * NS,
    volatility_usual_ppm=8_000,
    failure_ppm=10_000,
    failure_rise_ppm=20_000,
    latency_rise_ppm=500_000,
    latency_ms=(400, 800, 1_600, 4_000, 20_000),
    priority_fee_lamports=(0, 3_000, 20_000, 80_000, 500_000),
)


class Traded:
    """What a test says was traded, and how far prices moved."""

    def __init__(self, usd: int = 0, hourly_ppm: int = 8_000) -> None:
        self.usd, self.hourly_ppm = usd, hourly_ppm

    def traded_micros(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        return self.usd * MICROS

    def volatility_ppm(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        return self.hourly_ppm


def market(traded: Traded | None = None, clock: SteppingClock | None = None, of: TokenClass = OF_SOL) -> DeepMarket:
    return DeepMarket(lambda mint: of, traded or Traded(), clock or SteppingClock(START_NS), CostModel())


def fate(
    traded: Traded | None = None, roll: int = PPM - 1, latency: int = HALF, fee: int = HALF, **changes: object
) -> Fate:
    return market(traded).fate(order(**changes), sol_tick(), Draws(b"", roll, latency, HALF, fee, HALF))


@pytest.mark.parametrize(
    ("traded_usd", "depth_usd"), [(0, 1_000_000), (999_999, 1_000_000), (5_000_000, 5_000_000)], ids=str
)
def test_a_pool_is_as_deep_as_was_traded_and_never_below_the_floor(traded_usd: int, depth_usd: int) -> None:
    assert market(Traded(traded_usd)).pool(order(), sol_tick()).depth_micros == depth_usd * MICROS


def test_half_the_spread_and_the_fee_are_paid() -> None:
    of = structs.replace(OF_SOL, pool_fee_ppm=3_000, spread_ppm=2_000)
    assert market(of=of).pool(order(), sol_tick()).kept_ppm == 996_003  # 0.997 × 0.999


def test_a_fill_moves_its_pool_until_it_has_recovered() -> None:
    clock = SteppingClock(START_NS)
    deep, bought = market(clock=clock), 10_000 * MICROS
    deep.filled(order(), deep.pool(order(), sol_tick()), bought)
    for after_s, left in ((0, 10_000), (10, 5_000), (20, 2_500), (10_000, 0)):
        clock.advance_to(START_NS + after_s * NS)
        assert deep.pool(order(), sol_tick()).pressure_micros == left * MICROS
    assert deep.pool_of(Mint("another"), START_NS).pressure_micros == 0


def test_a_pressure_that_the_pool_has_shrunk_below_is_bounded() -> None:
    traded = Traded(100_000_000)
    deep = market(traded)
    deep.filled(order(), deep.pool(order(), sol_tick()), 20_000_000 * MICROS)
    traded.usd = 0
    pool = deep.pool(order(), sol_tick())
    assert pool.pressure_micros == 250_000 * MICROS  # of the floor
    assert not pool.holds(Side.BUY, 1)
    assert pool.holds(Side.SELL, 100_000 * MICROS)


@pytest.mark.parametrize(
    ("hourly_ppm", "last_failing"),
    [(0, 10_000), (8_000, 10_000), (16_000, 30_000), (24_000, 50_000), (10**9, 900_000)],
    ids=["still", "usual", "twice", "three times", "wild"],
)
def test_failures_rise_with_volatility(hourly_ppm: int, last_failing: int) -> None:
    begins = OF_SOL.route_down_ppm + OF_SOL.expiry_ppm
    assert fate(Traded(hourly_ppm=hourly_ppm), roll=begins + last_failing - 1).fails or begins + last_failing > PPM
    assert not fate(Traded(hourly_ppm=hourly_ppm), roll=begins + last_failing).fails


@pytest.mark.parametrize(("hourly_ppm", "latency_ms"), [(0, 800), (8_000, 800), (16_000, 1_200), (24_000, 1_600)])
def test_latency_rises_with_volatility(hourly_ppm: int, latency_ms: int) -> None:
    assert fate(Traded(hourly_ppm=hourly_ppm)).latency_ms == latency_ms


@pytest.mark.parametrize(
    ("fee_max", "expires"), [(100_000, True), (313_000, False), (302_000, True)], ids=["usual", "all", "a bit less"]
)
def test_who_may_not_pay_what_the_moment_asks_never_lands(fee_max: int, expires: bool) -> None:
    """995 thousandths of all moments ask for 290,000 lamports or less, on top of 13,000."""
    asked = fate(fee=2**64 * 995 // 1_000, fee_max_lamports=fee_max)
    assert asked.expires is expires
    assert asked.priority_lamports == pytest.approx(290_000, rel=0.001)


@pytest.mark.parametrize(("tip_max", "paid"), [(0, 0), (5_000, 5_000), (200_000, 50_000)], ids=str)
def test_a_protected_order_pays_the_tip_of_its_moment_within_its_cap(tip_max: int, paid: int) -> None:
    """At nine of ten moments the normal level asks for 50,000 lamports or less."""
    clock, sol = SteppingClock(START_NS), sol_tick()
    draws = Draws(b"", PPM - 1, HALF, HALF, HALF, 2**64 * 9 // 10 + 1)
    found = market(clock=clock).fate(order(tip_max_lamports=tip_max, fee_max_lamports=300_000), sol, draws)
    assert min(found.tip_lamports, tip_max) == paid


def test_a_tip_takes_nothing_of_the_fee() -> None:
    """An order that may pay 100,000 in all, 90,000 of it as a tip, has not enough left for the usual fee."""
    assert not fate().expires
    assert fate(tip_max_lamports=90_000).expires


@pytest.mark.parametrize(
    ("hourly_ppm", "latency_ms", "moved_ppm"),
    [(0, 800, 0), (8_000, 3_600_000, 8_000), (8_000, 900_000, 4_000), (8_000, 0, 0), (10**9, 3_600_000, 500_000)],
)
def test_prices_drift_with_the_root_of_the_time(hourly_ppm: int, latency_ms: int, moved_ppm: int) -> None:
    one_deviation = (0xFFFF << 48) + (0xFFFF << 32) + (37_837 << 0)  # three dice sum to 2 × 65,535 and 37,837 more
    assert drift_ppm(hourly_ppm, latency_ms, one_deviation) == pytest.approx(moved_ppm, abs=2)


def test_a_move_pays_what_sol_pays_in_a_usual_hour() -> None:
    asked = market(Traded(hourly_ppm=10**6)).fate(order(), None, Draws(b"", PPM - 1, HALF, HALF, HALF, HALF))
    assert (asked.latency_ms, asked.drift_ppm, asked.priority_lamports) == (800, 0, 3_000)


def test_pools_are_apart() -> None:
    deep = market()
    deep.filled(order(), deep.pool(order(), sol_tick()), MICROS)
    assert deep.pool_of(SOL, START_NS).pressure_micros == MICROS
