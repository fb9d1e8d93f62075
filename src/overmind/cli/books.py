"""Commands that show the books: they read the journal, also while a service writes it."""

from __future__ import annotations

from typing import Annotated

import typer
from msgspec import structs

from overmind.cli import desk_tables, order_tables, present, risk_tables
from overmind.cli.exit_codes import BAD_INPUT
from overmind.cli.opening import (
    LAST_MAX,
    AsJson,
    DataDir,
    FromOption,
    TokenOption,
    ToOption,
    WalletOption,
    data_dir_of,
    journal_at,
    search_for,
    state_and_past,
    state_on_disk,
    stress_of_caller,
)
from overmind.cli.performance.trips import By, show_trips_by
from overmind.cli.remote import alarms_of_service
from overmind.cli.whole import whole_option
from overmind.core.model.ids import SignalId
from overmind.views import reports
from overmind.views.past import BadSearch, opened_orders, orders_in, refusals_in
from overmind.views.positions import positions as positions_of
from overmind.views.prices import prices as prices_of
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


def prices(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show what each token costs, and when that was seen."""
    rows = prices_of(state_on_disk(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(rows)
    else:
        desk_tables.prices(rows)


def risk(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show how much of each limit is used, and stress losses.

    The fullest limits come first. Stress losses are what the desk would lose if prices fell by
    OVERMIND_STRESS_PERCENT. A running service adds its alarms, such as a disk that fills up.
    """
    folder = data_dir_of(data_dir)
    found = risk_of(state_on_disk(folder), stress_of_caller())
    found = structs.replace(found, alarms=tuple(dict.fromkeys((*found.alarms, *alarms_of_service(folder)))))
    if as_json:
        present.emit_json(found)
    else:
        risk_tables.risk(found)


def orders(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    only_open: Annotated[bool, typer.Option("--open", help="Show open orders only.")] = False,
    last: Annotated[int, whole_option("--last", 1, LAST_MAX, "Number of closed orders to show.")] = 20,
    wallet: WalletOption = None,
    token: TokenOption = None,
    signal: Annotated[str | None, typer.Option("--signal", help="Of this signal only.")] = None,
    from_: FromOption = None,
    to: ToOption = None,
) -> None:
    """Show open orders and the last closed orders.

    With --wallet, --token, --signal, --from or --to only orders that fit are shown. Times are those of placing.

    Amounts are in whole tokens, and times in UTC.
    """
    with state_and_past(data_dir_of(data_dir)) as (state, past):
        search = search_for(state, last, wallet, token, from_, to)
        search = structs.replace(search, signal_id=None if signal is None else SignalId(signal))
        rows = orders_in(past, opened_orders(state), search, only_open)
    if as_json:
        present.emit_json(rows)
    else:
        order_tables.orders(rows)


def refusals(
    as_json: AsJson = False,
    data_dir: DataDir = None,
    code: Annotated[str | None, typer.Option("--code", help="Refused with this code only.")] = None,
    last: Annotated[int, whole_option("--last", 1, LAST_MAX, "Number of refused signals to show.")] = 20,
    from_: FromOption = None,
    to: ToOption = None,
) -> None:
    """Show the last signals that were refused, and why.

    The codes are those of operations.md. `overmind explain` shows one signal in full.
    """
    with state_and_past(data_dir_of(data_dir)) as (state, past):
        search = search_for(state, last, None, None, from_, to)
        try:
            rows = refusals_in(past, state.desk, search, code)
        except BadSearch as bad:
            present.complain(bad.problem, bad.fix)
            raise typer.Exit(BAD_INPUT) from None
    if as_json:
        present.emit_json(rows)
    else:
        order_tables.refusals(rows)


def stats(
    by: Annotated[By | None, typer.Option("--by", help="Show what round trips brought, by one thing.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show how executions went and how often each wallet traded.

    With --by it shows round trips instead: their number, their PnL after costs, and how often they won. An hour is
    that of the entry, in UTC.
    """
    if by is not None:
        show_trips_by(by, journal_at(data_dir_of(data_dir)), as_json)
        return
    state = state_on_disk(data_dir_of(data_dir))
    if as_json:
        present.emit_json(shown_stats(state))
    else:
        desk_tables.stats(execution_stats(state))
