"""Orders as operators and programs read them: amounts in whole tokens, exactly, with time and price."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

import msgspec

from overmind.clock.instants import iso_seconds
from overmind.core.books.book import OpenOrder
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import Side
from overmind.core.model.events import (
    Entry,
    OrderClosed,
    OrderEvent,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    TicketRecorded,
)
from overmind.core.model.ids import Mint, OrderId, WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import SCALE
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import PRICE_DECIMALS, symbol_of, token_of, usd_of
from overmind.views.statement import exact


class OrderRow(Value, frozen=True):
    """Amounts and prices are decimal strings. None: there is none, or the desk no longer knows the token's decimals."""

    order_id: OrderId
    wallet_id: WalletId
    strategy: str
    side: str
    symbol: str
    notional_usd: Amount
    state: str
    detail: str
    placed_at: str | None = None  # ISO 8601, UTC; None: before the entries that were read
    closed_at: str | None = None
    spend_max: str | None = None  # held for it
    spent: str | None = None
    spend_symbol: str = ""
    received: str | None = None
    receive_symbol: str = ""
    mark: str | None = None  # price of the token when the order was decided, in quote currency
    price: str | None = None  # of the fill, rounded down to twelve decimals
    fee_sol: str | None = None
    tip_sol: str | None = None  # paid to a protected route, beside the fee
    route: str = RouteName.PUBLIC.value


def open_orders(state: State) -> list[OrderRow]:
    """Without their times, which the state does not keep: see `views.past`."""
    return [row for _, row in each_open_order(state)]


def each_open_order(state: State, sent: Container[OrderId] = ()) -> Iterator[tuple[Order, OrderRow]]:
    """The state may change between two rows: what closed meanwhile is left out.

    `sent`: what a node took, as far as the running desk knows. No entry of the journal tells it.
    """
    for known in [*state.open_orders.values()]:
        if known.order.id in state.open_orders:
            yield known.order, _open_row(state.settings, known, known.order.id in sent)


def _open_row(desk: Desk, known: OpenOrder, is_sent: bool) -> OrderRow:
    shown, detail = "placed", ""
    if known.ticket is not None:
        shown, detail = "sent" if is_sent else "signed", known.ticket.signature
    if known.otherwise:
        shown, detail = "landed otherwise", f"{known.otherwise}; {book_fix(known.order.id)}"
    return _order_row(desk, known.order, None, shown, detail)


def book_fix(order_id: OrderId) -> str:
    return f"look at the transaction, then `overmind book-from-chain {order_id} --reason …`"


def _order_row(desk: Desk, order: Order, placed_ns: int | None, shown: str, detail: str) -> OrderRow:
    return OrderRow(
        order_id=order.id,
        wallet_id=order.wallet_id,
        strategy=order.strategy.value,
        side=Side(order.side).value,
        symbol=symbol_of(desk, order.mint),
        notional_usd=usd_of(order.notional_micros),
        state=shown,
        detail=detail,
        placed_at=None if placed_ns is None else iso_seconds(placed_ns),
        spend_max=whole_amount(desk, order.spend.mint, order.spend.units),
        spend_symbol=symbol_of(desk, order.spend.mint),
        receive_symbol=symbol_of(desk, order.receive),
        mark=_plain(order.mark_pico, PRICE_DECIMALS),
        route=order.route.value,
    )


class _Closed(Value, frozen=True):
    """How and when an order ended, and what a fork made of it."""

    end: OrderClosed
    at_ns: int
    final: bool = False
    undone: OrderRolledBack | None = None


def closed_orders(entries: Iterable[Entry], desk: Desk) -> list[OrderRow]:
    """Orders that were placed and closed in these entries, in the order of placing. The outcome that counts now."""
    placed: dict[OrderId, tuple[Order, int]] = {}
    closed: dict[OrderId, _Closed] = {}
    for entry in entries:
        event = entry.event
        if not isinstance(event, OrderEvent):
            continue
        match event:
            case OrderPlaced(order=order):
                placed[order.id] = order, entry.at_ns
            case TicketRecorded() | OrderLandedOtherwise() | OrderTakenFromChain():
                pass  # Not ended yet.
            case OrderClosed(order_id=order_id):
                closed[order_id] = _Closed(event, entry.at_ns)
            case OrderFinal(order_id=order_id):
                if order_id in closed:
                    closed[order_id] = msgspec.structs.replace(closed[order_id], final=True)
            case OrderRolledBack(order_id=order_id):
                if order_id in closed:
                    closed[order_id] = msgspec.structs.replace(closed[order_id], undone=event)
    return [_closed_row(desk, *placed[order_id], closed[order_id]) for order_id in placed if order_id in closed]


