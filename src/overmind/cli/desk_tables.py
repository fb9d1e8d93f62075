"""Tables of the desk as a whole: its value, its wallets, its positions, its executions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from overmind.cli.present import instant, table, usd
from overmind.views import reports
from overmind.views.bridge import Bridge
from overmind.views.positions import PositionRow
from overmind.views.prices import PriceRow
from overmind.views.stats import ExecutionStats


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
        "Holds": ", ".join(f"{row.scope}: {_hold(row)}" for row in (*summary.hold_details, *summary.wallet_holds))
        or "none",
        "Open": f"{summary.open_positions} positions, {summary.open_orders} orders",
    }
    table("Portfolio", ("", "value"), lines.items(), right=("value",))
    if summary.bridge is not None:
        bridge(summary.bridge)


def bridge(terms: Bridge) -> None:
    """To the micro-dollar, so that anybody can add it up."""
    lines = {
        "Deposits": terms.deposits_usd,
        "+ realized P&L": terms.realized_usd,
        "+ unrealized P&L": terms.unrealized_usd,
        "+ revaluation of the SOL float": terms.float_revaluation_usd,
        "+ suspense": terms.suspense_usd,
        "= equity": terms.equity_usd,
    }
    table(
        "From deposits to equity", ("", "USD"), ((name, f"{usd:,.6f}") for name, usd in lines.items()), right=("USD",)
    )


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


def positions(rows: Sequence[PositionRow]) -> None:
    columns = ("wallet", "token", "quantity", "average cost", "value", "unrealized", "strategies", "exits")
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
                _owners(row),
                _sold_at(row),
            )
            for row in rows
        ),
        right=columns[2:6],
    )


def prices(rows: Sequence[PriceRow]) -> None:
    columns = ("token", "price", "seen at", "")
    shown = [
        (row.symbol, f"${row.price_usd:,.8g}", instant(row.at_ns), "a newer one is doubted" if row.doubted else "")
        for row in rows
    ]
    table("Prices", columns, shown, right=("price",))


def _hold(row: reports.HoldRow) -> str:
    return row.cause if row.until_ns is None else f"{row.cause} until {instant(row.until_ns)}"


def _owners(row: PositionRow) -> str:
    """The strategies whose lots these are; with the quantity of each if there are several."""
    if len(row.quantity_by_strategy) == 1:
        return ", ".join(row.strategies)
    return ", ".join(f"{strategy} {quantity:.6f}" for strategy, quantity in row.quantity_by_strategy.items())


def _sold_at(row: PositionRow) -> str:
    """Where each exit of a position stands."""
    prices = {
        "stop": row.stop_price_usd,
        "trailing": row.trailing_stop_price_usd,
        "profit": row.take_profit_price_usd,
    }
    shown = [f"{name} {price:,.8g}" for name, price in prices.items() if price is not None]
    close_reason = [] if row.closing is None else [f"closing: {row.closing}"]
    worth = ["dust"] if row.dust else []
    return ", ".join(
        [*worth, *close_reason, *shown, *([] if row.sold_by_ns is None else [f"at {instant(row.sold_by_ns)}"])]
    )


def stats(stats: ExecutionStats) -> None:
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
        **{f"Orders of {wallet_id}": count for wallet_id, count in stats.wallet_usage.items()},
    }
    table("Execution statistics", ("", "value"), lines.items(), right=("value",))
