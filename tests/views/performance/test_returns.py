"""Figures of returns: closed forms at their edges, and for all returns what numpy computes another way."""

from __future__ import annotations

from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import examples

from overmind.views.performance.returns import (
    calmar,
    deepest_drawdown,
    figures_of,
    sharpe,
    sortino,
    total_return,
    volatility,
    yearly_return,
)

RETURNS = st.lists(st.floats(-0.5, 0.5).map(lambda one: round(one, 6)), min_size=2, max_size=60)
LIKE_NUMPY = 1e-9


@pytest.mark.parametrize(
    ("returns", "total", "yearly", "deepest"),
    [
        ([], 0.0, None, 0.0),
        ([0.0] * 365, 0.0, 0.0, 0.0),
        ([0.1] + [0.0] * 364, 0.1, 0.1, 0.0),
        ([0.5, -0.5], -0.25, 0.75 ** (365 / 2) - 1, -0.5),
        ([0.1, -0.2, -0.1, 0.5], 1.1 * 0.8 * 0.9 * 1.5 - 1, (1.1 * 0.8 * 0.9 * 1.5) ** (365 / 4) - 1, 0.8 * 0.9 - 1),
        ([-1.0, 0.0], -1.0, -1.0, -1.0),
        ([-0.3], -0.3, 0.7**365 - 1, -0.3),  # The index begins at 1, so the first day can be a drawdown.
    ],
)
def test_growth_at_its_edges(returns: list[float], total: float, yearly: float | None, deepest: float) -> None:
    assert isclose(total_return(returns), total, abs_tol=1e-12)
    assert yearly_return(returns) == (None if yearly is None else pytest.approx(yearly, rel=1e-12))
    assert isclose(deepest_drawdown(returns), deepest, abs_tol=1e-12)


def test_ratios_of_two_days() -> None:
    """Mean 1 %; deviation of the sample 2 % times the root of two; downside the root of half of 1 % squared."""
    returns = [0.03, -0.01]
    assert volatility(returns) == pytest.approx(0.02 * sqrt(2) * sqrt(365))
    assert sharpe(returns) == pytest.approx(0.01 / (0.02 * sqrt(2)) * sqrt(365))
    assert sortino(returns) == pytest.approx(0.01 / (0.01 / sqrt(2)) * sqrt(365))
    assert calmar(returns) == pytest.approx(((1.03 * 0.99) ** 182.5 - 1) / 0.01)


@pytest.mark.parametrize("returns", [[], [0.1], [0.0] * 9, [0.01] * 9])
def test_nothing_is_divided_by_no_deviation(returns: list[float]) -> None:
    found = figures_of(returns)
    assert (found.sharpe, found.sortino, found.calmar) == (None, None, None)


def test_a_great_gain_of_one_day_has_no_figure_for_a_year() -> None:
    assert figures_of([1e6]).yearly is None


@settings(derandomize=True, max_examples=examples(300), deadline=None)
@given(RETURNS)
def test_figures_as_numpy_computes_them(returns: list[float]) -> None:
    array, found = np.array(returns), figures_of(returns)
    index = np.concatenate([[1.0], np.cumprod(1 + array)])
    assert found.total == pytest.approx(index[-1] - 1, abs=LIKE_NUMPY)
    assert found.drawdown_daily == pytest.approx((index / np.maximum.accumulate(index) - 1).min(), abs=LIKE_NUMPY)
    assert found.volatility == pytest.approx(array.std(ddof=1) * sqrt(365), abs=LIKE_NUMPY)
    if found.sharpe is not None:
        assert found.sharpe == pytest.approx(array.mean() / array.std(ddof=1) * sqrt(365), rel=LIKE_NUMPY)
    if found.sortino is not None:
        downside = np.sqrt(np.mean(np.minimum(array, 0) ** 2))
        assert found.sortino == pytest.approx(array.mean() / downside * sqrt(365), rel=LIKE_NUMPY, abs=LIKE_NUMPY)


@settings(derandomize=True, max_examples=examples(100), deadline=None)
@given(RETURNS, st.integers(1, 9).map(lambda one: one / 10))
def test_a_smaller_stake_has_the_same_ratios(returns: list[float], stake: float) -> None:
    """Sharpe and Sortino do not change when all returns are multiplied."""
    whole, part = figures_of(returns), figures_of([one * stake for one in returns])
    for one, other in ((whole.sharpe, part.sharpe), (whole.sortino, part.sortino)):
        if one is not None and other is not None:
            assert other == pytest.approx(one, rel=1e-9, abs=1e-9)
