"""How the learner stands: its mode and who set it, what it may lose and explore today, and how well it forecasts."""

from __future__ import annotations

from overmind.core.books.state import State
from overmind.core.control.learner import why_not_trusted
from overmind.core.learning.standing import JUDGED_MIN, scores
from overmind.core.model.enums import LearnerMode
from overmind.core.model.learner_rules import LearnerRules, ModeCause
from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of


class CalibrationRow(Value, frozen=True):
    """Brier scores of the newest landing forecasts, beside those of the configured ones. Lower is better."""

    outcomes: int
    needed: int  # before they are judged
    learned: float
    configured: float
    worse_percent: float | None  # null: there are not enough outcomes yet
    worse_max_percent: float  # 0: not checked


class ExploringRow(Value, frozen=True):
    """What explored since 00:00 UTC, and what may."""

    share_max_percent: float  # of the signals; 0: nothing explores
    entry_max_usd: Amount
    amount_max_percent: float  # of the day's amount
    signals: int
    explored: int
    entered_usd: Amount
    explored_usd: Amount


class LearnerRow(Value, frozen=True):
    mode: LearnerMode
    configured: LearnerMode
    cause: ModeCause
    who: str  # blank: as configured since the first start
    reason: str
    since_ns: int | None
    canary_percent: float
    lost_today_usd: Amount  # against the cost model's own choices, by estimate; negative: gained
    loss_max_usd: Amount  # 0: no limit
    not_trusted: str  # why it may not decide now; blank: nothing speaks against it
    calibration: CalibrationRow
    exploring: ExploringRow


def learner(state: State) -> LearnerRow:
    standing, rules = state.standing, state.settings.learner_rules
    fault = why_not_trusted(state)
    return LearnerRow(
        mode=state.learner_mode,
        configured=state.settings.routing.learner,
        cause=standing.cause,
        who=standing.who,
        reason=standing.reason,
        since_ns=standing.since_ns or None,
        canary_percent=_percent(rules.canary_ppm),
        lost_today_usd=usd_of(standing.lost_today_micros),
        loss_max_usd=usd_of(rules.loss_day_max_micros),
        not_trusted=fault[1] if fault is not None else "",
        calibration=_calibration(state),
        exploring=_exploring(state, rules),
    )


def _calibration(state: State) -> CalibrationRow:
    found = scores(state.standing)
    return CalibrationRow(
        outcomes=found.outcomes,
        needed=JUDGED_MIN,
        learned=found.learned_ppm / PPM,
        configured=found.nominal_ppm / PPM,
        worse_percent=_percent(found.worse_ppm) if found.outcomes >= JUDGED_MIN else None,
        worse_max_percent=_percent(state.settings.learner_rules.worse_max_ppm),
    )


def _exploring(state: State, rules: LearnerRules) -> ExploringRow:
    standing = state.standing
    return ExploringRow(
        share_max_percent=_percent(rules.explore_ppm),
        entry_max_usd=usd_of(rules.explore_max_micros),
        amount_max_percent=_percent(rules.explore_day_ppm),
        signals=standing.signals_today,
        explored=standing.explored_today,
        entered_usd=usd_of(standing.entered_today_micros),
        explored_usd=usd_of(standing.explored_today_micros),
    )


def _percent(ppm: int) -> float:
    return ppm * 100 / PPM
