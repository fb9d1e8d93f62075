"""Tables of performance in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

from overmind.cli.performance.plots import bar, sparkline
from overmind.cli.present import say, sentence, table, usd
from overmind.report.figures import figures_of
from overmind.report.formats import span, typed
from overmind.views.performance.told import GroupRow, Report, TradeRow

SECOND = len("2025-04-06T12:00:00")


def summary(report: Report) -> None:
    say(f"{_second(report.from_at)} to {_second(report.to_at)} UTC, {report.mode} on {report.cluster}", "bold")
    if len(report.points) > 1:
        say(f"equity   {sparkline([point.equity_usd for point in report.points])}  {usd(report.points[-1].equity_usd)}")
        say(f"growth   {sparkline([point.index for point in report.points])}  {report.points[-1].index:.4f}")
    figures = ((one.label, typed(one.value), typed(one.note)) for one in figures_of(report))
    table("Performance", ("figure", "value", "more"), figures, right=("value",))
    others = ((row.name, f"{100 * row.total:+.2f} %") for row in report.benchmarks)
    table("Against what else there was", ("what", "total return"), others, right=("total return",))
    groups("strategy", report.by_strategy)
    _refusals(report)
    for line in report.assumptions:
        sentence(f"· {line}", "dim")


def _refusals(report: Report) -> None:
    columns = ("rule", "refused first", "broken at all", "buys followed", "would have come to")
    rows = (
        (one.code, one.signals, one.signals_with, one.followed, "" if one.would_usd is None else usd(one.would_usd))
        for one in report.refusals
    )
    table("Refused", columns, rows, right=columns[1:])


def groups(by: str, rows: Sequence[GroupRow]) -> None:
    columns = (by, "trades", "win rate", "PnL", "", "fees", "expectancy", "profit factor", "R", "held")
    most = max((abs(row.pnl_usd) for row in rows), default=0.0)
    table(
        f"Trades by {by}",
        columns,
        (
            (
                row.name,
                row.trades,
                "" if row.win_rate is None else f"{100 * row.win_rate:.0f}%",
                usd(row.pnl_usd),
                bar(row.pnl_usd, most),
                usd(row.fees_usd),
                "" if row.expectancy_usd is None else usd(row.expectancy_usd),
                _plain(row.profit_factor),
                _plain(row.expectancy_r),
                "" if row.duration_s is None else span(row.duration_s),
            )
            for row in rows
        ),
        right=tuple(name for name in columns[1:] if name),
    )


def round_trips(rows: Sequence[TradeRow]) -> None:
    columns = ("exit", "held", "wallet", "strategy", "quantity", "entry", "exit price", "fees", "PnL", "R", "in", "out")
    table(
        "Round trips",
        columns,
        (
            (
                _second(row.exited_at),
                "" if row.duration_s is None else span(row.duration_s),
                row.wallet_id,
                row.strategy,
                f"{row.quantity:,.6g} {row.symbol}",
                "" if row.entry_price is None else f"{row.entry_price:,.8g}",
                "" if row.exit_price is None else f"{row.exit_price:,.8g}",
                usd(row.fees_usd),
                usd(row.pnl_usd),
                _plain(row.r),
                row.reason_in,
                row.reason_out,
            )
            for row in rows
        ),
        right=("held", "quantity", "entry", "exit price", "fees", "PnL", "R"),
    )
    realised([row.pnl_usd for row in rows])


def realised(results: Sequence[float]) -> None:
    """The sum of some results, and how it grew."""
    if results:
        grown = [*accumulate(results)]
        say(f"sum of these {len(results)}: {usd(grown[-1])}  {sparkline(grown)}")


def comparison(names: Sequence[str], reports: Sequence[Report], differences: Mapping[str, Sequence[str]]) -> None:
    columns = ("figure", *names)
    figures = [figures_of(report) for report in reports]
    spans = ("From", *(_second(one.from_at) for one in reports)), ("To", *(_second(one.to_at) for one in reports))
    told = ((row[0].label, *(typed(one.value) for one in row)) for row in zip(*figures, strict=True))
    growth = ("Growth", *(sparkline([point.index for point in one.points], 20) for one in reports))
    table("Runs side by side", columns, (*spans, growth, *told), right=names)
    table("Settings that differ", ("setting", *names), ((name, *values) for name, values in differences.items()))


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"


def _second(at: str) -> str:
    return at[:SECOND].replace("T", " ")
