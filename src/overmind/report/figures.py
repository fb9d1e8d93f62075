"""The key figures of a report: how each is shown, and how it is computed, in a sentence."""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.report.formats import percent, ratio, signed_percent, signed_usd, usd
from overmind.views.performance.told import Report

FEW_DAYS: Final = 30  # A figure of a year that is drawn from fewer says little, and its note says from how many.


class Figure(NamedTuple):
    label: str
    value: str
    note: str
    formula: str


def figures_of(report: Report) -> list[Figure]:
    return [*_of_returns(report), *_of_trades(report), *_of_capital(report)]


def _of_returns(report: Report) -> list[Figure]:
    overall = report.overall
    returns, drawdown = overall.returns, overall.drawdown
    days = f"{returns.days} day{'' if returns.days == 1 else 's'}"
    few = f", from {days} only" if returns.days < FEW_DAYS else ""
    return [
        Figure(
            "Total return",
            signed_percent(returns.total),
            f"{signed_usd(overall.gain_usd)} in {days}",
            "The product of (1 + r) over all days, less 1. Between two flows of capital r is the change of equity.",
        ),
        Figure(
            "Yearly return",
            signed_percent(returns.yearly),
            f"compounded{few}",
            "(1 + total return) to the power of 365 / days, less 1.",
        ),
        Figure(
            "Largest drawdown",
            percent(drawdown.depth),
            f"{drawdown.peak_at[:10]} to {drawdown.trough_at[:10]}" if drawdown.depth else "none",
            "The deepest fall of the index of returns from its highest value before. Every entry counts.",
        ),
        Figure(
            "Volatility",
            percent(returns.volatility),
            f"of a year{few}",
            "The standard deviation of daily returns (n - 1), times the root of 365.",
        ),
        Figure(
            "Sharpe",
            ratio(returns.sharpe),
            f"cash earns 0 %{few}",
            "Mean daily return by its standard deviation (n - 1), times the root of 365 (Sharpe 1994).",
        ),
        Figure(
            "Sortino",
            ratio(returns.sortino),
            f"against 0 %{few}",
            "Mean daily return by the root of the mean of min(r, 0) squared, times the root of 365 (Sortino 1994).",
        ),
        Figure(
            "Calmar",
            ratio(returns.calmar),
            f"closes of days{few}",
            "Yearly return by the deepest drawdown of daily closes, over the whole time (Young 1991).",
        ),
    ]


def _of_trades(report: Report) -> list[Figure]:
    total = report.trades_total
    return [
        Figure(
            "Win rate",
            percent(total.win_rate),
            f"{total.wins} of {total.trades} trades",
            "The share of round trips with a result above zero, after costs.",
        ),
        Figure(
            "Profit factor",
            ratio(total.profit_factor),
            "gains by losses",
            "The sum of all gains by the sum of all losses, after costs.",
        ),
        Figure(
            "Expectancy",
            signed_usd(total.expectancy_usd),
            f"a trade; {ratio(total.expectancy_r)} R",
            "The mean result of a round trip. R is the result by what the entry could lose down to its stop.",
        ),
    ]


def _of_capital(report: Report) -> list[Figure]:
    overall, execution = report.overall, report.execution[0]
    return [
        Figure(
            "Exposure",
            percent(overall.exposure),
            f"invested {percent(overall.time_invested)} of the time",
            "Positions and open buys by equity, weighted by time.",
        ),
        Figure(
            "Turnover",
            ratio(overall.turnover),
            f"{usd(overall.volume_usd)} traded",
            "The amount of all fills by mean equity.",
        ),
        Figure(
            "Costs",
            usd(execution.costs_usd + execution.shortfall_usd),
            f"{usd(execution.costs_usd)} fees and rent, {usd(execution.shortfall_usd)} shortfall",
            "Fee and rent of all orders, and what their fills were worse than the mark at the decision.",
        ),
    ]
