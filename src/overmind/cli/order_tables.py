"""Tables of orders, and of the wallets that might have taken them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Final

from overmind.cli.decisions import by_rule
from overmind.cli.performance.plots import sparkline
from overmind.cli.present import say, table, usd
from overmind.text.amount import Amount
from overmind.views.closing import CloseRow
from overmind.views.decisions import PlacedRow
from overmind.views.orders import OrderRow
from overmind.views.past import RefusedRow
from overmind.views.refusals import in_words
from overmind.views.remedies import WayRow
from overmind.views.signals import SignalRow
from overmind.views.trades import TradeRow

RULES_SHOWN: Final = 4  # of a refused signal in a list


def orders(rows: Sequence[OrderRow]) -> None:
    columns = ("order", "placed", "wallet", "strategy", "side", "token", "USD", "price", "state", "detail")
    table(
        "Orders",
        columns,
        (
            (
                row.order_id,
                _second(row.placed_at),
                row.wallet_id,
                row.strategy,
                row.side,
                row.symbol,
                usd(row.notional_usd),
                "" if row.price is None else f"{Decimal(row.price):,.8g}",
                row.state,
                row.detail,
            )
            for row in rows
        ),
        right=("USD", "price"),
    )


def refusals(rows: Sequence[RefusedRow]) -> None:
    table(
        "Refused signals",
        ("signal", "at", "strategy", "action", "token", "why"),
        ((row.signal_id, _second(row.at), row.strategy, row.action, row.symbol, _why(row)) for row in rows),
    )


def signals(rows: Sequence[SignalRow]) -> None:
    table(
        "Signals",
        ("signal", "at", "strategy", "asked", "answer", "why"),
        (
            (
                row.signal_id,
                _second(row.at),
                row.strategy,
                f"{row.action} {row.symbol} {row.size}".rstrip(),
                _answer(row),
                _rules(row) or row.why,
            )
            for row in rows
        ),
    )


def parts(rows: Sequence[PlacedRow]) -> None:
    """The orders of a signal that several wallets serve."""
    if len(rows) > 1:
        shown = ((one["order_id"], one["wallet_id"], usd(one["notional_usd"])) for one in rows)
        table("Parts", ("order", "wallet", "USD"), shown, right=("USD",))


def _answer(row: SignalRow) -> str:
    with_wallet = f" with {row.wallet_id}" if row.wallet_id else ""
    return f"{row.status}{with_wallet}{f', {row.outcome}' if row.outcome else ''}"


def _rules(row: SignalRow) -> tuple[str, ...]:
    """What refused it, a rule a line."""
    told, more = tuple(by_rule(row.refusals[:RULES_SHOWN])), len(row.refusals) - RULES_SHOWN
    return (*told, f"{more} more: `overmind explain {row.signal_id}`") if more > 0 else told


def trades(rows: Sequence[TradeRow]) -> None:
    columns = ("order", "closed", "wallet", "trade", "USD", "cost bps", "expected", "realized", "strategy")
    table("Trades", columns, map(_trade, rows), right=columns[4:8])
    if rows:
        grown = [*accumulate(row.realized_usd for row in rows)]
        say(f"realized by these {len(rows)}: {_cents(grown[-1])}  {sparkline(grown)}")


def _trade(row: TradeRow) -> tuple[str, ...]:
    price = "" if row.price is None else f" at {Amount(row.price):,.8g}"
    quantity = "" if row.quantity is None else f"{Amount(row.quantity):,.6g} "
    cost = "" if row.cost_bps is None else f"{row.cost_bps:.1f}"
    return (
        row.order_id,
        f"{row.closed_at[5:10]} {row.closed_at[11:19]}",
        row.wallet_id,
        f"{row.side} {quantity}{row.symbol}{price}{' (provisional)' if row.provisional else ''}",
        usd(row.amount_usd),
        cost,
        f"{row.expected_bps:.1f}",
        _cents(row.realized_usd),
        row.strategy,
    )


def _cents(amount: float) -> str:
    """Fees are parts of a cent."""
    return usd(amount) if abs(amount) >= 1 or not amount else f"{'-' if amount < 0 else ''}${abs(amount):.4f}"


def _why(row: RefusedRow) -> tuple[str, ...]:
    listed = tuple(f"{one['wallet_id'] or 'every wallet'}: {in_words(one)}" for one in row.refusals)
    return (*listed, f"and {row.unlisted} more") if row.unlisted else listed


def _second(at: str | None) -> str:
    """Shortens an ISO 8601 time in UTC."""
    return "" if at is None else f"{at[:10]} {at[11:19]} UTC"


def close(position: str, row: CloseRow, served: bool) -> None:
    """What is being sold, what remains, and who continues."""
    left = f"{row.left_quantity:g} {row.symbol}"
    if row.order_id is not None:
        stays = (
            f"{left} remain{' for the next order' if row.closing else ''}" if row.left_quantity else "nothing remains"
        )
        say(f"{position}: order {row.order_id} sells {row.order_quantity:g} {row.symbol}; {stays}")
    elif row.closing:
        say(f"{position}: nothing of {left} can be sold now: {row.why_not or 'the desk sells it at its next check'}")
    else:
        say(f"{position}: {left} remain")
    if row.closing:
        who = "the desk tries again" if served else "the next `overmind run` tries again"
        say(f"{who} until the position is sold")
        say(f"`overmind positions` shows it, `overmind close {position} --cancel` ends it")
    else:
        say("it is no longer being closed" + ("; its open order goes on" if row.order_id else ""))


def changes(rows: Sequence[WayRow]) -> None:
    table(
        "What would have had to change",
        ("wallet", "rule", "change"),
        (
            (
                row.wallet_id or "every wallet",
                tuple(one.code for one in row.changes),
                tuple(one.change for one in row.changes),
            )
            for row in rows
        ),
    )


def candidates(rows: Sequence[Mapping[str, object]]) -> None:
    table(
        "Candidates",
        ("wallet", "route", "eligible", "cost bps", "terms", "refusals"),
        (
            (
                row["wallet_id"],
                row.get("route", ""),
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


def _codes(rows: object) -> tuple[str, ...]:
    return tuple(map(in_words, rows)) if isinstance(rows, list) else ()
