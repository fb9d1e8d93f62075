"""The figures of a report equal those of empyrical, which the field computes them with, to 1e-9.

The quick tier compares with numpy: empyrical brings pandas and scipy, so it is installed with the tools of this tier.
"""

from __future__ import annotations

from random import Random

import empyrical
import numpy as np
import pytest

from overmind.views.performance.returns import DAYS_OF_YEAR, figures_of

FIGURES = {
    "total": "cum_returns_final",
    "yearly": "annual_return",
    "volatility": "annual_volatility",
    "sharpe": "sharpe_ratio",
    "sortino": "sortino_ratio",
    "calmar": "calmar_ratio",
    "drawdown_daily": "max_drawdown",
}
WITHOUT_YEAR = ("total", "drawdown_daily")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_equals_empyricals(name: str) -> None:
    chance, compared = Random(name), 0
    for days in (2, 3, 7, 30, 90, 365, 1_000):
        for deviation in (0.001, 0.02, 0.1):
            returns = [max(-0.9, chance.gauss(0.0005, deviation)) for _ in range(days)]
            yearly = {} if name in WITHOUT_YEAR else {"annualization": DAYS_OF_YEAR}
            expected = float(getattr(empyrical, FIGURES[name])(np.array(returns), **yearly))
            found = getattr(figures_of(returns), name)
            if not np.isfinite(expected):
                assert found is None, (days, deviation, expected)
                continue
            compared += 1
            assert found == pytest.approx(expected, rel=1e-9, abs=1e-9), (days, deviation)
    assert compared > 15
