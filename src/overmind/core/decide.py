"""Command in, events out. Reads the state, never changes it.

`decide` yields facts one by one, and its caller applies each before asking for the next: what follows may look at
what was just decided (a closed order frees capital for the next attempt). Deciding twice is harmless: a command whose
fact is in the journal already yields nothing. A command that cannot be done raises CommandRefused and yields nothing;
a signal is never an error here: it is placed, recorded or refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from msgspec.structs import replace

from overmind.core.books.book import OpenMove, OpenOrder, ProvisionalMove, WalletBook
from overmind.core.books.mark_columns import journaled
from overmind.core.books.state import State
from overmind.core.books.trust import judge
from overmind.core.books.unlisted import without_unlisted
from overmind.core.capital.fee_reserve import due_reclaims, due_top_ups
from overmind.core.capital.proceeds import due_sweeps
from overmind.core.capital.rebalance import rebalance
from overmind.core.capital.withdrawals import cancel, end_unpaid, withdraw
from overmind.core.control import breakers, day, learner
from overmind.core.control.admission import record_accounts, record_admission
from overmind.core.control.attribution import acted
from overmind.core.control.balances import QUARANTINE, accept, compare, is_of_chain
from overmind.core.control.changes import accept_price, change_limits, change_mints
from overmind.core.control.configuration import check_same_money, configure_wallet, found_desk, take_deposit
from overmind.core.control.history import decide_history
from overmind.core.control.holds import DISK_FULL, add_hold, holds_of, lift_expired, lift_hold, trust_clock
from overmind.core.control.landed import decide_landed
from overmind.core.entries.entering import enter, enter_sized, refuse_entry, refuse_sized
from overmind.core.entries.entering_parts import (
    enter_parts,
    part_request,
    split_of,
    split_refusals,
    used_by_others,
)
from overmind.core.entries.request import EntryRequest, entry_request, stale_at_ns
from overmind.core.entries.rules import FUTURE_MAX_NS
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.entries.sizing import SizedRequest
from overmind.core.exits.dust import end_close, write_off
from overmind.core.exits.selling import SHORT, cancel_close, close_position, holder, sell, sell_all_due, sell_due
from overmind.core.model.commands import (
    AcceptBalances,
    AcceptHistory,
    AcceptPrice,
    AddHold,
    Attributed,
    BookFromChain,
    CancelClose,
    CancelMove,
    ChangeLearnerMode,
    ChangeLimits,
    ChangeMints,
    ClosePosition,
    Command,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    EmergencyStop,
    FoundDesk,
    LiftHold,
    MarkPrices,
    MoveDue,
    ReactivateWallet,
    Rebalance,
    RecordAccounts,
    RecordAction,
    RecordAdmission,
    RecordBalances,
    RecordDeposit,
    RecordFinal,
    RecordHistory,
    RecordLanding,
    RecordOutcome,
    RecordTicket,
    RemoveWallet,
    RequireHistory,
    SellDue,
    SubmitSignal,
    TrustClock,
    Withdraw,
    WriteOff,
)
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.enums import HOLD, UNSPLIT, TradeAction
from overmind.core.model.events import (
    DeskConfigured,
    Event,
    HoldAdded,
    HoldLifted,
    MoveClosed,
    MoveFinal,
    MoveRolledBack,
    OperatorActed,
    OrderClosed,
    OrderFinal,
    OrderRolledBack,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.money import Mark
from overmind.core.model.order import Ticket, Work
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.signal import Signal
from overmind.core.model.units import PRICE_MAX_PICO

EXITS: Final = frozenset({TradeAction.SELL, TradeAction.MARKET_SELL})


def decide(state: State, index: SelectionIndex, command: Command, at_ns: int) -> Iterator[Event]:
    events = _events_of(state, index, command, at_ns)
    # Without an open move nothing needs to be rejected, so the events need no check.
    return _and_unpaid(state, events) if state.open_moves else events


def _and_unpaid(state: State, events: Iterator[Event]) -> Iterator[Event]:
    looks_again = False
    for event in events:
        yield event
        looks_again |= isinstance(event, HoldAdded | DeskConfigured)
    if looks_again:
        yield from end_unpaid(state)


def _events_of(state: State, index: SelectionIndex, command: Command, at_ns: int) -> Iterator[Event]:
    if day.is_over(state, at_ns):
        yield from day.roll_before(state, command, at_ns)
    if state.timed:
        yield from lift_expired(state, at_ns)
    match command:
        case SubmitSignal(signal=signal, received_at_ns=received_at_ns):
            if signal.id not in state.decided:
                yield from _answer(state, index, signal, at_ns, received_at_ns)
        case RecordTicket(work_id=work_id, ticket=ticket):
            yield from _record_ticket(state, work_id, ticket)
        case RecordOutcome() as record:
            yield from _close(state, index, record, at_ns)
        case MarkPrices(marks=marks):
            if newer := _newer(state, marks, at_ns):
                judged = judge(state, newer)
                yield from journaled(state, judged, at_ns)
                yield from day.roll_with(state, judged.believed, at_ns)
                yield from breakers.after_marks(state, at_ns)
                yield from sell_all_due(state, at_ns)
        case MoveDue():
            yield from due_sweeps(state, at_ns)
            yield from due_top_ups(state, at_ns)
            yield from due_reclaims(state, at_ns)
        case RecordLanding() | BookFromChain() as landed:
            yield from decide_landed(state, landed)
        case RecordFinal(work_id=work_id, outcome=outcome):
            yield from _finalise(state, work_id, outcome, at_ns)
        case RecordBalances() as record:
            yield from compare(state, record, at_ns)
        case AcceptBalances() as accepted:
            yield from accept(state, accepted)
        case RequireHistory() | RecordHistory() | AcceptHistory() as history:
            yield from decide_history(state, history, at_ns)
        case AcceptPrice() as accepted:
            yield from accept_price(state, accepted)
        case FoundDesk() as found:
            yield from found_desk(state, found)
        case ConfigureDesk(desk=desk):
            check_same_money(state, desk)
            wanted_desk, mode = without_unlisted(state, desk), learner.mode_before(state, desk)
            if state.desk is None or without_unlisted(state, state.desk) != wanted_desk:
                yield DeskConfigured(wanted_desk)
                yield from learner.configured(mode, desk)
        case ConfigureWallet() as configure:
            yield from configure_wallet(state, configure, at_ns)
        case RemoveWallet(wallet_id=wallet_id):
            yield from add_hold(state, Scope(wallet_id), Hold("removed", "no longer configured", at_ns))
        case RecordDeposit() as deposit:
            yield from take_deposit(state, deposit)
        case AddHold(scope=scope, cause=cause, reason=reason, until_ns=until_ns):
            if until_ns is not None and (cause == breakers.EMERGENCY or is_of_chain(cause)):
                raise CommandRefused(f"the hold {cause} has no end: somebody has to look before it is lifted")
            if until_ns is None or until_ns > at_ns:
                yield from add_hold(state, scope, Hold(cause, reason, at_ns, until_ns))
        case LiftHold() as lift:
            yield from lift_hold(state, lift)
        case TrustClock() as trust:
            yield from trust_clock(state, trust)
        case EmergencyStop(reason=reason, liquidate=liquidate, sweep=sweep):
            yield from breakers.stop_all(state, reason, at_ns)
            if liquidate or sweep:
                yield from breakers.liquidate(state, reason, sweep)
        case SellDue() as due:
            yield from sell_due(state, due, at_ns)
        case ClosePosition() as close:
            yield from close_position(state, close, at_ns)
        case CancelClose() as wanted:
            yield from cancel_close(state, wanted)
        case WriteOff() as wanted:
            yield from write_off(state, holder(state, wanted.wallet_id, wanted.mint), wanted)
        case ChangeLimits() as change:
            yield from change_limits(state, change, at_ns)
        case ChangeMints() as change:
            yield from change_mints(state, change, at_ns)
        case ChangeLearnerMode() as change:
            yield from learner.change_mode(state, change)
        case RecordAdmission() as record:
            yield from record_admission(state, record, at_ns)
        case RecordAccounts(wallet_id=wallet_id, seen=seen):
            yield from record_accounts(state, wallet_id, seen)
        case ReactivateWallet(wallet_id=wallet_id, reason=reason):
            if "emergency" in holds_of(state, Scope(wallet_id)):
                yield HoldLifted(Scope(wallet_id), "emergency", reason)
        case Rebalance() as wanted:
            yield from rebalance(state, wanted, at_ns)
        case Withdraw() as wanted:
            yield from withdraw(state, wanted, at_ns)
        case CancelMove() as wanted:
            yield from cancel(state, wanted)
        case Attributed() as given:
            yield from _attributed(state, index, given, at_ns)
        case RecordAction() as action if state.founded is not None:  # The identity is a journal's first entry.
            yield OperatorActed(action.by, action.action, action.about, action.reason)
        case RecordAction():
            pass
        case _:
            assert_never(command)


def _attributed(state: State, index: SelectionIndex, given: Attributed, at_ns: int) -> Iterator[Event]:
    """Who wanted it comes first. What is refused, or changes nothing, has no author, but for a stop: the file STOP may
    have been first, and who else wanted it counts.
    """
    events = _events_of(state, index, given.command, at_ns)
    first = next(events, None)
    if first is not None:
        yield acted(given.command, given.by)
        yield first
        yield from events
    elif isinstance(given.command, EmergencyStop) and state.founded is not None and DISK_FULL not in state.holds:
        yield acted(given.command, given.by)


# Signals


def _answer(state: State, index: SelectionIndex, signal: Signal, at_ns: int, received_at_ns: int) -> Iterator[Event]:
    if signal.action is HOLD:
        yield SignalRecorded(signal)
    elif signal.sender is not None and signal.sender.short and not signal.sender.closes:
        yield SignalRefused(signal, (SHORT,))
    elif signal.action in EXITS:
        yield from sell(state, index, signal, at_ns, received_at_ns)
    elif signal.risk is not None:
        sized = SizedRequest(state, signal, stale_at_ns(state.settings, signal, received_at_ns))
        placed = enter_sized(state, index, sized, at_ns, received_at_ns)
        yield placed if placed is not None else refuse_sized(state, index, sized, at_ns, received_at_ns)
    else:
        desk = state.settings
        entry = entry_request(state, signal, stale_at_ns(desk, signal, received_at_ns))
        asks = desk.split is not UNSPLIT or signal.split is not None
        if asks and split_of(desk, signal) is not UNSPLIT:
            yield from _split(state, index, entry, at_ns, received_at_ns)
            return
        placed = enter(state, index, entry, at_ns, received_at_ns)
        yield placed if placed is not None else refuse_entry(state, index, entry, at_ns, received_at_ns)


def _split(
    state: State, index: SelectionIndex, entry: EntryRequest, at_ns: int, received_at_ns: int
) -> Iterator[Event]:
    """All parts are decided before the first one is placed."""
    parts = enter_parts(state, index, entry, at_ns, received_at_ns)
    if parts:
        yield from parts
    else:
        more = split_refusals(state, index, entry, at_ns, received_at_ns)
        yield refuse_entry(state, index, entry, at_ns, received_at_ns, more)


def _close(state: State, index: SelectionIndex, record: RecordOutcome, at_ns: int) -> Iterator[Event]:
    work_id, outcome = record.work_id, record.outcome
    known = state.open_work(work_id)
    if known is None:
        return
    if known.ticket is None and not isinstance(outcome, Rejected):
        raise CommandRefused(f"order {work_id} cannot have {outcome}: it was never signed")
    provisional = record.provisional and isinstance(outcome, Filled | Failed)
    if isinstance(known, OpenMove):
        yield MoveClosed(work_id, outcome, provisional)
        yield from _after(state, known.work, at_ns)
    else:
        yield OrderClosed(work_id, outcome, provisional)
        yield from _after(state, known.order, at_ns)
        if not isinstance(outcome, Filled):
            yield from end_close(state, known)
            yield from _next_attempt(state, index, known, outcome, at_ns)


def _after(state: State, work: Work, at_ns: int) -> Iterator[Event]:
    """What an outcome may cause in each wallet that it changed."""
    for wallet_id in work.wallets:
        book = state.wallets[wallet_id]
        if book.in_suspense:
            yield from _quarantine(state, work, book, at_ns)
        yield from breakers.after_outcome(state, book, at_ns)
    if state.standing.blocks:  # Without a scored forecast nothing speaks against the learner.
        yield from learner.fall_back(state)


def _next_attempt(
    state: State, index: SelectionIndex, known: OpenOrder, outcome: Outcome, at_ns: int
) -> Iterator[Event]:
    """Failover (specification §7.8): before the signal expires, tries another wallet through the same gate."""
    order = known.order
    of_wallet = isinstance(outcome, Expired) or (isinstance(outcome, Rejected) and outcome.cause.of_wallet)
    if not (order.is_entry and of_wallet):
        return
    if order.attempt + 1 >= state.settings.attempts_max or at_ns >= order.expires_at_ns:
        return
    if known.signal.risk is not None:
        sized = SizedRequest(state, known.signal, order.expires_at_ns)
        placed = enter_sized(state, index, sized, at_ns, received_at_ns=at_ns, failed=order)
    elif order.parts:
        entry = part_request(state, known.signal, order)
        taken = used_by_others(state, order)
        placed = enter(state, index, entry, at_ns, received_at_ns=at_ns, failed=order, taken=taken)
    else:
        entry = entry_request(state, known.signal, order.expires_at_ns)
        placed = enter(state, index, entry, at_ns, received_at_ns=at_ns, failed=order)
    if placed is not None:
        yield placed


def _finalise(state: State, work_id: OrderId, outcome: Outcome, at_ns: int) -> Iterator[Event]:
    """Makes a provisional outcome final, or rolls it back and books the outcome that replaced it."""
    known = state.provisional_work(work_id)
    if known is None:
        return
    if isinstance(outcome, Rejected):
        raise CommandRefused(f"order {work_id} was sent: it cannot have {outcome}")
    same, is_move = _same_effect(known.outcome, outcome), isinstance(known, ProvisionalMove)
    if same:
        yield MoveFinal(work_id) if is_move else OrderFinal(work_id)
        yield from learner.fall_back(state)
        return
    yield MoveRolledBack(work_id, outcome) if is_move else OrderRolledBack(work_id, outcome)
    yield from _after(state, known.work, at_ns)


def _quarantine(state: State, work: Work, book: WalletBook, at_ns: int) -> Iterator[Event]:
    """Holds a wallet whose suspense account owes something, until an operator has looked."""
    owed = ", ".join(sorted(book.in_suspense))
    reason = f"order {work.id} found less than a fork had left before: {owed} is owed from suspense"
    yield from add_hold(state, Scope(book.wallet.id), Hold(QUARANTINE, reason, at_ns))


def _same_effect(booked: Filled | Failed, outcome: Outcome) -> bool:
    """It may have landed again in another slot with the same effect."""
    if isinstance(booked, Filled):
        return isinstance(outcome, Filled) and replace(booked, slot=outcome.slot) == outcome
    return isinstance(outcome, Failed) and booked.fee_lamports == outcome.fee_lamports


# Marks and tickets


def _newer(state: State, marks: tuple[Mark, ...], at_ns: int) -> tuple[Mark, ...]:
    """The newest price of each token, never older than the known mark. Invalid marks and marks from the future are
    dropped: a mark from the future would block those that follow. The old mark then becomes stale, and entries are
    refused.
    """
    newest: dict[Mint, Mark] = {}
    believed, doubted, latest_ns = state.marks, state.doubted, at_ns + FUTURE_MAX_NS
    for mark in marks:
        mint = mark.mint
        known = newest.get(mint) or doubted.get(mint) or believed.get(mint)
        sane = 0 < mark.price_pico <= PRICE_MAX_PICO and mark.at_ns <= latest_ns
        if sane and (known is None or mark.at_ns > known.at_ns):
            newest[mint] = mark
    return tuple(newest.values())


def _record_ticket(state: State, work_id: OrderId, ticket: Ticket) -> Iterator[Event]:
    """Records the ticket before it is sent. Only one ticket per open order may be recorded."""
    known = state.open_work(work_id)
    if known is None:
        raise CommandRefused(f"order {work_id} is not open: its ticket must not be sent")
    signed = state.signatures.get(ticket.signature)
    if signed is not None and signed[1] != work_id:
        raise CommandRefused(f"the transaction {ticket.signature} is order {signed[1]}'s: it serves no second one")
    if known.ticket is None:
        yield TicketRecorded(work_id, ticket)
    elif known.ticket != ticket:
        raise CommandRefused(f"order {work_id} has ticket {known.ticket.signature}, not {ticket.signature}")
