"""Figures of daily returns. All returns are fractions: 0.01 is one percent.

A year has 365 days, because these markets never close. A figure that nothing can be said about is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, pow, prod, sqrt
from typing import Final

from overmind.core.model.value import Value

DAYS_OF_YEAR: Final = 365
DEVIATION_MIN: Final = 1e-12  # of returns: a smaller one is rounding, and nothing is divided by it


class ReturnFigures(Value, frozen=True):
    days: int
    total: float
    yearly: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    drawdown_daily: float  # the deepest, by closes of days; never positive


def figures_of(returns: Sequence[float]) -> ReturnFigures:
    return ReturnFigures(
        days=len(returns),
        total=total_return(returns),
        yearly=yearly_return(returns),
        volatility=volatility(returns),
        sharpe=sharpe(returns),
        sortino=sortino(returns),
        calmar=calmar(returns),
        drawdown_daily=deepest_drawdown(returns),
    )


def total_return(returns: Sequence[float]) -> float:
    """The product of (1 + r), less 1: time-weighted, as GIPS 2020 asks where capital flows."""
    return prod(1 + one for one in returns) - 1


def yearly_return(returns: Sequence[float]) -> float | None:
    """(1 + total)^(365 / days) - 1: the compound annual growth rate. After a total loss it is -1."""
    grown = 1 + total_return(returns)
    if not returns or grown < 0:
        return None
    try:
        return pow(grown, DAYS_OF_YEAR / len(returns)) - 1
    except OverflowError:  # A great gain of few days has no figure for a year.
        return None


def volatility(returns: Sequence[float]) -> float | None:
    """The sample's standard deviation (n - 1), times the root of 365."""
    deviation = _deviation(returns)
    return None if deviation is None else deviation * sqrt(DAYS_OF_YEAR)


def sharpe(returns: Sequence[float]) -> float | None:
    """Mean by standard deviation (n - 1), times the root of 365: W. Sharpe 1994, with cash at 0 % as the benchmark."""
    deviation = _deviation(returns)
    if deviation is None or deviation < DEVIATION_MIN:
        return None
    return _mean(returns) / deviation * sqrt(DAYS_OF_YEAR)


def sortino(returns: Sequence[float]) -> float | None:
    """Mean by downside deviation, times the root of 365: Sortino and Price 1994, with a wanted return of 0.

    The downside deviation is the root of the mean of min(r, 0)^2 over all days, also those with a gain.
    """
    if len(returns) < 2:
        return None
    downside = sqrt(fsum(min(one, 0.0) ** 2 for one in returns) / len(returns))
    return None if downside < DEVIATION_MIN else _mean(returns) / downside * sqrt(DAYS_OF_YEAR)


def calmar(returns: Sequence[float]) -> float | None:
    """The yearly return by the deepest drawdown of daily closes: T. Young 1991, over the whole time."""
    yearly, deepest = yearly_return(returns), deepest_drawdown(returns)
    return None if yearly is None or deepest > -DEVIATION_MIN else yearly / -deepest


def deepest_drawdown(returns: Sequence[float]) -> float:
    """The lowest value of index by highest index before, less 1. The index begins at 1."""
    index = highest = 1.0
    deepest = 0.0
    for one in returns:
        index *= 1 + one
        highest = max(highest, index)
        deepest = min(deepest, index / highest - 1)
    return deepest


def _mean(returns: Sequence[float]) -> float:
    return fsum(returns) / len(returns)


def _deviation(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    mean = _mean(returns)
    return sqrt(fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1))
