"""Debts left by a fork: suspense accounts, and how they are repaid."""

from __future__ import annotations

from overmind.core.books.aggregates import change_lots, realise
from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Disposal, How
from overmind.core.books.state import State
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Order


def pay_debt(state: State, book: WalletBook, token: Token) -> None:
    """Lots that repay a debt earn nothing: their cost is lost."""
    lost = true_up(state, book, token)
    if lost:
        units = sum(lot.units for lot in lost)
        realise(state, book, Disposal(book.wallet.id, How.DEBT, token, units, 0, lost))


def true_up(state: State, book: WalletBook, token: Token) -> list[Lot]:
    """Removes lots without units behind them, the newest first. Returns the removed lots."""
    position, missing = book.positions.get(token.mint), _missing_units(state, book, token.mint)
    if position is None or not missing:
        return []
    return change_lots(state, book, token, lambda found: found.take_newest(missing))


def take_bought(state: State, book: WalletBook, token: Token, order: Order, source: str) -> list[Lot]:
    """Like `true_up`, after a fork undid this buy: its own lot leaves first, then others of its source or strategy."""
    missing = _missing_units(state, book, token.mint)
    if not missing:
        return []
    return change_lots(
        state, book, token, lambda found: found.remove(found.cut_of_buy(missing, order.id, order.strategy, source))
    )


def _missing_units(state: State, book: WalletBook, mint: Mint) -> int:
    """How many units of the lots do not exist."""
    accounts, balance = book.accounts, state.ledger.balance
    left = max(0, balance(accounts.free, mint) + balance(accounts.held, mint) + balance(accounts.suspense, mint))
    position = book.positions.get(mint)
    return max(0, position.units - left) if position is not None else 0


def take_back(state: State, book: WalletBook, mint: Mint, units: int, account: str, target: str) -> None:
    """Takes back what is there; a suspense account owes the rest. The float has a debt of its own."""
    there = state.ledger.balance(account, mint)
    if units <= there:
        state.ledger.transfer(units, mint, account, target)
        return
    accounts = book.accounts
    state.ledger.transfer(there, mint, account, target)
    debtor = accounts.float_suspense if account == accounts.sol_float else accounts.suspense
    state.ledger.transfer(units - there, mint, debtor, target)
    book.in_suspense.add(mint)


def make_good(state: State, book: WalletBook) -> None:
    """Repays debts from units that became free."""
    for mint in sorted(book.in_suspense):
        _repay(state, book, mint)
        position = book.positions.get(mint)
        if position is not None:
            pay_debt(state, book, position.token)
            state.touched.append((book.wallet.id, mint, None))


def _repay(state: State, book: WalletBook, mint: Mint) -> None:
    ledger, accounts = state.ledger, book.accounts
    left = 0
    for source, debtor in ((accounts.free, accounts.suspense), (accounts.sol_float, accounts.float_suspense)):
        owed = -ledger.balance(debtor, mint)
        paid = min(owed, ledger.balance(source, mint))
        ledger.transfer(paid, mint, source, debtor)
        left += owed - paid
    if not left:
        book.in_suspense.remove(mint)
