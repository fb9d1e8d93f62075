"""The learner's mode: who changed it and why, and when the desk itself takes the decision from the learner.

It falls back to shadow, so that it goes on learning, and only a person or a configuration makes it decide again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State
from overmind.core.learning.standing import is_spent, is_uncalibrated, scores
from overmind.core.model.commands import ChangeLearnerMode, CommandRefused
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import LEARNER_DECIDES, LearnerMode
from overmind.core.model.events import LearnerModeChanged
from overmind.core.model.learner_rules import ModeCause
from overmind.core.model.units import MICROS, PPM

CONFIGURATION: Final = "configuration"
DESK: Final = "desk"


def change_mode(state: State, change: ChangeLearnerMode) -> Iterator[LearnerModeChanged]:
    """By an operator. To set the mode that there is confirms what the desk did by itself."""
    if not change.who.strip() or not change.reason.strip():
        raise CommandRefused("say who changes the mode and why: the journal keeps both, and neither may be blank")
    fault = why_not_trusted(state)
    if change.mode in LEARNER_DECIDES and fault is not None:
        raise CommandRefused(f"the learner may not decide: {fault[1]}; {_REMEDY[fault[0]]}")
    if change.mode is not state.learner_mode or state.standing.cause.automatic:
        yield LearnerModeChanged(change.mode, ModeCause.OPERATOR, change.who, change.reason)


def configured(before: LearnerMode | None, desk: Desk) -> Iterator[LearnerModeChanged]:
    """By a configuration that says another mode than the one before. `before`: the mode that applied until now."""
    mode = desk.routing.learner
    if before is not None and mode is not before:
        reason = f"OVERMIND_ROUTING_LEARNER is {mode}; before the mode was {before}"
        yield LearnerModeChanged(mode, ModeCause.CONFIGURATION, CONFIGURATION, reason)


def mode_before(state: State, desk: Desk) -> LearnerMode | None:
    """The mode that a new configuration may change; None: it says about the mode what the one before said."""
    old = state.desk
    return None if old is None or old.routing.learner is desk.routing.learner else state.learner_mode


def fall_back(state: State) -> tuple[LearnerModeChanged, ...]:
    """After an outcome: takes the decision from a learner that lost too much or forecasts too badly."""
    if state.learner_mode not in LEARNER_DECIDES or (fault := why_not_trusted(state)) is None:
        return ()
    return (LearnerModeChanged(LearnerMode.SHADOW, fault[0], DESK, fault[1]),)


def why_not_trusted(state: State) -> tuple[ModeCause, str] | None:
    """None: nothing speaks against it."""
    rules, standing = state.settings.learner_rules, state.standing
    if is_spent(rules, standing):
        lost, limit = standing.lost_today_micros / MICROS, rules.loss_day_max_micros / MICROS
        why = (
            f"its choices lost an estimated ${lost:,.2f} today against the cost model's, and ${limit:,.2f} is the limit"
        )
        return ModeCause.LOSS_BUDGET, why
    if is_uncalibrated(rules, standing):
        found = scores(standing)
        share, limit = 100 * found.worse_ppm / PPM, 100 * rules.worse_max_ppm / PPM
        why = (
            f"its landing forecasts of the newest {found.outcomes} outcomes are {share:.1f} % worse than the configured"
            f" ones by the Brier score, and {limit:g} % is the limit"
        )
        return ModeCause.CALIBRATION, why
    return None


_REMEDY: Final = {
    ModeCause.LOSS_BUDGET: "wait for 00:00 UTC, or raise OVERMIND_ROUTING_LOSS_DAY_MAX_USD",
    ModeCause.CALIBRATION: "leave it in shadow until its newest forecasts are better",
}
