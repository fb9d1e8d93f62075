"""The decision on a signal, and what became of its orders, in sentences for a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from overmind.cli import present
from overmind.views.orders import OrderRow
from overmind.views.refusals import in_words

ROWS_SHOWN: Final = 12  # `overmind explain` shows every refusal of every wallet
STYLES: Final = {"placed": "green", "refused": "yellow", "invalid": "red", "not_taken": "red"}


def show(answer: Mapping[str, Any]) -> None:
    """`answer` is what a program gets as one line of JSON."""
    status = str(answer["status"])
    named = answer["signal_id"] or "a line"
    match status:
        case "invalid":
            present.say(f"{named}: invalid", STYLES[status])
            for one in answer["problems"]:
                where = f"{one['field']}: " if one["field"] else ""
                present.say(f"  {where}{one['problem']}; fix: {one['fix']}")
        case "refused":
            present.say(f"{named}: refused; {answer['selection_reason']}", STYLES[status])
            rows = answer["refusals"]
            for line in by_rule(rows[:ROWS_SHOWN]):
                present.say(f"  {line}")
            if len(rows) > ROWS_SHOWN:
                present.say(f"  {len(rows) - ROWS_SHOWN} more rules refused it")
            if unlisted := answer.get("wallets_unlisted"):
                present.say(f"  {unlisted} more wallets refused it")
        case "failed" | "stopping" | "not_taken":
            present.say(f"{named}: {status.replace('_', ' ')}; {answer['error']}", "red")
        case _:
            known = "known already; its first decision stands: " if status == "duplicate" else ""
            told = _placed(answer["orders"])
            present.say(f"{named}: {known}{told}; {answer['selection_reason']}", STYLES.get(status, ""))
    for note in answer.get("notes", ()):
        present.say(f"  {note}")


def _placed(orders: Sequence[Mapping[str, Any]]) -> str:
    if not orders:
        return "no order"
    if len(orders) == 1:
        return f"placed with {orders[0]['wallet_id']}, order {orders[0]['order_id']}"
    parts = (f"{one['order_id']} with {one['wallet_id']} for {present.usd(one['notional_usd'])}" for one in orders)
    return f"placed in {len(orders)} orders: {', '.join(parts)}"


def by_rule(refusals: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """A line for each rule that refused it, with the numbers of the first wallet. `explain` has those of every one."""
    for one in refusals:
        wallets = ", ".join(one.get("wallet_ids") or [one["wallet_id"] or "every wallet"])
        more = one.get("more", 0)
        yield f"{wallets}{f' and {more} more' if more else ''}: {in_words(one)}"


def show_outcome(row: OrderRow) -> None:
    price = "" if row.price is None else f" at {Decimal(row.price):,.8g}"
    present.say(f"{row.order_id}: {row.state}{price}{f'; {row.detail}' if row.detail else ''}")
