"""Capital changes without a trade: deposits, and adjustments that an operator accepted."""

from __future__ import annotations

from overmind.core.books.aggregates import change_lots, change_position, realise, refresh_equity
from overmind.core.books.book import WalletBook
from overmind.core.books.ledger import DEPOSITS
from overmind.core.books.positions import Lot
from overmind.core.books.realised import Disposal, How
from overmind.core.books.settle.close import use_account
from overmind.core.books.settle.suspense import make_good, take_back, true_up
from overmind.core.books.state import State
from overmind.core.model.events import BalanceAdjusted, Deposited, DustWrittenOff
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Money
from overmind.core.model.units import value_micros


def deposit(state: State, deposited: Deposited) -> None:
    money, mint = deposited.money, deposited.money.mint
    state.deposits.add(deposited.deposit_id)
    book, equity_before = state.wallets[deposited.wallet_id], state.equity_micros
    target = book.accounts.sol_float if deposited.to_float else book.accounts.free
    state.ledger.transfer(money.units, mint, DEPOSITS, target)
    if not deposited.to_float:
        use_account(book, mint)
        _add_lot(state, book, money, deposited.deposit_id)
    capital_changed(state, book, mint, equity_before)


def adjust(state: State, adjusted: BalanceAdjusted) -> None:
    """Adjusts the books to the chain. It is no gain or loss: capital came or went without a trade."""
    book, mint, units = state.wallets[adjusted.wallet_id], adjusted.mint, adjusted.units
    accounts, equity_before = book.accounts, state.equity_micros
    if units < 0:
        _withdraw(state, book, Money(-units, mint))
    elif mint == SOL:
        state.ledger.transfer(units, mint, DEPOSITS, accounts.sol_float)
    else:
        state.ledger.transfer(units, mint, DEPOSITS, accounts.free)
        use_account(book, mint)
        _add_lot(state, book, Money(units, mint), "")
    capital_changed(state, book, mint, equity_before)


def write_off(state: State, written: DustWrittenOff) -> None:
    """The units stay in the wallet, so that its balance on the chain still equals the books."""
    book, mint, units = state.wallets[written.wallet_id], written.mint, written.units
    token = book.positions[mint].token
    state.ledger.transfer(units, mint, book.accounts.free, book.accounts.written_off)
    lots = change_lots(state, book, token, lambda found: found.take(units))
    realise(state, book, Disposal(book.wallet.id, How.WRITE_OFF, token, units, 0, lots))
    book.booked_seq = state.seq
    refresh_equity(state, book)
    state.touched.append((book.wallet.id, mint, None))


def _withdraw(state: State, book: WalletBook, money: Money) -> None:
    """SOL leaves the float first. Lots leave at their value, so the day's PnL does not change."""
    accounts, mint, left = book.accounts, money.mint, money.units
    for account in (accounts.sol_float, accounts.free):
        there = min(left, state.ledger.balance(account, mint))
        state.ledger.transfer(there, mint, account, DEPOSITS)
        left -= there
    take_back(state, book, mint, left, accounts.sol_float if mint == SOL else accounts.free, DEPOSITS)
    position = book.positions.get(mint)
    if position is not None:
        price_pico = state.price_pico(mint)
        worth = position.value_micros(price_pico)
        gone = true_up(state, book, position.token)
        units, proceeds = sum(lot.units for lot in gone), worth - position.value_micros(price_pico)
        if gone:
            realise(state, book, Disposal(book.wallet.id, How.WITHDRAWAL, position.token, units, proceeds, gone))


def _add_lot(state: State, book: WalletBook, money: Money, origin: str) -> None:
    """A token comes at its current value. A held token may be delisted."""
    position = book.positions.get(money.mint)
    token = position.token if position is not None else state.settings.tokens.get(money.mint)
    if token is not None:
        mark = state.marks.get(money.mint)
        cost = value_micros(money.units, mark.price_pico, token.decimals) if mark else 0
        change_position(state, book, token, Lot(None, money.units, cost, state.at_ns, origin))


def capital_changed(state: State, book: WalletBook, mint: Mint, equity_before: int) -> None:
    """Counts a deposit in full, even if it repays a debt at once; the debt is a loss of its own."""
    refresh_equity(state, book)
    state.deposited_micros += state.equity_micros - equity_before
    make_good(state, book)
    refresh_equity(state, book)
    book.booked_seq = state.seq
    state.touched.append((book.wallet.id, mint, None))
