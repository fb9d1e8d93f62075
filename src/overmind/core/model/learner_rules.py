"""How far the learner is trusted: what it may try, how much it may lose, and how well it must forecast."""

from __future__ import annotations

import enum

from overmind.core.model.units import MICROS, PPM
from overmind.core.model.value import Value


class LearnerRules(Value, frozen=True, omit_defaults=True):
    """The defaults are those of a desk that never explores and never falls back, as in old journals."""

    seed: str = ""  # of the draws and of the canary's choice of signals
    explore_ppm: int = 0  # of the signals: the most that may go to another wallet than the preferred one; 0: none
    explore_max_micros: int = 250 * MICROS  # of an entry that may explore
    explore_day_ppm: int = PPM // 100  # of the day's notional
    canary_ppm: int = 0  # of the signals that the learner decides in canary mode
    loss_day_max_micros: int = 0  # against the cost model's own choices, since 00:00 UTC; 0: no limit
    worse_max_ppm: int = 0  # how much worse its landing forecasts may be than the configured ones; 0: not checked


class ModeCause(enum.StrEnum):
    """Why the learner's mode changed."""

    OPERATOR = "operator"
    CONFIGURATION = "configuration"
    LOSS_BUDGET = "loss_budget"
    CALIBRATION = "calibration"

    @property
    def automatic(self) -> bool:
        """Whether the desk itself took the decision from the learner."""
        return self in (ModeCause.LOSS_BUDGET, ModeCause.CALIBRATION)
