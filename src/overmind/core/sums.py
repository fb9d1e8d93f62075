"""Sums follow each change of what they sum up: positions, exposure, equity. So no rule has to count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from overmind.core.book import WalletBook
from overmind.core.model import SOL, Mark, Mint, Order, Token, Wallet, value_micros
from overmind.core.positions import Lot, Position
from overmind.core.state import SOL_DECIMALS, State
from overmind.core.triggers import forget, watch
from overmind.core.volatility import Volatility

K = TypeVar("K")


def count_entry(state: State, book: WalletBook, order: Order, micros: int) -> None:
    """Add a held buy to every sum that limits look at, or take it off again."""
    mint = order.mint
    entries = book.entries.get(mint)
    if entries is None:
        entries = book.entries[mint] = {}
        if mint not in book.positions:
            _add(state.users, mint, 1)
    _add(entries, order.strategy, micros)
    if not entries:
        del book.entries[mint]
        if mint not in book.positions:
            _add(state.users, mint, -1)
    _add(book.entries_by, order.strategy, micros)
    _add(state.strategies, order.strategy, micros)
    book.entries_micros += micros
    _change_asset(state, mint, micros)


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


def _deploy(state: State, book: WalletBook, by: str, micros: int) -> None:
    _add(book.deployed, by, micros)
    _add(state.strategies, by, micros)


def change_position(state: State, book: WalletBook, token: Token, change: Lot | int) -> int:
    """Add a lot, or take units away (negative). Returns the cost of what was taken."""
    position = book.positions.get(token.mint)
    if position is None:
        position = book.positions[token.mint] = Position(token)
        if token.mint not in book.entries:
            _add(state.users, token.mint, 1)
    discount(state, book, position)
    cost = 0
    if isinstance(change, Lot):
        position.add(change)
    else:
        cost = position.take(-change)
    _settle_position(state, book, position)
    return cost


def _settle_position(state: State, book: WalletBook, position: Position) -> None:
    mint, price_pico = position.token.mint, _price_pico(state, position.token.mint)
    position.revalue(price_pico)
    count(state, book, position)
    if position.units:
        watch(book, position, price_pico)
    else:
        forget(book, position)
        del book.positions[mint]
        if mint not in book.entries:
            _add(state.users, mint, -1)


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
    for by, value in position.shares():
        _deploy(state, book, by, -value)
    _change_asset(state, position.token.mint, -position.value_micros)


def count(state: State, book: WalletBook, position: Position) -> None:
    book.positions_micros += position.value_micros
    book.cost_micros += position.cost_micros
    for by, value in position.shares():
        _deploy(state, book, by, value)
    _change_asset(state, position.token.mint, position.value_micros)


def watch_again(state: State, book: WalletBook, mint: Mint) -> None:
    """When something else than its units has moved the prices at which a position is due."""
    watch(book, book.positions[mint], _price_pico(state, mint))


def configure(state: State, book: WalletBook, wallet: Wallet) -> None:
    """Its limits say when a position is due."""
    book.wallet = wallet
    for mint in book.positions:
        watch_again(state, book, mint)


def _price_pico(state: State, mint: Mint) -> int:
    """Zero where it was never priced."""
    mark = state.marks.get(mint)
    return mark.price_pico if mark is not None else 0


class Shift(msgspec.Struct):
    """What a mark does to one token."""

    price_pico: int
    shown_twice_pico: int  # the lower of this price and the one before: a peak is for ever, and one may be a mistake
    micros: int = 0  # by which all positions together changed


def mark_prices(state: State, marks: Iterable[Mark]) -> None:
    """Value every position anew, and every sum with it. All of them may change at once, so each is touched once."""
    shifts, changed = dict[Mint, Shift](), False
    for mark in marks:
        before = _price_pico(state, mark.mint)
        changed |= before != mark.price_pico
        shifts[mark.mint] = Shift(mark.price_pico, min(mark.price_pico, before))
        state.marks[mark.mint] = mark
        _observe(state, mark)
    for book in state.wallets.values():
        if book.positions:
            _reprice(state, book, shifts)
        if changed:
            refresh_equity(state, book)
    for mint, shift in shifts.items():
        if shift.micros:
            _change_asset(state, mint, shift.micros)
    state.repriced |= changed


def _observe(state: State, mark: Mark) -> None:
    known = state.volatility.get(mark.mint)
    if known is None:
        known = state.volatility[mark.mint] = Volatility()
    known.observe(mark, state.settings.volatility_half_life_ns)


def _reprice(state: State, book: WalletBook, shifts: dict[Mint, Shift]) -> None:
    deployed, reached, gained = book.deployed, book.reached, 0
    before = deployed.copy()
    for mint, position in book.positions.items():
        shift = shifts.get(mint)
        if shift is None:
            continue
        price_pico, sole = shift.price_pico, position.sole
        value = position.units * price_pico // position.scale
        change = value - position.value_micros
        if change:
            position.value_micros = value
            gained += change
            shift.micros += change
            if sole is not None:
                deployed[sole] = deployed.get(sole, 0) + change
        if sole is None:
            _reprice_parts(deployed, position, price_pico)
        if shift.shown_twice_pico > position.peak_pico:
            position.raise_peak(shift.shown_twice_pico)
        if not position.due_below_pico < price_pico < position.due_above_pico:
            reached.add(mint)
        elif reached:
            reached.discard(mint)
    book.positions_micros += gained
    for by, micros in [*deployed.items()]:
        _add(state.strategies, by, micros - before.get(by, 0))
        if not micros:
            del deployed[by]


def _reprice_parts(deployed: dict[str, int], position: Position, price_pico: int) -> None:
    parts = position.value_parts(price_pico)
    for by, micros in parts.items():
        deployed[by] = deployed.get(by, 0) + micros - position.value_by[by]
    position.value_by = parts


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
