"""Commands that show the books: they read the journal, also while a service writes it."""

from __future__ import annotations

from typing import Annotated

import typer

from overmind.cli import desk_tables, order_tables, present, risk_tables
from overmind.cli.opening import (
    TAIL_ENTRIES,
    AsJson,
    DataDir,
    data_dir_of,
    state_and_tail,
    state_on_disk,
    stress_of_caller,
)
from overmind.cli.whole import whole_option
from overmind.views import reports
from overmind.views.orders import closed_orders, open_orders, with_times
from overmind.views.positions import positions as positions_of
from overmind.views.risk import risk as risk_of
from overmind.views.stats import execution_stats, shown_stats


def portfolio(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show value, P&L, exposure and risk of the whole desk."""
    summary = reports.portfolio_summary(state_on_disk(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(summary)
    else:
        desk_tables.portfolio(summary)


def wallets(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show status, value, P&L and use of limits of each wallet."""
    state = state_on_disk(data_dir_of(data_dir))
    rows = [reports.wallet_metrics(state, book) for book in state.wallets.values()]
    if as_json:
        present.emit_json(rows)
    else:
        desk_tables.wallets(rows)


def positions(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show what each wallet holds, and its exit prices."""
    rows = positions_of(state_on_disk(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(rows)
    else:
        desk_tables.positions(rows)


def risk(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how much of each limit is used, and stress losses.

    The fullest limits come first. Stress losses are what the desk would lose if prices fell by
    OVERMIND_STRESS_PERCENT.
    """
    found = risk_of(state_on_disk(data_dir_of(data_dir)), stress_of_caller())
    if as_json:
        present.emit_json(found)
    else:
        risk_tables.risk(found)


def orders(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    only_open: Annotated[bool, typer.Option("--open", help="Show open orders only.")] = False,
    last: Annotated[int, whole_option("--last", 1, TAIL_ENTRIES, "Number of closed orders to show.")] = 20,
) -> None:
    """Show open orders and the last closed orders.

    Amounts are in whole tokens, and times in UTC.
    """
    state, tail = state_and_tail(data_dir_of(data_dir))
    rows = with_times(open_orders(state), tail)
    if not only_open and state.desk is not None:
        rows = [*closed_orders(tail, state.desk)[-last:], *rows]
    if as_json:
        present.emit_json(rows)
    else:
        order_tables.orders(rows)


def stats(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how executions went and how often each wallet traded."""
    state = state_on_disk(data_dir_of(data_dir))
    if as_json:
        present.emit_json(shown_stats(state))
    else:
        desk_tables.stats(execution_stats(state))
