"""The learner's mode: every change has an author and a reason, and the desk takes the decision from a bad learner."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.support.core_desk import CoreDesk, rows

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.learning.standing import BLOCK, JUDGED_MIN, Block, Forecast, Standing, scores, see_cost, see_landing
from overmind.core.model.commands import ChangeLearnerMode, CommandRefused, ConfigureDesk
from overmind.core.model.enums import LearnerMode
from overmind.core.model.events import Event, LearnerModeChanged, OrderPlaced
from overmind.core.model.learner_rules import ModeCause
from overmind.core.model.units import BPS, MICROS
from overmind.views.alarms import learner_alarms

MODES = """
steps                                                          | modes and who set them
learn on                                                       | on ann
learn on; learn on                                             | on ann
desk learner off; learn canary; learn off                      | off configuration, canary ann, off ann
desk learner on                                                | on configuration
# A start with the same configuration is no change: what an operator said last applies.
learn off; desk losing 7                                       | off ann
learn on; desk learner on                                      | on ann
learn on; desk learner off; desk learner shadow                | on ann, off configuration, shadow configuration
"""


def changes(events: tuple[Event, ...]) -> list[LearnerModeChanged]:
    return [event for event in events if isinstance(event, LearnerModeChanged)]


@pytest.mark.parametrize(("steps", "told"), rows(MODES))
def test_who_sets_the_mode(steps: str, told: str) -> None:
    desk = CoreDesk("w1; desk learner shadow")
    before = len(desk.entries)
    desk.play(steps)
    found = changes(tuple(entry.event for entry in desk.entries[before:]))
    assert ", ".join(f"{event.mode} {event.who}" for event in found) == told
    assert all(event.reason.strip() for event in found)
    assert desk.state.learner_mode is found[-1].mode


def test_a_first_configuration_tells_the_mode_itself() -> None:
    desk = CoreDesk("w1")
    assert changes(tuple(entry.event for entry in desk.entries)) == []
    assert desk.state.learner_mode is LearnerMode.OFF


@pytest.mark.parametrize(("who", "reason"), [("", "because"), ("ann", " ")])
def test_who_and_why_are_required(who: str, reason: str) -> None:
    with pytest.raises(CommandRefused, match="neither may be blank"):
        CoreDesk("w1").do(ChangeLearnerMode(LearnerMode.ON, who, reason))


def trained(rules: str) -> CoreDesk:
    """A learner that prefers w2, while the cost model prefers w1: w1's entries never land."""
    desk = CoreDesk(f"w1; w2 usd 9000; desk learner on miss 50 fades 1 seed s {rules}")
    for number in range(20):
        desk.play(f"wait 60000; mark sol 100; buy sol $10 id t{number}")
        (placed,) = (known.order for known in desk.state.open_orders.values())
        lost = placed.wallet_id == "w1"
        desk.play(f"expire t{number}.0.0; fill t{number}.0.1" if lost else f"fill t{number}.0.0")
    return desk


def test_a_learner_that_lost_its_budget_falls_back_until_somebody_looks() -> None:
    desk = trained("losing 1")
    before = desk.state.standing.lost_today_micros
    assert desk.state.learner_mode is LearnerMode.ON
    (placed,) = desk.play("buy sol $250 id x")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.wallet_id == "w2"
    advice = placed.selection.advice
    assert advice is not None
    assert advice.baseline is not None
    assert advice.baseline > 0, "the cost model's choice is expected to cost more"
    desk.play("expire x.0.0; reject x.0.1 for SLIPPAGE")
    lost = desk.state.standing.lost_today_micros - before
    assert lost == (50 * MICROS - advice.expected - advice.baseline) * 250 // BPS
    fallen = changes(desk.play("buy sol $250 id y; expire y.0.0"))
    assert [(one.mode, one.cause, one.who) for one in fallen] == [(LearnerMode.SHADOW, ModeCause.LOSS_BUDGET, "desk")]
    assert "$1.00 is the limit" in fallen[0].reason
    assert learner_alarms(desk.state) != ()
    desk.play("reject y.0.1 for SLIPPAGE")
    (again,) = desk.play("buy sol $10 id z")
    assert isinstance(again, OrderPlaced)
    assert again.order.wallet_id == "w1", "the cost model decides again"
    with pytest.raises(CommandRefused, match=r"may not decide.*wait for 00:00 UTC"):
        desk.play("learn on")
    desk.play("wait 86400000; mark sol 100")
    assert desk.state.learner_mode is LearnerMode.SHADOW, "a new day heals nothing by itself"
    desk.do(ConfigureDesk(desk.state.settings))
    assert desk.state.learner_mode is LearnerMode.SHADOW, "nor does a start"
    assert changes(desk.play("learn on")) != []
    assert learner_alarms(desk.state) == ()


def test_an_operator_confirms_a_fall_back_by_setting_the_mode_that_there_is() -> None:
    desk = trained("losing 1")
    desk.play("buy sol $250 id x; expire x.0.0; buy sol $250 id y; expire y.0.0")
    assert learner_alarms(desk.state) != ()
    assert [one.who for one in changes(desk.play("learn shadow"))] == ["ann"]
    assert learner_alarms(desk.state) == ()
    assert desk.play("learn shadow") == ()


