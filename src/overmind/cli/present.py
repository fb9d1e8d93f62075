"""How the command shows things: one JSON object for programs, tables for people, plain text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import msgspec
from rich.box import HEAVY_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from overmind.clock.instants import EPOCH
from overmind.config import ConfigError, Problem
from overmind.views import reports
from overmind.views import risk as risks
from overmind.views.closing import CloseRow

NEAR_PERCENT: Final = 80.0  # of a limit
ROWS_MAX: Final = 10  # assets that a person is shown; `--json` has all
COUNTS: Final = ("positions", "day_trades")  # limits that are no amount of money
WALLET_LIMITS: Final = ("daily_loss", "position_size", "exposure", "concurrent_positions", "trades_today")
WALLET_RISK: Final = ("wallet", "status", "equity", "day loss", "position", "exposure", "open", "trades", "share")
PIPE_COLUMNS: Final = 400  # a program reads a line, however long, better than a folded one


def out() -> Console:
    """Standard output as it is now: one process may run several commands, each with streams of its own."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_COLUMNS)


def err() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def emit_json(value: object) -> None:
    """One line, flushed: a pipe may be waiting for it."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def say(line: str, style: str = "") -> None:
    out().print(Text(line, style=style))


def note(line: str) -> None:
    """For whoever watches; a pipe does not want it."""
    if err().is_terminal:
        err().print(Text(line, style="dim"))


def complain(what: str, fix: str = "") -> None:
    """An error as an operator reads it at night: what is wrong, then what would be right."""
    err().print(Text("error: ", style="bold red") + Text(what))
    if fix:
        err().print(Text("  fix: ", style="bold") + Text(fix))


def complain_of_config(error: ConfigError) -> None:
    count = len(error.problems)
    complain(f"{count} problem{'s' if count > 1 else ''} in the configuration")
    for problem in error.problems:
        _say_problem(problem, "red")
    for warning in error.warnings:
        _say_problem(warning, "yellow")


def _say_problem(problem: Problem, style: str) -> None:
    err().print(Text("  • ", style=style) + Text(problem.where, style="bold") + Text(f": {problem.problem}"))
    err().print(Text(f"      fix: {problem.fix}"))


def warn_of(warnings: Iterable[Problem]) -> None:
    for warning in warnings:
        err().print(Text("warning: ", style="yellow") + Text(str(warning)))


def progress() -> Progress:
    """On standard error, so that a pipe gets results only; silent where nobody looks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err(), transient=True, disable=not err().is_terminal)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A grid where the terminal is wide enough; else each row as a paragraph, so that no name or number is cut."""
    cells = [tuple(str(cell) for cell in row) for row in rows]
    if not cells:
        say(f"{title}: none")
    elif out().is_terminal and len(columns) > len(("name", "value")) and _width(columns, cells) > out().width:
        _paragraphs(title, columns, cells)
    else:
        out().print(_grid(title, columns, cells, right))


def _grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> Table:
    shown = Table(title=title, title_justify="left", title_style="bold", box=HEAVY_HEAD if out().is_terminal else None)
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    return shown


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Of the grid with its frame, in characters."""
    lines = [[line for cell in cells for line in cell.split("\n")] for cells in zip(columns, *rows, strict=True)]
    return sum(max(map(cell_len, column)) + len(" │ ") for column in lines) + 1


