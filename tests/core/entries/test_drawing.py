"""Exploring: which entries may draw a wallet, with which chance, and that no bound is ever passed by."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.core_desk import CoreDesk, rows
from tests.support.effort import examples

from overmind.core.learning.choice import BAND, TOP, draw, draw_ppm, propensities_ppm
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import SignalId
from overmind.core.model.selection import Advice
from overmind.core.model.units import MICROS, PPM

WHO = """
before                                                | script                                    | chances
# Two wallets that cost the same, all of the signals.
w1; w2; desk explore 100 exploring 100                 | buy sol $10                               | 50 50
w1; w2; desk explore 100 exploring 100                 | buy sol $250                              | 50 50
w1; w2; desk explore 10 exploring 100; wide            | buy sol $10                               | 95 5
# The cap on one entry, and what is off.
w1; w2; desk explore 100 exploring 100                 | buy sol $251                              | 100
w1; w2; desk explore 0 exploring 100                   | buy sol $10                               | 100
# Of the signals of a day and of its amount no more than the share, and none before there are enough.
w1; w2; desk explore 100 exploring 99                  | buy sol $10                               | 100
w1; w2; desk explore 99 exploring 100                  | buy sol $10                               | 100
# A wallet that is there to be careful neither explores nor is explored with.
w1 type Conservative; w2; desk explore 100 exploring 100 | buy sol $10                             | 100
w1; w2 type Conservative; desk explore 100 exploring 100 | buy sol $10                             | 100
# A retry, and an entry that a risk budget sizes.
w1; w2; w3; desk explore 100 exploring 100             | buy sol $10; expire                       | 100
w1 stop 5; w2 stop 5; desk explore 100 exploring 100   | buy sol risk$1                            | 100
# More than half of the exposure that is allowed, or of the loss that a day may have.
w1; w2; deposit w1 11 eth; desk explore 100 exploring 100 | buy sol $10                            | 100
w1; w2; deposit w1 9 eth; desk explore 100 exploring 100 | buy sol $10                             | 50 50
w1; w2; deposit w1 1 eth; mark eth 1700; desk explore 100 exploring 100 loss 2 | buy sol $10       | 100
w1; w2; deposit w1 1 eth; mark eth 1900; desk explore 100 exploring 100 loss 2 | buy sol $10       | 50 50
# The band: an account of the token is missing in w2, for 16 bps of $50 and 81 bps of $10.
w1; w2; deposit w1 0.1 eth; desk explore 100 exploring 100 | buy eth $50                           | 99.6 0.4
w1; w2; deposit w1 0.1 eth; desk explore 100 exploring 100 | buy eth $50 by arbitrage              | 100
w1; w2; deposit w1 0.1 eth; desk explore 100 exploring 100 | buy eth $10                           | 100
# The gate has the last word: w2 cannot pay a new account.
w1; w2 sol 0.101; deposit w1 0.1 eth; desk explore 100 exploring 100 | buy eth $50                 | 100
# The learner that is off.
w1; w2; desk learner off explore 100 exploring 100     | buy sol $10                               | off
"""


def play(before: str, script: str) -> Advice | None:
    desk = CoreDesk("desk learner shadow miss 50 seed s")
    for step in before.replace("; wide", "").split("; "):
        desk.play(step)
    if before.endswith("wide"):  # So many signals that the share of the day leaves room.
        desk.state.standing.signals_today = 100
    placed = next(event for event in reversed(desk.play(script)) if isinstance(event, OrderPlaced))
    return placed.selection.advice


@pytest.mark.parametrize(("before", "script", "chances"), rows(WHO))
def test_who_may_be_drawn(before: str, script: str, chances: str) -> None:
    advice = play(before, script)
    if chances == "off":
        assert advice is None
        return
    assert advice is not None
    percents = [float(chance) for chance in chances.split()]
    drawn = percents[-1] if advice.explored else percents[0]
    assert round(advice.propensity_ppm / 10_000, 1) == drawn
    assert not (advice.explored and len(percents) == 1)


def test_a_draw_depends_on_the_seed_and_the_signal_alone() -> None:
    """Whatever the desk did before, the same signal draws the same wallet."""
    desks = [CoreDesk(f"w1; w2; desk learner shadow miss 50 explore 100 exploring 100 seed {s}") for s in "aab"]
    desks[1].play("buy sol $20 id other; reject other.0.0 for SLIPPAGE; wait 1000")
    told = [[choose(desk, f"x{number}") for number in range(40)] for desk in desks]
    assert told[0] == told[1]
    assert told[0] != told[2]
    assert {wallet for wallet, _ in told[0]} == {"w1", "w2"}


def choose(desk: CoreDesk, name: str) -> tuple[str, bool]:
    (placed,) = desk.play(f"buy sol $10 id {name}")
    assert isinstance(placed, OrderPlaced)
    assert placed.selection.advice is not None
    desk.play(f"reject {name}.0.0 for SLIPPAGE")
    return placed.order.wallet_id, placed.selection.advice.explored


def test_no_more_signals_and_no_more_of_the_amount_explore_than_their_share() -> None:
    desk = CoreDesk("w1; w2; desk learner shadow miss 50 explore 50 exploring 20 seed s")
    explored = 0
    for number in range(1, 60):
        amount = 10 + 7 * number % 30
        (placed,) = desk.play(f"buy sol ${amount} id y{number}")
        assert isinstance(placed, OrderPlaced)
        assert placed.selection.advice is not None
        explored += placed.selection.advice.explored
        standing = desk.state.standing
        assert (standing.signals_today, standing.explored_today) == (number, explored)
        assert explored * PPM <= number * 500_000
        assert standing.explored_today_micros * PPM <= standing.entered_today_micros * 200_000
        desk.play(f"reject y{number}.0.0 for SLIPPAGE")
    assert explored > 3
    desk.play("wait 86400000; mark sol 100")
    assert desk.state.standing.signals_today == desk.state.standing.explored_today_micros == 0


def test_a_day_whose_loss_budget_is_spent_explores_no_more() -> None:
    desk = CoreDesk("w1; w2; desk learner shadow miss 50 explore 100 exploring 100 seed s losing 3")
    desk.state.standing.lost_today_micros = 3 * MICROS - 1
    _, first = choose(desk, "a"), desk.state.standing.explored_today
    desk.state.standing.lost_today_micros = 3 * MICROS
    for number in range(8):
        choose(desk, f"b{number}")
    assert desk.state.standing.explored_today == first


def test_the_chance_is_how_often_it_is_drawn() -> None:
    costs, share = [0, 2 * MICROS, 100_000, 26 * MICROS], 500_000
    chances = dict(propensities_ppm(costs, 1, share))
    drawn = [draw(costs, "seed", SignalId(f"s{number}"), 1, share) for number in range(5_000)]
    assert all(one.propensity_ppm == chances[one.place] for one in drawn)
    for place, chance in chances.items():
        seen = sum(one.place == place for one in drawn)
        assert seen == pytest.approx(5_000 * chance / PPM, abs=5 * (5_000 * chance / PPM) ** 0.5 + 1)


@settings(derandomize=True, max_examples=examples(60))
@given(
    st.lists(st.integers(-100 * MICROS, 100 * MICROS), min_size=1, max_size=12),
    st.integers(0, 11),
    st.integers(0, PPM),
    st.sampled_from([10 * MICROS, BAND]),
)
def test_chances_are_exact_and_bounded(costs: list[int], at: int, share: int, band: int) -> None:
    preferred = at % len(costs)
    chances = propensities_ppm(costs, preferred, share, band)
    assert sum(chance for _, chance in chances) == PPM
    assert chances[0][0] == preferred
    assert PPM - chances[0][1] <= share
    assert len(chances) <= TOP
    assert len({place for place, _ in chances}) == len(chances)
    for place, chance in chances[1:]:
        assert chance >= 0
        assert costs[place] - costs[preferred] <= band
    nearest = sorted(chances[1:], key=lambda one: costs[one[0]])
    assert [chance for _, chance in nearest] == sorted((chance for _, chance in nearest), reverse=True)


@settings(derandomize=True, max_examples=examples(30))
@given(st.text(), st.text())
def test_a_draw_is_a_number_below_a_million(seed: str, name: str) -> None:
    number = draw_ppm(seed, SignalId(name))
    assert 0 <= number < PPM
    assert number == draw_ppm(seed, SignalId(name))
