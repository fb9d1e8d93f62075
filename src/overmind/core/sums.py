"""Sums follow each change of what they sum up: positions, exposure, equity. So no rule has to count."""

from __future__ import annotations

from typing import TypeVar

from overmind.core.book import WalletBook
from overmind.core.model import SOL, Mint, Order, Token, value_micros
from overmind.core.positions import Lot, Position
from overmind.core.state import SOL_DECIMALS, State

K = TypeVar("K")


def count_entry(state: State, book: WalletBook, order: Order, micros: int) -> None:
    """Add a held buy to every sum that limits look at, or take it off again."""
    entries = book.entries.setdefault(order.mint, {})
    _add(entries, order.strategy, micros)
    if not entries:
        del book.entries[order.mint]
    _add(book.entries_by, order.strategy, micros)
    book.entries_micros += micros
    _change_asset(state, order.mint, micros)


def _add(sums: dict[K, int], key: K, micros: int) -> None:
    """A sum that comes to nothing is not kept."""
    left = sums.get(key, 0) + micros
    if left:
        sums[key] = left
    else:
        sums.pop(key, None)


def _change_asset(state: State, mint: Mint, micros: int) -> None:
    _add(state.assets, mint, micros)
    state.exposure_micros += micros


def change_position(state: State, book: WalletBook, token: Token, change: Lot | int) -> int:
    """Add a lot, or take units away (negative). Returns the cost of what was taken."""
    position = book.positions.get(token.mint)
    if position is None:
        position = book.positions[token.mint] = Position(token)
    discount(state, book, position)
    cost = 0
    if isinstance(change, Lot):
        position.add(change)
    else:
        cost = position.take(-change)
    _settle_position(state, book, position)
    return cost


def _settle_position(state: State, book: WalletBook, position: Position) -> None:
    mint = position.token.mint
    mark = state.marks.get(mint)
    position.revalue(mark.price_pico if mark else 0)
    count(state, book, position)
    if not position.units:
        del book.positions[mint]


def take_newest(state: State, book: WalletBook, token: Token, units: int) -> int:
    """As `change_position` with what came last taken first. Returns what it had cost."""
    position = book.positions[token.mint]
    discount(state, book, position)
    cost = position.take_newest(units)
    _settle_position(state, book, position)
    return cost


def discount(state: State, book: WalletBook, position: Position) -> None:
    """Take a position out of every sum before it changes; `count` puts it back."""
    book.positions_micros -= position.value_micros
    book.cost_micros -= position.cost_micros
    for by, value in position.value_by.items():
        _add(book.deployed, by, -value)
    _change_asset(state, position.token.mint, -position.value_micros)


def count(state: State, book: WalletBook, position: Position) -> None:
    book.positions_micros += position.value_micros
    book.cost_micros += position.cost_micros
    for by, value in position.value_by.items():
        _add(book.deployed, by, value)
    _change_asset(state, position.token.mint, position.value_micros)


def refresh_equity(state: State, book: WalletBook) -> None:
    """Equity = quote currency + positions + SOL float, held or not, less what a fork took back of either."""
    ledger, accounts, quote = state.ledger, book.accounts, state.settings.quote.mint
    cash = ledger.balance(accounts.free, quote) + ledger.balance(accounts.held, quote)
    lamports = ledger.balance(accounts.sol_float, SOL) + ledger.balance(accounts.sol_float_held, SOL)
    if book.in_suspense:
        cash += ledger.balance(accounts.suspense, quote)
        lamports += ledger.balance(accounts.float_suspense, SOL)
    mark = state.marks.get(SOL)
    float_micros = value_micros(lamports, mark.price_pico, SOL_DECIMALS) if mark else 0
    equity = cash + book.positions_micros + float_micros
    state.equity_micros += equity - book.equity_micros
    book.equity_micros = equity
