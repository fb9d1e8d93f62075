"""Trades: orders that were filled, with what they cost against what was expected, and what they realised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from overmind.core.books.apply import apply
from overmind.core.books.realised import Costs
from overmind.core.books.state import State, forget_changes
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import BUY
from overmind.core.model.events import Entry, OrderClosed, OrderPlaced, OrderRolledBack
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.core.model.units import BPS, value_micros
from overmind.core.model.value import Value
from overmind.journal.catalogue.past import Works
from overmind.text.amount import Amount
from overmind.views.amounts import token_of, usd_of
from overmind.views.orders import OrderRow, closed_orders


class TradeRow(Value, frozen=True):
    """Amounts and prices are decimal strings."""

    order_id: OrderId
    signal_id: SignalId
    wallet_id: WalletId
    strategy: str
    side: str
    symbol: str
    mint: Mint
    placed_at: str
    closed_at: str
    quantity: str | None  # whole tokens; None (as `price`): the desk no longer knows the token's decimals
    price: str | None  # in quote currency
    mark: str | None  # the price when it was decided
    amount_usd: Amount  # paid for a buy, brought by a sale
    fee_sol: str | None
    cost_usd: Amount  # fee, rent, and what the price was worse than the mark
    cost_bps: float | None  # the same, of the amount; None: there was none
    expected_bps: float  # when it was decided: fee, the part of rent that is usually lost, spread and impact
    realized_usd: Amount  # its gain or loss and its costs; of a buy the costs alone
    provisional: bool  # a fork may still undo it


class Effect(msgspec.Struct):
    """What an order did to the books: outcome and rollback together."""

    realised_micros: int = 0
    costs_micros: int = 0


def effects_of(state: State, entries: Iterable[Entry], ids: Set[OrderId]) -> dict[OrderId, Effect]:
    """Replays the entries that follow this state, which it changes."""
    effects = {order_id: Effect() for order_id in ids}
    for entry in entries:
        apply(state, entry)
        event = entry.event
        if isinstance(event, OrderClosed | OrderRolledBack) and (effect := effects.get(event.order_id)) is not None:
            effect.realised_micros += sum(one.realised_micros for one in state.realised)
            effect.costs_micros += sum(one.micros for one in state.realised if isinstance(one, Costs))
        forget_changes(state)
    return effects


def span_of(works: Works) -> tuple[int, int]:
    """The first and the last entry that booked one of these orders."""
    wanted = set(works.ids)
    ended = [
        one.seq
        for one in works.entries
        if isinstance(one.event, OrderClosed | OrderRolledBack) and one.event.order_id in wanted
    ]
    return min(ended), max(ended)


def trades_of(works: Works, desk: Desk, effects: Mapping[OrderId, Effect]) -> list[TradeRow]:
    """In the order of placing."""
    rows = {row.order_id: row for row in closed_orders(works.entries, desk)}
    placed = {one.event.order.id: one.event for one in works.entries if isinstance(one.event, OrderPlaced)}
    fills = dict(filter(None, map(_fill, works.entries)))  # The outcome that counts now is the last one.
    return [_row(desk, placed[order_id], fills[order_id], rows[order_id], effects[order_id]) for order_id in works.ids]


def _fill(entry: Entry) -> tuple[OrderId, Filled] | None:
    event = entry.event
    if isinstance(event, OrderClosed | OrderRolledBack) and isinstance(event.outcome, Filled):
        return event.order_id, event.outcome
    return None


def _row(desk: Desk, placed: OrderPlaced, fill: Filled, row: OrderRow, effect: Effect) -> TradeRow:
    order, terms = placed.order, placed.selection.terms
    amount = fill.spent_units if order.side is BUY else fill.received_units
    cost = effect.costs_micros + shortfall_micros(desk, order, fill)
    assert row.placed_at is not None, row
    assert row.closed_at is not None, row
    return TradeRow(
        order_id=order.id,
        signal_id=order.signal_id,
        wallet_id=order.wallet_id,
        strategy=row.strategy,
        side=row.side,
        symbol=row.symbol,
        mint=order.mint,
        placed_at=row.placed_at,
        closed_at=row.closed_at,
        quantity=row.received if order.side is BUY else row.spent,
        price=row.price,
        mark=row.mark,
        amount_usd=usd_of(amount),
        fee_sol=row.fee_sol,
        cost_usd=usd_of(cost),
        cost_bps=round(cost * BPS / amount, 2) if amount else None,
        expected_bps=round(terms.fee + terms.rent + terms.slippage, 2),
        realized_usd=usd_of(effect.realised_micros),
        provisional="provisional" in row.state,
    )


def shortfall_micros(desk: Desk, order: Order, fill: Filled) -> int:
    """What the fill was worse than the mark; negative: better. 0 if the token's decimals are not known any more."""
    token = token_of(desk, order.mint)
    if token is None:
        return 0
    units = fill.received_units if order.side is BUY else fill.spent_units
    worth = value_micros(units, order.mark_pico, token.decimals)
    return fill.spent_units - worth if order.side is BUY else worth - fill.received_units
