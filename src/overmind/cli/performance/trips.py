"""Round trips in the terminal: one by one, or by what they have in common."""

from __future__ import annotations

import enum
from pathlib import Path

from overmind.cli import present
from overmind.cli.performance import tables
from overmind.cli.performance.folding import report_on
from overmind.journal.catalogue.past import Search
from overmind.journal.catalogue.topics import ANY
from overmind.views.account_rows import Period
from overmind.views.performance.told import GroupRow, Report, TradeRow


class By(enum.StrEnum):
    STRATEGY = "strategy"
    WALLET = "wallet"
    TOKEN = "token"
    HOUR = "hour"


def show_trips_by(by: By, journal: Path, as_json: bool) -> None:
    rows = _rows_by(by, report_on(journal))
    if as_json:
        present.emit_json(rows)
    else:
        tables.groups(by, rows)


def _rows_by(by: By, report: Report) -> tuple[GroupRow, ...]:
    match by:
        case By.STRATEGY:
            return report.by_strategy
        case By.WALLET:
            return report.by_wallet
        case By.TOKEN:
            return report.by_token
        case By.HOUR:
            return report.by_hour


def show_round_trips(journal: Path, search: Search, as_json: bool) -> None:
    """The newest that fit, by the time of their exit."""
    found = [row for row in report_on(journal, Period(search.from_ns, search.to_ns)).trades if _fits(row, search)]
    rows = found[-search.last :]
    if as_json:
        present.emit_json(rows)
    else:
        tables.round_trips(rows)


def _fits(row: TradeRow, search: Search) -> bool:
    signals = [_signal_of(order_id) for order_id in (row.entry_order, row.exit_order)]
    return (
        search.wallet in (ANY, row.wallet_id)
        and search.mint in (ANY, row.mint)
        and (search.signal_id is None or search.signal_id in signals)
    )


def _signal_of(order_id: str) -> str:
    """An order's id is its signal's, its part and its attempt."""
    return order_id.rsplit(".", 2)[0]
