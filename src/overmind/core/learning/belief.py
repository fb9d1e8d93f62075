"""A belief about one number: a mean and how far it may be off, both of which drift apart with time.

It is a Kalman filter of a random walk. Means are in millionths of their unit, variances in millionths squared.
"""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.learning.sigmoid import MICRO
from overmind.core.model.units import DAY_NS, NS
from overmind.core.model.value import Value

HOUR_NS: Final = 3_600 * NS
SQUARE: Final = MICRO * MICRO


GROWTH_MAX: Final = 4


class Kind(Value, frozen=True):
    """What is known of a number before any outcome, and how fast it drifts."""

    variance: int  # before any outcome; without news it grows up to GROWTH_MAX times this
    drift: int  # of the variance, per `drift_ns`
    drift_ns: int
    mean_min: int
    mean_max: int


# The deviations are those of the study that the design rests on; `docs/routing.md` says what they do.
ROUTE_LANDING: Final = Kind(360_000 * MICRO, 250_000 * MICRO, 6 * HOUR_NS, -4 * MICRO, 2 * MICRO)  # logits
WALLET_LANDING: Final = Kind(62_500 * MICRO, 40_000 * MICRO, DAY_NS, -4 * MICRO, 2 * MICRO)
ROUTE_SLOTS: Final = Kind(1 * SQUARE, 2_250_000 * MICRO, 6 * HOUR_NS, -20 * MICRO, 50 * MICRO)
STRATEGY_BIAS: Final = Kind(16 * SQUARE, 16 * SQUARE, 2 * DAY_NS, -25 * MICRO, 25 * MICRO)  # basis points
WALLET_BIAS: Final = Kind(16 * SQUARE, 16 * SQUARE, 2 * DAY_NS, -25 * MICRO, 25 * MICRO)


class Belief(msgspec.Struct):
    mean: int
    variance: int
    at_ns: int  # when an outcome last changed it


def prior(kind: Kind, at_ns: int) -> Belief:
    return Belief(0, kind.variance, at_ns)


def variance_at(belief: Belief, kind: Kind, at_ns: int) -> int:
    """It grows with time, up to a bound. A clock that stepped back makes nothing surer or less sure."""
    grown = belief.variance + kind.drift * max(0, at_ns - belief.at_ns) // kind.drift_ns
    return min(grown, kind.variance * GROWTH_MAX)


def correct(belief: Belief, kind: Kind, by: int, variance: int, at_ns: int) -> None:
    """Moves the mean by this much, within its bounds."""
    belief.mean = min(max(belief.mean + by, kind.mean_min), kind.mean_max)
    belief.variance = max(1, variance)
    belief.at_ns = max(belief.at_ns, at_ns)
