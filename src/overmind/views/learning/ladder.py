"""The steps from shadow to a learner that decides, and what each of them still lacks."""

from __future__ import annotations

from typing import Final

from overmind.core.model.enums import LEARNER_DECIDES, LEARNER_ON, LearnerMode
from overmind.core.model.value import Value
from overmind.views.learning.off_policy import ESS_MIN, OffPolicy

SHADOW_MIN: Final = 3_000  # finished entries
DAYS_MIN: Final = 7.0
DRAWN_MIN: Final = 5_000
WEIGHT_MAX: Final = 100.0
STRATEGY_MIN_BPS: Final = -5.0


class Rung(Value, frozen=True):
    step: str
    needed: str
    found: str
    met: bool


def ladder(entries: int, days: float, worse: bool, compared: OffPolicy, mode: LearnerMode) -> tuple[Rung, ...]:
    """`worse`: its landing forecasts are worse than the configured ones."""
    return (
        Rung("shadow", f"{SHADOW_MIN:,} finished entries", f"{entries:,}", entries >= SHADOW_MIN),
        Rung("shadow", f"{DAYS_MIN:g} days", f"{days:.1f}", days >= DAYS_MIN),
        Rung("shadow", "landing forecasts no worse than configured", _yes(not worse), bool(entries) and not worse),
        Rung("explore", f"{DRAWN_MIN:,} drawn entries", f"{compared.entries:,}", compared.entries >= DRAWN_MIN),
        *_evidence(compared),
        Rung("canary", "it decides a share of the signals", mode.value, mode in LEARNER_DECIDES),
        Rung("on", "it decides all signals", mode.value, mode is LEARNER_ON),
    )


def _evidence(found: OffPolicy) -> tuple[Rung, ...]:
    lift = found.doubly_robust
    low = min((one.low for one in found.by_strategy.values()), default=None)
    return (
        Rung("evidence", f"effective size {ESS_MIN}", f"{found.effective:.0f}", found.effective >= ESS_MIN),
        Rung(
            "evidence",
            f"no weight above {WEIGHT_MAX:g}",
            f"{found.weight_max:.0f}",
            0 < found.weight_max <= WEIGHT_MAX,
        ),
        Rung(
            "evidence",
            "doubly robust gain above 0 bps",
            "unknown" if lift is None else f"at least {lift.low:+.2f}",
            lift is not None and lift.low > 0,
        ),
        Rung(
            "evidence",
            f"no strategy below {STRATEGY_MIN_BPS:g} bps",
            "unknown" if low is None else f"at least {low:+.2f}",
            low is not None and low >= STRATEGY_MIN_BPS,
        ),
    )


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
