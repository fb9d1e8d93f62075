"""The fit of one class: a straight line through shortfalls by value, shares of what went wrong, and quantiles.

The market's formula says that an order of value v loses c + v ÷ (D + v) of it: c is the pool's fee and half the spread,
which fills cannot tell apart, and D the depth. Where v is small against D that is a line with the slope 1 ÷ D. A line
is fitted by least squares; errors are those of the textbook (Draper and Smith, Applied Regression Analysis, chapter 1).
Fills that were decided first are fitted to, and those that came later test it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Final

from overmind.backtest.calibration.samples import Sample
from overmind.core.model.units import BPS
from overmind.core.model.value import Value

FIT_SHARE: Final = 0.7  # of the fills, the earlier ones
FILLS_MIN: Final = 67  # below them nothing is concluded: 20 of them test what 47 say
SURE: Final = 1.96  # deviations: 95 %, for as many fills as these
CLOSE_BPS: Final = 1.0  # a difference that does not matter, however sure it is
DEPTH_MAX_USD: Final = 10**12
SHARES: Final = (0.0, 0.5, 0.9, 0.99, 1.0)  # as in `venues/depth/quantiles.py`


class Interval(Value, frozen=True):
    """A value with the bounds that hold it with a probability of 95 %."""

    value: float
    low: float
    high: float


class Line(Value, frozen=True):
    """A least-squares line: shortfall in basis points = fixed + slope × dollars."""

    fixed: float
    slope: float
    mean: float  # of the dollars
    spread: float  # sum of the squares of their distances from it
    residual: float  # deviation of what the line leaves
    count: int

    def at(self, usd: float) -> float:
        return self.fixed + self.slope * usd

    @property
    def slope_error(self) -> float:
        return self.residual / sqrt(self.spread) if self.spread else 0.0

    def error_at(self, usd: float) -> float:
        """Of the line itself, not of single fills."""
        leverage = (usd - self.mean) ** 2 / self.spread if self.spread else 0.0
        return self.residual * sqrt(1 / self.count + leverage)


class Fit(Value, frozen=True):
    """What the earlier fills of a class say."""

    fills: int
    sent: int  # with those that were not filled
    fixed_bps: Interval  # the pool's fee and half the spread
    depth_usd: Interval | None  # None: orders were too small to feel the depth
    failure_percent: Interval
    expiry_percent: Interval
    latency_ms: tuple[int, int, int, int, int]
    priority_fee_lamports: tuple[int, int, int, int, int]


class Check(Value, frozen=True):
    """The fit against fills that it has not seen."""

    fills: int
    predicted_bps: Interval  # the mean shortfall
    realised_bps: Interval
    difference_bps: Interval  # realised less predicted
    holds: bool  # no difference is within the bounds, or it is so small that nobody trades on it


class Calibrated(Value, frozen=True):
    """A class that has enough fills."""

    name: str
    fit: Fit
    check: Check


class TooFew(Value, frozen=True):
    """A class about which nothing is concluded."""

    name: str
    fills: int


def calibrate(name: str, samples: Sequence[Sample]) -> Calibrated | TooFew:
    """Split by the time of the decision, so that nothing later teaches what is tested on something earlier."""
    in_time = sorted(samples, key=lambda one: one.at_ns)
    fills = [one for one in in_time if one.shortfall_bps is not None]
    if len(fills) < FILLS_MIN:
        return TooFew(name, len(fills))
    split = round(len(fills) * FIT_SHARE)
    until_ns = fills[split - 1].at_ns
    earlier = [one for one in in_time if one.at_ns <= until_ns]
    line = line_through(_points(fills[:split]))
    is_deep = line.slope <= SURE * line.slope_error  # The slope cannot be told from none.
    if is_deep:
        line = flat_through(_points(fills[:split]))
    return Calibrated(name, _fit(line, earlier, split, is_deep), _check(line, _points(fills[split:])))


Points = list[tuple[float, float]]  # dollars and shortfall


def _points(fills: Sequence[Sample]) -> Points:
    return [(one.value_usd, one.shortfall_bps) for one in fills if one.shortfall_bps is not None]


def line_through(points: Points) -> Line:
    mean, middle = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean) ** 2 for x, _ in points)
    slope = sum((x - mean) * (y - middle) for x, y in points) / spread if spread else 0.0
    return _with_residual(points, middle - slope * mean, slope, mean, spread, 2)


def flat_through(points: Points) -> Line:
    return _with_residual(points, fmean(y for _, y in points), 0.0, 0.0, 0.0, 1)


def _with_residual(points: Points, fixed: float, slope: float, mean: float, spread: float, known: int) -> Line:
    left = sum((y - fixed - slope * x) ** 2 for x, y in points)
    return Line(fixed, slope, mean, spread, sqrt(left / (len(points) - known)), len(points))


def _fit(line: Line, sent: Sequence[Sample], fills: int, is_deep: bool) -> Fit:
    landed = [one for one in sent if one.latency_ms is not None]
    failed = sum(one.outcome == "failed" for one in sent)
    return Fit(
        fills=fills,
        sent=len(sent),
        fixed_bps=_around(line.fixed, SURE * line.error_at(0)),
        depth_usd=None if is_deep else _depth(line),
        failure_percent=_share(failed, len(sent)),
        expiry_percent=_share(sum(one.outcome == "expired" for one in sent), len(sent)),
        latency_ms=quantiles([one.latency_ms or 0 for one in landed]),
        priority_fee_lamports=quantiles([one.priority_lamports or 0 for one in landed]),
    )


def _depth(line: Line) -> Interval:
    error = SURE * line.slope_error
    depths = (BPS / line.slope, BPS / (line.slope + error), BPS / (line.slope - error))
    value, low, high = (min(one, DEPTH_MAX_USD) for one in depths)
    return Interval(value, low, high)


def _check(line: Line, points: Points) -> Check:
    """The bounds of the difference hold both errors: of the line, and of the mean of what came later."""
    count, usd = len(points), fmean(x for x, _ in points)
    realised, deviation = [y for _, y in points], stdev(y - line.at(x) for x, y in points)
    difference = fmean(realised) - line.at(usd)
    error = SURE * sqrt(deviation**2 / count + line.error_at(usd) ** 2)
    return Check(
        fills=count,
        predicted_bps=_around(line.at(usd), SURE * line.error_at(usd)),
        realised_bps=_around(fmean(realised), SURE * stdev(realised) / sqrt(count)),
        difference_bps=_around(difference, error),
        holds=abs(difference) <= max(error, CLOSE_BPS),
    )


def _share(some: int, of: int) -> Interval:
    """Wilson's interval (Journal of the American Statistical Association 22, 1927), which is never empty at 0."""
    share, square = some / of, SURE * SURE
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = SURE / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    low, high = max(0.0, middle - half) if some else 0.0, min(1.0, middle + half) if some < of else 1.0
    return Interval(100 * share, 100 * low, 100 * high)


def _around(value: float, error: float) -> Interval:
    return Interval(value, value - error, value + error)


def quantiles(values: Sequence[int]) -> tuple[int, int, int, int, int]:
    """Of what was seen. Beyond it nothing is made up: a tail that has not come yet is not there."""
    ranked = sorted(values)
    least, median, most_of, nearly_all, most = (ranked[round(share * (len(ranked) - 1))] for share in SHARES)
    return least, median, most_of, nearly_all, most
