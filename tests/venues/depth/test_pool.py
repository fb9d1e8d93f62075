"""The arithmetic of a pool: a constant product, which many small orders cannot trade cheaper than a large one."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from overmind.core.model.enums import Side
from overmind.core.model.units import BPS, MICROS, PPM
from overmind.venues.depth.market import recovered
from overmind.venues.depth.quantiles import bell_ppm, drawn
from overmind.venues.paper_market import Pool

FREE: Final = Pool(depth_micros=1_000_000 * MICROS, kept_ppm=PPM, share_max_ppm=PPM)
AT_MIDDLE: Final = (10**15, 1)  # so many base units that rounding does not show
depths = st.integers(10_000 * MICROS, 10**9 * MICROS)
values = st.integers(1, 2_500 * MICROS)
pressures = st.integers(-2_000 * MICROS, 2_000 * MICROS)


def in_pieces(pool: Pool, side: Side, values: list[int]) -> Fraction:
    """What all of them get of what the middle promises, value by value."""
    got = Fraction(0)
    for value in values:
        got += Fraction(*pool.paid(side, value)) * value
        pool = structs.replace(pool, pressure_micros=pool.pressed(side, value))
    return got / sum(values)


@pytest.mark.parametrize("side", Side)
def test_78_orders_of_100_cost_what_one_of_7800_does(side: Side) -> None:
    pieces, whole = in_pieces(FREE, side, [100 * MICROS] * 78), in_pieces(FREE, side, [7_800 * MICROS])
    assert float((1 - pieces) / (1 - whole)) == pytest.approx(1, rel=0.001)  # Without memory it was 1/78.


@given(depth=depths, side=st.sampled_from(Side), values=st.lists(values, min_size=2, max_size=8), pressure=pressures)
def test_pieces_move_a_pool_as_the_whole_does(depth: int, side: Side, values: list[int], pressure: int) -> None:
    pool = structs.replace(FREE, depth_micros=depth, pressure_micros=pressure)
    assert in_pieces(pool, side, values) == pytest.approx(in_pieces(pool, side, [sum(values)]), rel=1e-6)


@given(depth=depths, value=values, pressure=pressures)
def test_a_round_trip_earns_nothing(depth: int, value: int, pressure: int) -> None:
    """Whatever was traded before: what was bought is sold at once for no more than it cost."""
    pool = structs.replace(FREE, depth_micros=depth, pressure_micros=pressure)
    got, promised = pool.paid(Side.BUY, value)
    bought = value * got // promised  # tokens, as their value at the middle
    after = structs.replace(pool, pressure_micros=pool.pressed(Side.BUY, value))
    got, promised = after.paid(Side.SELL, bought)
    assert bought * got // promised <= value
    assert abs(after.pressed(Side.SELL, bought) - pressure) <= 2


@given(
    side=st.sampled_from(Side), value=st.integers(1, 10**15), depth=st.integers(0, 10**15), share=st.integers(0, PPM)
)
def test_without_memory_it_is_the_plain_formula(side: Side, value: int, depth: int, share: int) -> None:
    """In integers, to the last unit: depth ÷ (depth + value)."""
    pool = Pool(depth, 999_800, share)
    assert pool.holds(side, value) == (value <= depth * share // PPM)
    if depth:
        assert pool.received(side, value, AT_MIDDLE) == AT_MIDDLE[0] * depth * 999_800 // ((depth + value) * PPM)
        assert pool.impact_bps(side, value) == -(-value * BPS // (depth + value))


@pytest.mark.parametrize(
    ("pressure_usd", "side", "value_usd", "held"),
    [
        (0, Side.BUY, 250_000, True),
        (0, Side.BUY, 250_001, False),
        (200_000, Side.BUY, 50_000, True),
        (200_000, Side.BUY, 50_001, False),  # Earlier purchases count.
        (200_000, Side.SELL, 250_000, True),  # A sale brings the pool back.
        (-200_000, Side.SELL, 100_000, False),
    ],
)
def test_a_pool_bounds_what_moves_it_in_one_direction(
    pressure_usd: int, side: Side, value_usd: int, held: bool
) -> None:
    pool = structs.replace(FREE, share_max_ppm=250_000, pressure_micros=pressure_usd * MICROS)
    assert pool.holds(side, value_usd * MICROS) is held


@pytest.mark.parametrize(
    ("micros", "age", "left"),
    [(800, 0, 800), (800, 5, 600), (800, 10, 400), (800, 20, 200), (-800, 10, -400), (800, 10_000, 0), (800, -5, 800)],
)
def test_half_of_an_impact_recovers_in_each_half_life(micros: int, age: int, left: int) -> None:
    assert recovered(micros, age, 10) == left


@given(st.integers(0, 10**15), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**5))
def test_an_impact_never_grows_by_waiting(micros: int, age: int, more: int, half_life: int) -> None:
    assert 0 <= recovered(micros, age + more, half_life) <= recovered(micros, age, half_life) <= micros


QUANTILES: Final = (0, 10, 100, 1_000, 50_000)


@pytest.mark.parametrize(
    ("share", "value"), [(0, 0), (0.25, 5), (0.5, 10), (0.7, 55), (0.9, 100), (0.99, 1_000), (0.995, 25_500)]
)
def test_a_draw_by_its_quantiles(share: float, value: int) -> None:
    assert drawn(QUANTILES, round(share * 2**64)) == pytest.approx(value, abs=1, rel=0.001)


def test_the_largest_draw_is_the_most() -> None:
    assert drawn(QUANTILES, 2**64 - 1) == pytest.approx(50_000, rel=0.001)


def test_a_bell_curve_has_its_mean_and_deviation() -> None:
    found = [bell_ppm(number * 0x9E3779B97F4A7C15 % 2**64) / PPM for number in range(1, 4_000)]
    mean = sum(found) / len(found)
    assert abs(mean) < 0.05
    assert sum((one - mean) ** 2 for one in found) / len(found) == pytest.approx(1, rel=0.05)
    assert bell_ppm(0) == pytest.approx(-bell_ppm(2**64 - 1), abs=2)
