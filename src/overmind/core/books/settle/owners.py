"""Whose lots a sale takes: reserved when it is placed, so that two sales never count on the same units."""

from __future__ import annotations

from collections.abc import Mapping

from overmind.core.books.aggregates import change_lots
from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Lot
from overmind.core.books.state import State
from overmind.core.model.enums import SaleScope
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Order


def shares_of(book: WalletBook, order: Order, units: int) -> dict[str, int]:
    """How many units of which owner a sale takes: its own strategy's, or the oldest that no other sale has reserved."""
    if order.scope is SaleScope.STRATEGY:
        return {order.strategy: units}
    position = book.positions.get(order.mint)
    return position.shares_of_oldest(units, book.reserved.get(order.mint, {})) if position is not None else {}


def reserve_lots(book: WalletBook, order: Order) -> dict[str, int]:
    shares = shares_of(book, order, order.spend.units)
    reserved = book.reserved.setdefault(order.mint, {})
    for owner, units in shares.items():
        reserved[owner] = reserved.get(owner, 0) + units
    return shares


def release_lots(book: WalletBook, mint: Mint, shares: Mapping[str, int]) -> None:
    reserved = book.reserved[mint]
    for owner, units in shares.items():
        reserved[owner] -= units
        if not reserved[owner]:
            del reserved[owner]
    if not reserved:
        del book.reserved[mint]


def sell_lots(state: State, book: WalletBook, token: Token, units: int, shares: Mapping[str, int]) -> list[Lot]:
    """Takes the sold lots. A fork may have undone the buy before it undid the sale."""
    position = book.positions.get(token.mint)
    if position is None:
        return []
    held = min(units, position.units)
    if shares and len(position.units_by) > 1 and held < position.units:
        return change_lots(state, book, token, lambda found: found.remove(found.cut_of_shares(held, shares)))
    return change_lots(state, book, token, lambda found: found.take(held))
