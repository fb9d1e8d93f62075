"""How the learner stands: its mode, its open forecasts, and how they did against what happened. In whole numbers.

A landing forecast is scored by Brier's rule, the square of its error, beside the score of the configured one. What a
choice lost against the cost model's own is estimated in USD, from the measured cost of the choice.
"""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.enums import LearnerMode
from overmind.core.model.ids import OrderId
from overmind.core.model.learner_rules import LearnerRules, ModeCause
from overmind.core.model.units import BPS, PPM
from overmind.core.model.value import Value

BLOCK: Final = 50  # outcomes that are summed up together
JUDGED_MIN: Final = 500  # outcomes before the forecasts are judged; they are judged by the newest so many
MEASURED_MAX: Final = 400 * MICRO  # one outlier counts no more, in millionths of a basis point


class Forecast(Value, frozen=True, omit_defaults=True):
    """What was expected of an entry that is open."""

    landing_ppm: int
    nominal_ppm: int  # the same as configured
    slots: int  # to land, in millionths
    expected: int = 0  # cost of not landing, landing late, and filling badly, in millionths of a basis point
    # what the cost model's own choice was expected to cost beyond this one; None: this one is the cost model's choice
    baseline: int | None = None


class Block(msgspec.Struct):
    """Some outcomes, and the sums of both scores in parts per million."""

    outcomes: int = 0
    learned: int = 0
    nominal: int = 0


class Standing(msgspec.Struct):
    mode: LearnerMode | None = None  # None: nobody has changed it, and the configuration applies
    cause: ModeCause = ModeCause.CONFIGURATION
    who: str = ""
    reason: str = ""
    since_ns: int = 0
    forecasts: dict[OrderId, Forecast] = msgspec.field(default_factory=dict)  # of entries that no outcome has ended
    blocks: list[Block] = msgspec.field(default_factory=list)  # the newest outcomes, oldest first
    lost_today_micros: int = 0  # against the cost model's own choices; negative: gained
    signals_today: int = 0
    explored_today: int = 0
    entered_today_micros: int = 0
    explored_today_micros: int = 0


def see_landing(standing: Standing, forecast: Forecast, landed: bool) -> None:
    """Scores the forecasts of one outcome."""
    if not standing.blocks or standing.blocks[-1].outcomes >= BLOCK:
        standing.blocks.append(Block())
        if len(standing.blocks) > JUDGED_MIN // BLOCK + 1:
            del standing.blocks[0]
    block, happened = standing.blocks[-1], PPM if landed else 0
    block.outcomes += 1
    block.learned += (forecast.landing_ppm - happened) ** 2 // PPM
    block.nominal += (forecast.nominal_ppm - happened) ** 2 // PPM


def see_cost(standing: Standing, forecast: Forecast, measured: int, notional_micros: int) -> None:
    """Counts what another choice than the cost model's has lost against it."""
    if forecast.baseline is not None:
        bounded = min(max(measured, -MEASURED_MAX), MEASURED_MAX)
        worse = bounded - forecast.expected - forecast.baseline
        standing.lost_today_micros += worse * notional_micros // (BPS * MICRO)


def set_mode(standing: Standing, mode: LearnerMode, cause: ModeCause, who: str, reason: str, at_ns: int) -> None:
    standing.mode, standing.cause, standing.who, standing.reason, standing.since_ns = mode, cause, who, reason, at_ns


def begin_day(standing: Standing) -> None:
    standing.lost_today_micros = standing.signals_today = standing.explored_today = 0
    standing.entered_today_micros = standing.explored_today_micros = 0


class Scores(Value, frozen=True):
    """The mean scores of the newest outcomes, in parts per million. Lower is better."""

    outcomes: int
    learned_ppm: int
    nominal_ppm: int

    @property
    def worse_ppm(self) -> int:
        """How much worse the learned forecasts are; negative: better."""
        return (self.learned_ppm - self.nominal_ppm) * PPM // max(1, self.nominal_ppm)


def scores(standing: Standing) -> Scores:
    outcomes = sum(block.outcomes for block in standing.blocks)
    learned, nominal = (sum(getattr(block, name) for block in standing.blocks) for name in ("learned", "nominal"))
    return Scores(outcomes, learned // max(1, outcomes), nominal // max(1, outcomes))


def is_spent(rules: LearnerRules, standing: Standing) -> bool:
    """Whether today's loss budget is used up."""
    return 0 < rules.loss_day_max_micros <= standing.lost_today_micros


def is_uncalibrated(rules: LearnerRules, standing: Standing) -> bool:
    """Whether its landing forecasts are worse than the configured ones by more than the bound."""
    if not rules.worse_max_ppm or len(standing.blocks) * BLOCK < JUDGED_MIN:
        return False
    found = scores(standing)
    return found.outcomes >= JUDGED_MIN and found.worse_ppm > rules.worse_max_ppm
