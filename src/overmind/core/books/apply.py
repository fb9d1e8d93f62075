"""`apply`, the only function that changes the state: one journaled fact more.

It never refuses. If it cannot apply a fact, the journal or this code is wrong, and stopping is the only correct answer.
"""

from __future__ import annotations

from overmind.core.books.aggregates import begin_stop_base, mark_prices, sift_all
from overmind.core.books.book import WalletBook
from overmind.core.books.brief_refusals import remember_pattern
from overmind.core.books.ledger import accounts_of
from overmind.core.books.lessons import expect
from overmind.core.books.mark_columns import marks_of
from overmind.core.books.moves import close_move, finalise_move, place_move, roll_back_move
from overmind.core.books.price_band import Reference
from overmind.core.books.senders import follow_sender
from overmind.core.books.settle.capital import adjust, deposit, write_off
from overmind.core.books.settle.close import close
from overmind.core.books.settle.fork import finalise, roll_back
from overmind.core.books.settle.place import place
from overmind.core.books.settle.routed import day_rolled
from overmind.core.books.state import State, TimedHold, remember_signature
from overmind.core.books.trust import follow
from overmind.core.books.unlisted import admit, forget, list_anew, turn_away, with_unlisted
from overmind.core.books.wallet_limits import REMOVED, RESTORED, fit_allocations, put_in_force
from overmind.core.learning.standing import begin_day, set_mode
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import (
    AccountsFlagged,
    BalanceAdjusted,
    BalancesChecked,
    CloseCancelled,
    CloseOrdered,
    DayRolled,
    Deposited,
    DeskConfigured,
    DeskFounded,
    DustWrittenOff,
    Entry,
    HistoryAccepted,
    HoldAdded,
    HoldLifted,
    LearnerModeChanged,
    LimitsChanged,
    LiquidationOrdered,
    MintAdmitted,
    MintForgotten,
    MintRefused,
    MintsChanged,
    MoveClosed,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    OperatorActed,
    OrderClosed,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    PriceAccepted,
    PricesMarked,
    PricesMoved,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
)
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.mints import Admission
from overmind.core.model.signal import Signal
from overmind.core.model.wallet import Wallet


