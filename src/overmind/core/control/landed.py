"""An order whose transaction landed and reads differently from the order. Its capital stays held until it is booked.

See specification §11.8.
"""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import OpenOrder
from overmind.core.books.state import State
from overmind.core.model.commands import BookFromChain, CommandRefused, RecordLanding
from overmind.core.model.events import (
    BalanceAdjusted,
    Event,
    OrderClosed,
    OrderLandedOtherwise,
    OrderTakenFromChain,
)
from overmind.core.model.ids import SOL, OrderId


def decide_landed(state: State, command: RecordLanding | BookFromChain) -> Iterator[Event]:
    match command:
        case RecordLanding():
            return _record_landing(state, command)
        case BookFromChain():
            return _book_from_chain(state, command)


def _record_landing(state: State, record: RecordLanding) -> Iterator[Event]:
    known = state.open_orders.get(record.order_id)
    if known is not None and known.ticket is not None and known.otherwise != record.why:
        yield OrderLandedOtherwise(record.order_id, record.why)


def landed_otherwise(state: State, order_id: OrderId) -> OpenOrder:
    """Raises CommandRefused for any other order: the desk books those itself."""
    known = state.open_orders.get(order_id)
    if known is None or not known.otherwise:
        found = ", ".join(sorted(one for one, order in state.open_orders.items() if order.otherwise)) or "none"
        raise CommandRefused(f"no open order {order_id!r} that landed otherwise than ordered; there are: {found}")
    return known


def _book_from_chain(state: State, command: BookFromChain) -> Iterator[Event]:
    """Ends the order and books what the transaction changed beside it. A token that is not listed is dust."""
    known = landed_otherwise(state, command.order_id)
    if not command.reason.strip():
        raise CommandRefused("a blank reason: say what you have seen; it is journaled")
    order, desk = known.order, state.settings
    yield OrderTakenFromChain(order.id, command.reason)
    yield OrderClosed(order.id, command.outcome)
    tracked = {SOL, desk.quote.mint, *desk.tokens, *state.wallets[order.wallet_id].positions}
    for mint, units in sorted(command.changes.items()):
        if units and mint in tracked:
            yield BalanceAdjusted(order.wallet_id, mint, units, f"{order.id}: {command.reason}")