def _paragraphs(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    say(title, "bold")
    for first, *others in rows:
        out().print(Text(first, style="bold"), overflow="fold", soft_wrap=False)
        told = [
            Text.assemble((f"{name}: ", "dim"), cell) for name, cell in zip(columns[1:], others, strict=True) if cell
        ]
        out().print(Padding(Text("  ").join(told), (0, 0, 0, 2)), overflow="fold", soft_wrap=False)


def usd(amount: float) -> str:
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def portfolio(summary: reports.PortfolioSummary) -> None:
    lines: Mapping[str, str] = {
        "Total value": usd(summary.total_value_usd),
        "Cash": usd(summary.cash_usd),
        "Positions": usd(summary.positions_usd),
        "SOL float": usd(summary.sol_float_usd),
        "Daily P&L": usd(summary.daily_pnl),
        "Realized P&L": usd(summary.realized_pnl),
        "Unrealized P&L": usd(summary.unrealized_pnl),
        "Net deposits": usd(summary.deposited_usd),
        "Exposure": f"{summary.exposure:.1f}%",
        "Risk utilization": f"{summary.risk_utilization:.1f}%",
        "Wallets": f"{summary.active_wallets} active of {summary.total_wallets}",
        "Holds": ", ".join(f"{row.scope}: {_hold(row)}" for row in summary.hold_details) or "none",
        "Open": f"{summary.open_positions} positions, {summary.open_orders} orders",
    }
    table("Portfolio", ("", "value"), lines.items(), right=("value",))


def wallets(rows: Sequence[reports.WalletMetrics]) -> None:
    columns = ("wallet", "type", "status", "value", "day P&L", "total P&L", "trades", "SOL", "risk", "score")
    table(
        "Wallets",
        columns,
        (
            (
                row.wallet_id,
                row.wallet_type,
                f"{row.status} ({', '.join(map(_hold, row.hold_details))})" if row.holds else row.status,
                usd(row.total_value_usd),
                usd(row.daily_pnl),
                usd(row.total_pnl),
                row.trade_count_today,
                f"{row.sol_balance:.4f}",
                f"{row.risk_utilization:.0f}%",
                f"{row.performance_score:.1f}",
            )
            for row in rows
        ),
        right=columns[3:],
    )


def positions(rows: Sequence[reports.PositionRow]) -> None:
    columns = ("wallet", "token", "quantity", "average cost", "value", "unrealized", "strategies", "sold at")
    table(
        "Positions",
        columns,
        (
            (
                row.wallet_id,
                row.symbol,
                f"{row.quantity:.6f}",
                usd(row.average_cost_usd),
                usd(row.value_usd),
                usd(row.unrealized_pnl),
                ", ".join(row.strategies),
                _sold_at(row),
            )
            for row in rows
        ),
        right=columns[2:6],
    )


def _hold(row: reports.HoldRow) -> str:
    return row.cause if row.until_ns is None else f"{row.cause} until {_when(row.until_ns)}"


def _sold_at(row: reports.PositionRow) -> str:
    """Where each exit of a position stands."""
    prices = {
        "stop": row.stop_price_usd,
        "trailing": row.trailing_stop_price_usd,
        "profit": row.take_profit_price_usd,
    }
    shown = [f"{name} {price:,.8g}" for name, price in prices.items() if price is not None]
    closing = [] if row.closing is None else [f"closing: {row.closing}"]
    return ", ".join([*closing, *shown, *([] if row.sold_by_ns is None else [f"at {_when(row.sold_by_ns)}"])])


def close(position: str, row: CloseRow, served: bool) -> None:
    """What is under way, what stays, and who goes on with it."""
    left = f"{row.left_quantity:g} {row.symbol}"
    if row.order_id is not None:
        stays = f"{left} stay{' for the next' if row.closing else ''}" if row.left_quantity else "nothing stays"
        say(f"{position}: order {row.order_id} sells {row.order_quantity:g} {row.symbol}; {stays}")
    elif row.closing:
        say(f"{position}: nothing of {left} can be sold now: {row.why_not or 'the next look sells it'}")
    else:
        say(f"{position}: {left} stay")
    if row.closing:
        who = "the desk goes on" if served else "the next `overmind run` goes on"
        say(f"{who} until nothing is left; `overmind positions` shows it, `overmind close {position} --cancel` ends it")
    else:
        say("it is not being closed any more" + ("; an order that is under way goes on" if row.order_id else ""))


def _when(at_ns: int) -> str:
    return f"{EPOCH + timedelta(microseconds=at_ns // 1_000):%Y-%m-%d %H:%M} UTC"


def risk(found: risks.Risk) -> None:
    """The worst first: at three in the morning the first line has to be the one that matters."""
    say(
        f"Equity {usd(found.equity_usd)}, today {usd(found.daily_pnl)}, holds: {', '.join(found.holds) or 'none'}",
        "bold",
    )
    _uses("Portfolio limits", "of the portfolio", found.limits)
    if found.stress is not None:
        _stress(found.stress)
    if found.assets is not None:
        assets = {one.symbol: one.concentration for one in found.assets}
        _uses("Assets", "asset", dict(list(assets.items())[:ROWS_MAX]))
    if found.strategies is not None:
        _uses("Strategies", "strategy", found.strategies)
    if found.left_out:
        say(found.left_out)
    table("Wallet limits", WALLET_RISK, (_wallet_risk(row) for row in found.wallets), right=WALLET_RISK[2:])


def _uses(title: str, what: str, uses: Mapping[str, risks.Use]) -> None:
    columns = (what, "used", "limit", "%", "")
    worst_first = sorted(uses.items(), key=lambda item: -item[1].percent)
    table(title, columns, (_use(name, use) for name, use in worst_first), right=columns[1:4])


def _use(name: str, use: risks.Use) -> tuple[str, ...]:
    shown = _count if name in COUNTS else usd
    return name.replace("_", " "), shown(use.used), shown(use.limit), f"{use.percent:.1f}", _alarm(use.percent)


def _count(amount: float) -> str:
    return f"{amount:g}"


def _alarm(percent: float) -> str:
    return "REACHED" if percent >= 100 else "near" if percent >= NEAR_PERCENT else ""


def _stress(rows: Sequence[risks.Stress]) -> None:
    columns = ("if now", "loss", "%", "equity left", "would trip")
    table(
        "Stress",
        columns,
        (
            (row.what, usd(row.loss_usd), f"{row.loss_percent:.1f}", usd(row.equity_usd), ", ".join(row.trips) or "-")
            for row in rows
        ),
        right=columns[1:4],
    )


def _wallet_risk(row: risks.WalletRisk) -> tuple[str, ...]:
    """Each limit as the percentage that is used, the fullest strategy share among them."""
    share = max((one.share.percent for one in row.strategies.values()), default=0.0)
    percents = [row.limits[name].percent for name in WALLET_LIMITS] + [share]
    status = f"{row.status} ({', '.join(row.holds)})" if row.holds else row.status
    return row.wallet_id, status, usd(row.equity_usd), *(f"{percent:.0f}%" for percent in percents)


def stats(stats: reports.ExecutionStats) -> None:
    lines: Mapping[str, object] = {
        "Signals": stats.signals,
        "Refused": stats.signals_refused,
        "Recorded (Hold)": stats.signals_recorded,
        "Executions": stats.total_executions,
        "Filled": stats.successful_executions,
        "Failed": stats.failed_executions,
        "Expired": stats.expired_executions,
        "Rejected": stats.rejected_executions,
        "Open": stats.open_executions,
        "Success rate": f"{stats.success_rate * 100:.1f}%",
        **{f"Usage {wallet_id}": count for wallet_id, count in stats.wallet_usage.items()},
    }
    table("Execution statistics", ("", "value"), lines.items(), right=("value",))


def orders(rows: Sequence[reports.OrderRow]) -> None:
    columns = ("order", "wallet", "strategy", "side", "token", "USD", "state", "detail")
    table(
        "Orders",
        columns,
        (
            (
                row.order_id,
                row.wallet_id,
                row.strategy,
                row.side,
                row.symbol,
                usd(row.notional_usd),
                row.state,
                row.detail,
            )
            for row in rows
        ),
        right=("USD",),
    )


def refusals(rows: Sequence[Mapping[str, object]]) -> None:
    table(
        "Refusals",
        ("wallet", "code", "limit", "actual", "unit"),
        ((row["wallet_id"] or "(any)", row["code"], row["limit"], row["actual"], row["unit"]) for row in rows),
        right=("limit", "actual"),
    )


def candidates(rows: Sequence[Mapping[str, object]]) -> None:
    table(
        "Candidates",
        ("wallet", "eligible", "cost bps", "terms", "refusals"),
        (
            (
                row["wallet_id"],
                "yes" if row["eligible"] else "no",
                "" if row["expected_cost_bps"] is None else f"{row['expected_cost_bps']:.2f}",
                _terms(row["terms"]),
                _codes(row["refusals"]),
            )
            for row in rows
        ),
        right=("cost bps",),
    )


def _terms(terms: object) -> str:
    return ", ".join(f"{name} {bps:+.2f}" for name, bps in terms.items() if bps) if isinstance(terms, dict) else ""


def _codes(rows: object) -> str:
    if not isinstance(rows, list):
        return ""
    return "\n".join(f"{row['code']} {row['actual']} (limit {row['limit']})" for row in rows)