def _closed_row(desk: Desk, order: Order, placed_ns: int, closed: _Closed) -> OrderRow:
    """The row is final unless its state says provisional."""
    outcome, end = closed.end.outcome, closed.end
    state, detail = outcome_name(outcome), _detail(desk, order, outcome)
    if closed.undone is not None:
        outcome = closed.undone.outcome
        was = f"a fork undid: {state} {detail}"
        state, detail = f"{outcome_name(outcome)} (rolled back)", _joined(_detail(desk, order, outcome), was)
    elif end.provisional and not closed.final:
        state = f"{state} (provisional)"
    row = _order_row(desk, order, placed_ns, state, detail)
    return msgspec.structs.replace(row, closed_at=iso_seconds(closed.at_ns), **booked_amounts(desk, order, outcome))


def outcome_told(desk: Desk, order: Order, outcome: Outcome) -> str:
    """What became of an order, in a sentence."""
    return _joined(outcome_name(outcome), _detail(desk, order, outcome))


def _joined(*sentences: str) -> str:
    return "; ".join(filter(None, sentences))


def booked_amounts(desk: Desk, order: Order, outcome: Outcome) -> dict[str, str | None]:
    """What the outcome moved and cost."""
    match outcome:
        case Filled(spent_units=spent, received_units=received, fee_lamports=fee, tip_lamports=tip):
            return {
                "spent": whole_amount(desk, order.spend.mint, spent),
                "received": whole_amount(desk, order.receive, received),
                "price": _price(desk, order, spent, received),
                "fee_sol": _plain(fee, SOL_DECIMALS),
                "tip_sol": _tip(tip),
            }
        case Failed(fee_lamports=fee, tip_lamports=tip):
            return {"fee_sol": _plain(fee, SOL_DECIMALS), "tip_sol": _tip(tip)}
        case Expired() | Rejected():
            return {}


def _tip(lamports: int) -> str | None:
    return _plain(lamports, SOL_DECIMALS) if lamports else None


def _price(desk: Desk, order: Order, spent: int, received: int) -> str | None:
    """Quote currency for one token."""
    buys = order.side is Side.BUY
    quote_units, token_units = (spent, received) if buys else (received, spent)
    quote_decimals, decimals = desk.quote.decimals, _decimals(desk, order.mint)
    if decimals is None or token_units == 0:
        return None
    pico = quote_units * SCALE[decimals + PRICE_DECIMALS] // (token_units * SCALE[quote_decimals])
    return _plain(pico, PRICE_DECIMALS)


def outcome_name(outcome: Outcome) -> str:
    return type(outcome).__name__.lower()


def _detail(desk: Desk, order: Order, outcome: Outcome) -> str:
    match outcome:
        case Failed(cause=cause, detail=detail) | Rejected(cause=cause, detail=detail):
            return f"{cause}: {detail}" if detail else cause.value
        case Filled(spent_units=spent, received_units=received, fee_lamports=fee, tip_lamports=tip):
            paid, got = amount_told(desk, order.spend.mint, spent), amount_told(desk, order.receive, received)
            return f"spent {paid}, received {got}, fee {_plain(fee, SOL_DECIMALS)} SOL" + (
                f", tip {_tip(tip)} SOL" if tip else ""
            )
        case Expired():
            return ""


def amount_told(desk: Desk, mint: Mint, units: int) -> str:
    whole = whole_amount(desk, mint, units)
    return f"{units} base units of {mint}" if whole is None else f"{whole} {symbol_of(desk, mint)}"


def whole_amount(desk: Desk, mint: Mint, units: int) -> str | None:
    decimals = _decimals(desk, mint)
    return None if decimals is None else _plain(units, decimals)


def _decimals(desk: Desk, mint: Mint) -> int | None:
    token = token_of(desk, mint)
    return None if token is None else token.decimals


def _plain(units: int, decimals: int) -> str:
    """Every digit, without zeros at the end."""
    shown = exact(units, decimals)
    return shown.rstrip("0").rstrip(".") if decimals else shown