def apply(state: State, entry: Entry) -> None:
    assert entry.seq == state.seq + 1, (entry, state.seq)
    state.seq = entry.seq
    state.at_ns = entry.at_ns
    state.realised.clear()
    match entry.event:
        case OrderPlaced(signal=signal, order=order, selection=selection):
            if order.attempt == 0 and order.part == 0:
                _remember_answer(state, signal, entry)
            if selection.advice is not None:
                expect(state, order, selection.advice)
            place(state, signal, order, entry.at_ns)
        case TicketRecorded(order_id=order_id, ticket=ticket):
            known = state.open_orders.get(order_id) or state.open_moves[order_id]
            known.ticket = ticket
            if ticket.signature:  # A venue without transactions names none.
                remember_signature(state, ticket.signature, order_id)
        case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
            close(state, order_id, outcome, provisional)
        case OrderLandedOtherwise(order_id=order_id, why=why):
            state.open_orders[order_id].otherwise = why
        case OrderTakenFromChain():
            pass  # What it is booked as follows.
        case OrderFinal(order_id=order_id):
            finalise(state, order_id)
        case PricesMarked(marks=marks, doubted=doubted):
            if state.settings.doubts_prices:
                follow(state, marks, doubted)
            mark_prices(state, marks)
        case PricesMoved() as moved:
            for mint in moved.named:
                state.mark_numbers[mint] = len(state.mark_numbers)
            judged = marks_of(state, moved, entry.at_ns)
            if state.settings.doubts_prices:
                follow(state, *judged)
            mark_prices(state, judged.believed)
        case PriceAccepted(mint=mint, price_pico=price_pico):
            state.references[mint] = Reference(price_pico, entry.at_ns)
        case SignalRefused(signal=signal, brief=brief):
            state.refused += 1
            remember_pattern(state, entry.seq, brief)
            _remember_answer(state, signal, entry)
        case SignalRecorded(signal=signal):
            state.recorded += 1
            _remember_answer(state, signal, entry)
        case Deposited() as deposited:
            deposit(state, deposited)
        case OrderRolledBack(order_id=order_id, outcome=outcome):
            roll_back(state, order_id, outcome)
        case BalancesChecked(wallet_id=wallet_id, slot=slot, signature=signature):
            book = state.wallets[wallet_id]
            book.checked, book.checked_slot, book.checked_seq = signature, slot, entry.seq
        case BalanceAdjusted() as adjusted:
            adjust(state, adjusted)
        case HistoryAccepted(wallet_id=wallet_id):
            state.history_accepted.add(wallet_id)
        case LiquidationOrdered(sweep=sweep):
            for book in state.wallets.values():
                book.liquidating = True
                book.sweeping |= sweep
        case CloseOrdered(wallet_id=wallet_id, mint=mint, reason=reason):
            book = state.wallets[wallet_id]
            book.closing[mint] = reason
            _begin_anew(book, mint)
        case CloseCancelled(wallet_id=wallet_id, mint=mint):
            book = state.wallets[wallet_id]
            del book.closing[mint]
            _begin_anew(book, mint)
            for booked in state.provisional.values():  # No fork brings it back.
                if (booked.order.wallet_id, booked.order.mint) == (wallet_id, mint):
                    booked.closing = ""
        case DustWrittenOff() as written:
            write_off(state, written)
        case MovePlaced(move=move):
            place_move(state, move)
        case MoveClosed(move_id=move_id, outcome=outcome, provisional=provisional):
            close_move(state, move_id, outcome, provisional)
        case MoveFinal(move_id=move_id):
            finalise_move(state, move_id)
        case MoveRolledBack(move_id=move_id, outcome=outcome):
            roll_back_move(state, move_id, outcome)
        case DayRolled(day=day):
            _roll_day(state, day)
        case HoldAdded(scope=scope, hold=hold):
            _add_hold(state, scope, hold)
        case HoldLifted(scope=scope, cause=cause):
            _lift_hold(state, scope, cause)
        case WalletConfigured(wallet=wallet):
            _configure_wallet(state, wallet)
        case LimitsChanged(wallet_id=wallet_id, changes=changes):
            state.changes.pop(wallet_id, None)
            if changes:
                state.changes[wallet_id] = changes
            put_in_force(state, state.wallets[wallet_id])
            fit_allocations(state)
            state.revalued = True
        case MintsChanged(mints=mints):
            state.mints = mints
        case MintAdmitted(mint=mint, facts=facts, token=token, trial=trial):
            state.admissions[mint] = Admission(facts, trial=trial)
            if token is not None:
                admit(state, token)
        case MintRefused(mint=mint, facts=facts, findings=findings, trial=trial, turned_away=turned_away):
            if turned_away:
                turn_away(state, mint, Admission(facts, findings, trial))
            else:
                state.admissions[mint] = Admission(facts, findings, trial)
        case MintForgotten(mint=mint):
            forget(state, mint)
        case AccountsFlagged(wallet_id=wallet_id, flaws=flaws):
            state.account_flaws.pop(wallet_id, None)
            if flaws:
                state.account_flaws[wallet_id] = flaws
        case DeskConfigured(desk=desk):
            _configure_desk(state, desk)
        case LearnerModeChanged(mode=mode, cause=why, who=who, reason=reason):
            set_mode(state.standing, mode, why, who, reason, entry.at_ns)
            state.revalued = True
        case OperatorActed():
            pass  # What it did follows.
        case DeskFounded() as founded:
            assert state.seq == 1, entry
            state.founded = founded
    gain_micros = state.equity_micros - state.deposited_micros
    if gain_micros > state.peak_gain_micros:
        state.peak_gain_micros = gain_micros


