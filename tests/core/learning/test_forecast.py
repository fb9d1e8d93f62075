"""Forecasts and the choice: a bounded correction, chances that sum to one, and a draw that only the signal decides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overmind.core.learning.choice import BAND, TOP, draw, draw_ppm, is_told_apart, propensities_ppm
from overmind.core.learning.forecast import CORRECTION_MAX, Pair, Stakes, corrections, cost_of, costs_of, gap_deviation
from overmind.core.learning.learned import Learned, Observation, observe
from overmind.core.learning.sigmoid import MICRO, logit_of
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import SignalId, WalletId
from overmind.core.model.units import NS, PPM

STAKES = Stakes(50 * MICRO, 2 * MICRO)
COSTS = st.lists(st.integers(-100 * MICRO, 1_000 * MICRO), min_size=1, max_size=100)


def many(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def test_what_a_miss_a_slot_and_a_bad_fill_cost() -> None:
    """Half of the orders land: half of 50 bps is lost, and half of two slots at 2 bps, and half of 6 bps."""
    (cost,) = costs_of(STAKES, many(logit_of(500_000)), many(2 * MICRO), many(6 * MICRO)).tolist()
    assert cost == 25 * MICRO + 2 * MICRO + 3 * MICRO


MICROS = st.integers(-20 * MICRO, 20 * MICRO)


@given(st.lists(st.tuples(MICROS, MICROS), min_size=1), st.integers(0, 50 * MICRO))
def test_the_costs_of_many_are_those_of_each(offsets: list[tuple[int, int]], slots: int) -> None:
    logits, biases = (np.array(part, np.int64) for part in zip(*offsets, strict=True))
    one_by_one = [cost_of(STAKES, logit, slots, bias) for logit, bias in offsets]
    assert costs_of(STAKES, logits, slots, biases).tolist() == one_by_one


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12)), min_size=1))
def test_a_correction_is_at_most_25_basis_points(costs: list[tuple[int, int]]) -> None:
    nominal, learned = (np.array(part, np.int64) for part in zip(*costs, strict=True))
    found = corrections(nominal, learned)
    assert np.abs(found).max() <= CORRECTION_MAX == 25 * MICRO
    small = np.abs(learned - nominal) <= CORRECTION_MAX
    assert (found[small] == (learned - nominal)[small]).all()


@given(COSTS)
def test_the_chances_sum_to_one_within_the_top_and_the_band(costs: list[int]) -> None:
    chances = propensities_ppm(costs)
    assert sum(chance for _, chance in chances) == PPM
    assert len(chances) <= TOP
    assert [place for place, _ in chances] == sorted({place for place, _ in chances}, key=lambda one: (costs[one], one))
    assert all(chance > 0 and costs[place] <= min(costs) + BAND for place, chance in chances)
    assert chances[0][1] == max(chance for _, chance in chances)


@given(COSTS, st.text(max_size=5), st.integers(0, 10**6))
def test_a_draw_has_the_chance_that_it_tells(costs: list[int], seed: str, number: int) -> None:
    drawn = draw(costs, seed, SignalId(f"s{number}"))
    assert (drawn.place, drawn.propensity_ppm) in propensities_ppm(costs)
    assert drawn == draw(costs, seed, SignalId(f"s{number}"))


def test_draws_are_frequent_as_their_chances() -> None:
    costs = [0, MICRO // 10, MICRO, 30 * MICRO]
    drawn = [draw(costs, "seed", SignalId(f"s{number}")).place for number in range(20_000)]
    for place, chance in propensities_ppm(costs):
        assert drawn.count(place) / 20_000 == pytest.approx(chance / PPM, abs=0.01)
    assert 3 not in drawn


def test_seed_and_signal_are_not_mixed_up() -> None:
    assert draw_ppm("a", SignalId("bc")) != draw_ppm("ab", SignalId("c"))


def pair(wallet: str, route: str) -> Pair:
    return Pair(WalletId(wallet), route, logit_of(800_000), 2 * MICRO)


def deviation(learned: Learned, one: Pair, other: Pair) -> int:
    return gap_deviation(learned, STAKES, StrategyType.ARBITRAGE, one, other, NS)


def test_what_two_pairs_share_does_not_make_them_uncertain() -> None:
    learned = Learned()
    assert deviation(learned, pair("w1", "a"), pair("w1", "a")) == 0
    assert (
        0 < deviation(learned, pair("w1", "a"), pair("w2", "a")) < deviation(learned, pair("w1", "a"), pair("w2", "b"))
    )


def test_news_makes_a_gap_surer() -> None:
    learned = Learned()
    before = deviation(learned, pair("w1", "a"), pair("w1", "b"))
    for number in range(40):
        seen = Observation("ab"[number % 2], WalletId("w1"), StrategyType.ARBITRAGE, logit_of(800_000), True, 0, 0)
        observe(learned, seen, NS)
    assert deviation(learned, pair("w1", "a"), pair("w1", "b")) < before // 2


@pytest.mark.parametrize(("gap", "told"), [(0, False), (250, False), (251, True), (10_000, True)])
def test_a_gap_below_a_quarter_of_its_deviation_leaves_the_order(gap: int, told: bool) -> None:
    assert is_told_apart(gap, 1_000) is told
