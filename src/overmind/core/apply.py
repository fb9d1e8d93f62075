"""`apply`, the only function that changes the state: one journaled fact more.

It never refuses. If it cannot apply a fact, the journal or this code is wrong, and stopping is the only correct answer.
"""

from __future__ import annotations

from overmind.core.book import WalletBook
from overmind.core.ledger import accounts_of
from overmind.core.messages import (
    BalanceAdjusted,
    BalancesChecked,
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    Entry,
    Hold,
    HoldAdded,
    HoldLifted,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    PricesMarked,
    Scope,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model import SOL, Mark, Signal, Wallet
from overmind.core.settle import adjust, close, deposit, finalise, place, roll_back
from overmind.core.state import State, remember_decision
from overmind.core.sums import count, discount, refresh_equity


def apply(state: State, entry: Entry) -> None:
    assert entry.seq == state.seq + 1, (entry, state.seq)
    state.seq = entry.seq
    state.at_ns = entry.at_ns
    match entry.event:
        case OrderPlaced(signal=signal, order=order):
            if order.attempt == 0 and order.part == 0:
                _decide(state, signal, entry)
            place(state, signal, order, entry.at_ns)
        case TicketRecorded(order_id=order_id, ticket=ticket):
            state.open_orders[order_id].ticket = ticket
        case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
            close(state, order_id, outcome, provisional)
        case OrderFinal(order_id=order_id):
            finalise(state, order_id)
        case PricesMarked(marks=marks):
            _mark(state, marks)
        case SignalRefused(signal=signal):
            state.refused += 1
            _decide(state, signal, entry)
        case SignalRecorded(signal=signal):
            state.recorded += 1
            _decide(state, signal, entry)
        case Deposited() as deposited:
            deposit(state, deposited)
        case OrderRolledBack(order_id=order_id, outcome=outcome):
            roll_back(state, order_id, outcome)
        case BalancesChecked(wallet_id=wallet_id, slot=slot, signature=signature):
            book = state.wallets[wallet_id]
            book.checked, book.checked_slot, book.checked_seq = signature, slot, entry.seq
        case BalanceAdjusted() as adjusted:
            adjust(state, adjusted)
        case DayRolled(day=day):
            _roll_day(state, day)
        case HoldAdded(scope=scope, hold=hold):
            _holds(state, scope)[hold.cause] = hold
            state.revalued = True
        case HoldLifted(scope=scope, cause=cause):
            del _holds(state, scope)[cause]
            state.revalued = True
        case WalletConfigured(wallet=wallet):
            _configure_wallet(state, wallet)
        case DeskConfigured(desk=desk):
            state.desk = desk
            state.revalued = True
        case DeskFounded() as founded:
            assert state.seq == 1, entry
            state.founded = founded


def _decide(state: State, signal: Signal, entry: Entry) -> None:
    """Remember the first answer, and forget what the journal's index alone will remember."""
    state.signals += 1
    remember_decision(state, signal.id, entry.seq, entry.at_ns)


def _holds(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        return state.wallets[scope.wallet_id].holds
    if scope.strategy is not None:
        return state.paused.setdefault(scope.strategy, {})
    return state.holds


def _configure_wallet(state: State, wallet: Wallet) -> None:
    book = state.wallets.get(wallet.id)
    if book is None:
        book = state.wallets[wallet.id] = WalletBook(wallet, accounts_of(wallet.id), slot=len(state.wallets))
        book.token_accounts.add(SOL)  # Native: wrapped accounts come and go inside a transaction.
    book.wallet = wallet
    state.revalued = True


def _mark(state: State, marks: tuple[Mark, ...]) -> None:
    changed = [mark for mark in marks if _price_changed(state, mark)]
    for mark in marks:
        state.marks[mark.mint] = mark
    if not changed:
        return
    for book in state.wallets.values():
        for mark in changed:
            position = book.positions.get(mark.mint)
            if position is not None:
                discount(state, book, position)
                position.revalue(mark.price_pico)
                count(state, book, position)
        refresh_equity(state, book)
    state.revalued = True


def _price_changed(state: State, mark: Mark) -> bool:
    known = state.marks.get(mark.mint)
    return known is None or known.price_pico != mark.price_pico


def _roll_day(state: State, day: int) -> None:
    assert day > state.day, (day, state.day)
    state.day = day
    for book in state.wallets.values():
        book.trades_today = 0
        book.realised_today_micros = 0
        book.unrealised_base_micros = book.unrealised_micros
    state.revalued = True