def _remember_answer(state: State, signal: Signal, entry: Entry) -> None:
    state.signals += 1
    state.decided[signal.id] = entry.seq
    if signal.sender is not None:
        follow_sender(state, signal, signal.sender)


def _holds(state: State, scope: Scope) -> dict[str, Hold]:
    if scope.wallet_id is not None:
        return state.wallets[scope.wallet_id].holds
    if scope.strategy is not None:
        return state.paused.setdefault(scope.strategy, {})
    return state.holds


def _add_hold(state: State, scope: Scope, hold: Hold) -> None:
    _holds(state, scope)[hold.cause] = hold
    if hold.until_ns is not None:
        state.timed.append(TimedHold(scope, hold.cause, hold.until_ns))
    if hold.cause == REMOVED:
        fit_allocations(state)
    elif hold.cause == RESTORED:  # Whatever was accepted before may have been accepted in another copy.
        state.history_accepted.clear()
    state.revalued = True


def _lift_hold(state: State, scope: Scope, cause: str) -> None:
    """Restarts what a breaker counts: otherwise it would add its hold again at once."""
    hold = _holds(state, scope).pop(cause)
    if hold.until_ns is not None:
        state.timed.remove(TimedHold(scope, cause, hold.until_ns))
    if cause == "emergency":
        begin_stop_base(state)
        if scope.wallet_id is not None:
            book = state.wallets[scope.wallet_id]
            book.liquidating = book.sweeping = False
    elif cause == "loss_streak" and scope.wallet_id is not None:
        state.wallets[scope.wallet_id].loss_streak = 0
    elif cause == "drawdown":
        state.peak_gain_micros = state.equity_micros - state.deposited_micros
    elif cause == REMOVED:
        fit_allocations(state)
    state.revalued = True


def _begin_anew(book: WalletBook, mint: Mint) -> None:
    """Restarts the ladder at its first rung: earlier tries had another reason."""
    if mint in book.exiting and not book.exiting[mint].open:
        del book.exiting[mint]


def _configure_wallet(state: State, wallet: Wallet) -> None:
    book = state.wallets.get(wallet.id)
    if book is None:
        book = WalletBook(wallet, wallet, accounts_of(wallet.id), slot=len(state.wallets))
        state.wallets[wallet.id] = book
        book.token_accounts.add(SOL)  # Native SOL: wrapped accounts exist only inside a transaction.
    book.configured = wallet
    put_in_force(state, book)
    fit_allocations(state)
    state.revalued = True


def _configure_desk(state: State, desk: Desk) -> None:
    bound_before = state.desk.dust_micros if state.desk is not None else desk.dust_micros
    if state.desk is not None and _admits_by(state.desk) != _admits_by(with_unlisted(state, desk)):
        state.admissions.clear()  # They were judged by other rules: every mint has to be looked at again.
        state.turned_away.clear()
    state.desk = desk
    list_anew(state)
    if desk.dust_micros != bound_before:
        sift_all(state)
    if not desk.doubts_prices:
        state.doubted.clear()
        state.references.clear()
    for wallet_id in state.changes:  # Its ceilings may have changed.
        put_in_force(state, state.wallets[wallet_id])
    fit_allocations(state)
    state.revalued = True


def _admits_by(desk: Desk) -> tuple[object, ...]:
    return desk.admission, desk.admission_exit, desk.unlisted, desk.quote, desk.tokens


def _roll_day(state: State, day: int) -> None:
    assert day > state.day, (day, state.day)
    state.day = day
    state.withdrawn_today_micros = state.trades_today = 0
    day_rolled(state)
    begin_day(state.standing)
    for book in state.wallets.values():
        book.trades_today = 0
        book.realised_today_micros = 0
        book.unrealised_base_micros = book.unrealised_micros
        book.cooldowns = {mint: until for mint, until in book.cooldowns.items() if until > state.at_ns}
    state.day_base = state.baseline
    begin_stop_base(state)
    state.revalued = True