def test_in_shadow_nothing_falls_back_and_nothing_of_the_cost_models_choice_is_a_loss() -> None:
    desk = trained("losing 0.01 learner shadow")
    assert desk.state.standing.lost_today_micros == 0
    assert desk.state.learner_mode is LearnerMode.SHADOW


def test_forecasts_that_are_worse_than_the_configured_ones_make_it_fall_back() -> None:
    """Of 500 outcomes: 499 are behind it, and the last one of them turns the score."""
    desk = CoreDesk("w1; desk learner on miss 50 worse 5")
    standing = desk.state.standing
    standing.blocks = [Block(BLOCK, 100 * BLOCK, 96 * BLOCK) for _ in range(JUDGED_MIN // BLOCK - 1)]
    standing.blocks.append(Block(BLOCK - 2, 100 * BLOCK, 90 * BLOCK))
    assert changes(desk.play("buy sol $10 id a; fill a.0.0")) == []
    desk.state.standing.blocks[0].learned += 10_000
    (fallen,) = changes(desk.play("buy sol $10 id b; fill b.0.0 provisional; final"))
    assert (fallen.mode, fallen.cause) == (LearnerMode.SHADOW, ModeCause.CALIBRATION)
    assert scores(desk.state.standing).outcomes == JUDGED_MIN
    with pytest.raises(CommandRefused, match=r"forecasts of the newest 500 outcomes .* leave it in shadow"):
        desk.play("learn canary")


def test_only_the_newest_outcomes_are_judged() -> None:
    standing, good, bad = Standing(), Forecast(900_000, 500_000, 0), Forecast(100_000, 900_000, 0)
    for _ in range(2 * JUDGED_MIN):
        see_landing(standing, bad, landed=True)
    assert scores(standing).worse_ppm > 0
    for _ in range(JUDGED_MIN + BLOCK):
        see_landing(standing, good, landed=True)
    found = scores(standing)
    assert (found.learned_ppm, found.nominal_ppm) == (10_000, 250_000)
    assert JUDGED_MIN <= found.outcomes <= JUDGED_MIN + BLOCK


def test_one_outlier_counts_no_more_than_its_bound() -> None:
    standing, forecast = Standing(), Forecast(0, 0, 0, expected=0, baseline=0)
    see_cost(standing, forecast, 10**12, 100 * MICROS)
    assert standing.lost_today_micros == 4 * MICROS
    see_cost(standing, replace(forecast, baseline=None), 10**12, 100 * MICROS)
    assert standing.lost_today_micros == 4 * MICROS


ENDS = """
script                                                               | outcomes that were scored
buy sol $10 id a; fill a.0.0                                         | 1
buy sol $10 id a; fill a.0.0 provisional                             | 0
buy sol $10 id a; fill a.0.0 provisional; final                      | 1
buy sol $10 id a; fill a.0.0 provisional; roll back a.0.0 as expired | 1
buy sol $10 id a; reject a.0.0 for SLIPPAGE                          | 0
buy sol $10 id a; learn off; fill a.0.0; learn shadow                | 0
buy sol $10 id a; buy sol $10 id b; fill b.0.0; fill a.0.0           | 2
"""


@pytest.mark.parametrize(("script", "scored"), rows(ENDS))
def test_each_forecast_is_scored_once_and_then_forgotten(script: str, scored: str) -> None:
    desk = CoreDesk("w1; desk learner shadow miss 50")
    desk.play(script)
    assert scores(desk.state.standing).outcomes == int(scored)
    waiting = {*desk.state.open_orders, *desk.state.provisional}
    assert set(desk.state.standing.forecasts) == waiting


def test_a_snapshot_and_a_replay_agree_on_how_the_learner_stands() -> None:
    desk = trained("losing 1 explore 50 exploring 100")
    desk.play("buy sol $250 id x; expire x.0.0; buy sol $250 id y; expire y.0.0; buy sol $20 id z")
    desk.state = decode_state(encode_state(desk.state))
    desk.index = type(desk.index)(desk.state)
    desk.play("fill z.0.0; wait 86400000; mark sol 100; learn canary; buy sol $20 id z2; expire z2.0.0")
    replayed = State()
    for entry in desk.entries:
        apply(replayed, entry)
    assert encode_state(replayed) == encode_state(desk.state)


def test_a_canary_decides_its_share_of_the_signals_and_no_other() -> None:
    desk = trained("canary 30")
    desk.play("learn canary")
    decided = []
    for number in range(60):
        (placed,) = desk.play(f"buy sol $10 id c{number}")
        assert isinstance(placed, OrderPlaced)
        assert placed.selection.advice is not None
        decided.append(placed.selection.advice.decided)
        assert placed.order.wallet_id == ("w2" if decided[-1] else "w1")
        desk.play(f"reject c{number}.0.0 for SLIPPAGE")
    assert 8 <= sum(decided) <= 28
