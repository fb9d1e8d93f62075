"""Whose lots a sale takes: reserved when it is placed, so that two sales never count on the same units."""

from __future__ import annotations

from collections.abc import Mapping

from overmind.core.books.aggregates import change_lots
from overmind.core.books.book import WalletBook
from overmind.core.books.positions import OF_SOURCE, Lot, owner_of_source
from overmind.core.books.state import State
from overmind.core.model.enums import SaleScope
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Order


def shares_of(book: WalletBook, order: Order, source: str, units: int) -> dict[str, int]:
    """How many units of which owner a sale takes, the oldest that no other sale has reserved: of its own strategy, of
    its own source, or of all.
    """
    position = book.positions.get(order.mint)
    if order.scope is SaleScope.STRATEGY and (position is None or not position.units_of_sources):
        return {order.strategy: units}
    if position is None:
        return {}
    return position.shares_of_oldest(units, book.reserved.get(order.mint, {}), seller_of(order, source))


def units_of_sources(book: WalletBook, order: Order, source: str) -> dict[str, int]:
    """By source, how many of its units a sale takes. All of these sources are told of it."""
    position = book.positions.get(order.mint)
    if position is None or not position.units_of_sources:
        return {}
    found = dict[str, int]()
    for owner, units in shares_of(book, order, source, order.spend.units).items():
        name = owner.partition(OF_SOURCE)[2]
        if name:
            found[name] = found.get(name, 0) + units
    return found


def seller_of(order: Order, source: str) -> str:
    """Whose lots a sale takes; blank: anybody's."""
    match order.scope:
        case SaleScope.STRATEGY:
            return order.strategy
        case SaleScope.SOURCE:
            return owner_of_source(source)
        case SaleScope.DESK:
            return ""


def reserve_lots(book: WalletBook, order: Order, source: str) -> dict[str, int]:
    shares = shares_of(book, order, source, order.spend.units)
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
    several = len(position.units_by) > 1 or position.units_of_sources
    if shares and several and held < position.units:
        return change_lots(state, book, token, lambda found: found.remove(found.cut_of_shares(held, shares)))
    return change_lots(state, book, token, lambda found: found.take(held))
