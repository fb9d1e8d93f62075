"""The share of failed attempts: it moves with each attempt, fades with time, and moves entries to another wallet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.core_desk import CoreDesk, told

from overmind.core.books.execution_score import ALLOWED_PPM, excess_all_ppm, excess_ppm, faded_ppm
from overmind.core.model.events import OrderPlaced
from overmind.core.model.units import NS, PPM

HOUR = 3_600 * NS
TABLE = [
    # missed | age | half-life | faded
    (PPM, 0, HOUR, PPM),
    (PPM, HOUR // 2, HOUR, 750_000),
    (PPM, HOUR, HOUR, 500_000),
    (PPM, 3 * HOUR, HOUR, 125_000),
    (PPM, 20 * HOUR, HOUR, 0),
    (PPM, 10**18, HOUR, 0),
    (PPM, 6 * HOUR, HOUR, 15_625),
    (PPM, 7 * HOUR, HOUR, 7_812),
    (1, NS, HOUR, 1),
    (PPM, -HOUR, HOUR, PPM),  # The clock stepped back.
]


@pytest.mark.parametrize(("missed", "age_ns", "half_life_ns", "faded"), TABLE)
def test_a_share_halves_in_every_half_life(missed: int, age_ns: int, half_life_ns: int, faded: int) -> None:
    assert faded_ppm(missed, age_ns, half_life_ns) == faded


@given(st.integers(0, PPM), st.integers(-(10**18), 10**18), st.integers(NS, 7_200 * NS))
def test_the_vector_equals_the_scalar_and_stays_within_the_share(missed: int, age_ns: int, half_life_ns: int) -> None:
    one = excess_ppm(missed, age_ns, half_life_ns)
    (many,) = excess_all_ppm(np.array([missed], np.int64), np.array([age_ns], np.int64), half_life_ns)
    assert one == many
    assert one == max(0, faded_ppm(missed, age_ns, half_life_ns) - ALLOWED_PPM) <= missed


SCORES = """
given                                                      | w1
w1; buy sol $10; fill                                      | 0
w1; buy sol $10; fail                                      | 250000
w1; buy sol $10; expire                                    | 250000
w1; buy sol $10; fail; buy sol $10; fail                   | 437500
w1; buy sol $10; fail; buy sol $10; fill                   | 187500
w1; buy sol $10; reject for ROUTE_DOWN                     | 250000
w1; buy sol $10; reject for WALLET_FUNDS                   | 250000
# The market, a stop or a person ended it: that says nothing about the wallet.
w1; buy sol $10; reject for SLIPPAGE                       | 0
w1; buy sol $10; reject for STOPPED                        | 0
w1; buy sol $10; fail; buy sol $10; reject for CANCELLED   | 250000
"""


@pytest.mark.parametrize("row", [row for row in SCORES.strip().splitlines()[1:] if not row.startswith("#")])
def test_what_counts_as_a_failed_attempt(row: str) -> None:
    script, missed = (cell.strip() for cell in row.split("|"))
    desk = CoreDesk("w1; desk miss 50 fades 3600000")
    desk.play(script.removeprefix("w1; "))
    assert desk.book("w1").missed_ppm == int(missed)


def test_a_desk_without_the_term_counts_nothing() -> None:
    desk = CoreDesk("w1; w2; buy sol $10 not w2; fail; buy sol $10 not w2; expire")
    assert (desk.book("w1").missed_ppm, desk.book("w1").missed_ns) == (0, 0)
    assert told(desk.play("buy sol $10")) == "w1 $10"


def chosen(desk: CoreDesk, number: int) -> str:
    """The wallet that gets the next entry."""
    placed = desk.play(f"buy sol $10 id s{number}")[-1]
    assert isinstance(placed, OrderPlaced), placed
    return placed.order.wallet_id


def trade(desk: CoreDesk, numbers: range, fails: str) -> list[str]:
    """One entry every 30 s. Those of the wallet `fails` fail. Returns who got each."""
    got = []
    for number in numbers:
        desk.play("wait 30000; mark sol 100")
        got.append(chosen(desk, number))
        desk.play(f"fail s{number}.0.0" if got[-1] == fails else f"fill s{number}.0.0")
    return got


def test_a_wallet_whose_swaps_fail_is_left_and_it_comes_back_after_it_recovered() -> None:
    """A failing wallet costs a bounded number of trades: two at first, and one now and then to look again."""
    desk = CoreDesk("w1; w2; desk miss 50 fades 600000 trades 0")
    assert trade(desk, range(4), fails="w1") == ["w1", "w1", "w2", "w2"]
    broken = trade(desk, range(4, 304), fails="w1")
    assert 1 <= broken.count("w1") <= 20
    recovered = trade(desk, range(304, 604), fails="")
    assert recovered.count("w1") >= 100


def test_an_entry_that_waits_makes_its_wallet_dearer() -> None:
    desk = CoreDesk("w1; w2; desk waiting 0.5")
    assert [chosen(desk, number) for number in range(4)] == ["w1", "w2", "w1", "w2"]
