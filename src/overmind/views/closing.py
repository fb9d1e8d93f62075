"""Reports a position that is being closed: the open order, the rest, or why nothing is sold now."""

from __future__ import annotations

from collections.abc import Iterable

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.exits.exit_rules import sellable_units
from overmind.core.exits.selling import refusals_of_close
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.enums import Side
from overmind.core.model.events import DustWrittenOff, Event, OrderPlaced
from overmind.core.model.ids import Mint, OrderId, WalletId, is_own
from overmind.core.model.order import Order
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import tokens_of
from overmind.views.refusals import shown


class CloseRow(Value, frozen=True):
    wallet_id: WalletId
    symbol: str
    mint: Mint
    closing: bool  # false: cancelled, or nothing is left
    reason: str
    order_id: OrderId | None  # placed just now, or open already
    order_quantity: Amount  # sold by this order
    left_quantity: Amount  # not in any order yet
    why_not: str  # why no more is sold now; blank if nothing stops it


def close_row(state: State, wallet_id: WalletId, mint: Mint, events: Iterable[Event], at_ns: int) -> CloseRow:
    """The position now; `events` are those of the decision just made."""
    book = state.wallets[wallet_id]
    position = book.positions.get(mint)
    token = position.token if position is not None else state.settings.tokens.get(mint)
    decimals = token.decimals if token is not None else 0
    placed = [event.order for event in events if isinstance(event, OrderPlaced)]
    order = next(iter(placed or _own_sales(state, wallet_id, mint)), None)
    return CloseRow(
        wallet_id=wallet_id,
        symbol=token.symbol if token is not None else mint,
        mint=mint,
        closing=mint in book.closing,
        reason=book.closing.get(mint, ""),
        order_id=None if order is None else order.id,
        order_quantity=tokens_of(0 if order is None else order.spend.units, decimals),
        left_quantity=tokens_of(sellable_units(state, book, mint), decimals),
        why_not=_why_not(state, book, mint, at_ns) if order is None and mint in book.closing else "",
    )


class WrittenOff(Value, frozen=True):
    wallet_id: WalletId
    mint: Mint
    units: int  # base units that no position counts any more
    reason: str


def written_off(events: Iterable[Event]) -> WrittenOff:
    """What a write-off did."""
    (written,) = [event for event in events if isinstance(event, DustWrittenOff)]
    return WrittenOff(written.wallet_id, written.mint, written.units, written.reason)


def _own_sales(state: State, wallet_id: WalletId, mint: Mint) -> list[Order]:
    orders = (known.order for known in state.open_orders.values())
    return [
        one
        for one in orders
        if one.side is Side.SELL and is_own(one.signal_id) and (one.wallet_id, one.mint) == (wallet_id, mint)
    ]


def _why_not(state: State, book: WalletBook, mint: Mint, at_ns: int) -> str:
    facts = [_fact(book, one) for one in refusals_of_close(state, book, mint, at_ns)]
    exiting = book.exiting.get(mint)
    if exiting is not None and at_ns < exiting.after_ns:
        wait_s = (exiting.after_ns - at_ns) / NS
        facts.append(f"tried in vain so far: {exiting.tries}, the next try is in {wait_s:.0f} s")
    return "; ".join(facts)


def _fact(book: WalletBook, refusal: Refusal) -> str:
    row = shown(refusal)
    match refusal.code:
        case Code.INSUFFICIENT_TOKENS:
            return "other orders hold all of it"
        case Code.INSUFFICIENT_SOL:
            available, needed = row["limit"], row["actual"]
            return f"{refusal.code}: {available} SOL for fees, {needed} needed: send SOL to {book.wallet.public_key}"
        case _:
            return f"{refusal.code}: {row['actual']} {row['unit']}, limit {row['limit']}"
