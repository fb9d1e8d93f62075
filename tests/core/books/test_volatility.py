"""The volatility of marks equals the deviation that generated them, at any interval, and ignores one bad mark."""

from math import exp, sqrt
from random import Random

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.state import decode_state, encode_state
from overmind.core.books.volatility import MOVES_MIN, Volatility
from overmind.core.model.ids import Mint
from overmind.core.model.money import Mark
from overmind.core.model.units import DAY_NS, NS, PICO

HALF_LIFE_NS = DAY_NS // 4
START_NS = 20_000 * DAY_NS


class Feed:
    """A random price that is marked at an interval."""

    def __init__(self, a_day: float, step_s: int, seed: int = 1) -> None:
        self.random, self.a_day, self.step_s = Random(seed), a_day, step_s
        self.price, self.at_ns, self.known = 100.0, START_NS, Volatility()

    def go(self, marks: int) -> None:
        for _ in range(marks):
            step_s = self.step_s * self.random.choice([1, 1, 1, 5])  # gaps
            self.price *= exp(self.random.gauss(0, self.a_day * sqrt(step_s / 86_400)))
            self.mark(self.price, step_s)

    def mark(self, price: float, step_s: int) -> None:
        self.at_ns += step_s * NS
        self.known.observe(Mark(Mint("m"), max(1, int(price * PICO)), self.at_ns), HALF_LIFE_NS)

    @property
    def over_a_day(self) -> float:
        assert self.known.is_known, self.known
        return self.known.over_ppm(DAY_NS) / 1_000_000


@pytest.mark.parametrize("step_s", [1, 60, 300])
@pytest.mark.parametrize("a_day", [0.005, 0.03, 0.3, 1.0])
def test_it_measures_the_deviation_of_the_generated_price(a_day: float, step_s: int) -> None:
    feed = Feed(a_day, step_s)
    feed.go(2_000)
    assert feed.over_a_day == pytest.approx(a_day, rel=0.25)


def test_it_is_known_after_enough_moves_and_not_before() -> None:
    feed = Feed(0.03, 1)
    feed.go(MOVES_MIN + 1)
    assert not feed.known.is_known  # The first mark is no move, and the oldest move weighs slightly less than one.
    feed.go(1)
    assert feed.known.is_known


@pytest.mark.parametrize("times", [0.01, 0.5, 0.97, 1.03, 2.0, 100.0])
@pytest.mark.parametrize("step_s", [1, 300])
def test_one_bad_mark_changes_nothing(step_s: int, times: float) -> None:
    feed, plain = Feed(0.02, step_s), Feed(0.02, step_s)
    feed.go(400)
    plain.go(400)
    feed.mark(feed.price * times, step_s)
    feed.mark(feed.price, step_s)
    plain.mark(plain.price, 2 * step_s)
    assert feed.known == plain.known


@pytest.mark.parametrize("bad", [0, 1, 5])
def test_a_bad_mark_among_the_first_does_not_stay(bad: int) -> None:
    feed = Feed(0.02, 1)
    feed.go(bad)
    feed.mark(feed.price * 50, 1)
    feed.go(200)
    assert feed.over_a_day == pytest.approx(0.02, rel=0.3)


def test_a_crash_that_the_next_mark_confirms_counts_in_full() -> None:
    feed = Feed(0.02, 60)
    feed.go(1_000)
    calm = feed.over_a_day
    feed.price *= 0.7
    feed.go(2)
    assert feed.over_a_day > 5 * calm
    for _ in range(4):
        feed.go(1_000)
    assert feed.over_a_day == pytest.approx(0.02, rel=0.3)  # it is forgotten with time


def test_after_a_long_silence_it_is_not_known() -> None:
    feed = Feed(0.03, 300)
    feed.go(500)
    feed.mark(feed.price, 7 * 86_400)
    assert not feed.known.is_known


def test_marks_that_never_move_are_no_volatility() -> None:
    feed = Feed(0.03, 1)
    for _ in range(100):
        feed.mark(100.0, 1)
    assert feed.known.is_known
    assert feed.known.over_ppm(DAY_NS) == 0


def test_a_snapshot_keeps_the_volatility() -> None:
    state = CoreDesk("w1; wave eth 2000 2020 21 60000").state
    assert decode_state(encode_state(state)).volatility == state.volatility
    assert state.volatility[Mint("eth")].is_known
