"""Compares the chain's balances with the books: a surplus becomes a deposit, an unexplained deficit holds all entries.

Orders in flight and unsettled forks are legitimate reasons for a difference. A deficit is what remains after them. A
surplus is booked only when no order or transfer in flight touches its mint.

See specification §10.10.
"""

from __future__ import annotations

from collections.abc import Iterator

from overmind.core.books.book import WalletBook
from overmind.core.books.state import State
from overmind.core.books.wallet_limits import RESTORED
from overmind.core.model.commands import AcceptBalances, CommandRefused, RecordBalances
from overmind.core.model.controls import Hold, Scope
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import BalanceAdjusted, BalancesChecked, Deposited, Event, HoldAdded, HoldLifted
from overmind.core.model.ids import SOL, DepositId, Mint, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Move, Work
from overmind.core.model.outcome import Filled

QUARANTINE = "quarantine"


def deficit_cause(wallet_id: WalletId) -> str:
    """A deficit means a stolen key or a second host. It therefore holds the whole portfolio, one hold per wallet."""
    return f"deficit:{wallet_id}"


def unknown_signature_cause(wallet_id: WalletId) -> str:
    return f"unknown_signature:{wallet_id}"


def unknown_signatures(state: State) -> set[str]:
    """The portfolio's holds for transactions that our keys signed and no ticket knows."""
    return {cause for cause in state.holds if cause.startswith("unknown_signature:")}


def is_of_chain(cause: str) -> bool:
    """Whether the hold says that books and chain differ. Only a new comparison with the chain may lift it."""
    return cause == QUARANTINE or cause.startswith(("deficit:", "unknown_signature:"))


def holds_of_chain(state: State, book: WalletBook) -> list[str]:
    """The holds of this wallet that say that its key may be stolen, or that it owes units that a fork took back."""
    portfolio_causes = (deficit_cause(book.wallet.id), unknown_signature_cause(book.wallet.id))
    return [*(cause for cause in portfolio_causes if cause in state.holds), *({QUARANTINE} & book.holds.keys())]


def compare(state: State, record: RecordBalances, at_ns: int) -> Iterator[Event]:
    book = state.wallets.get(record.wallet_id)
    if book is None:
        return
    if record.signature and record.signature != book.checked:
        yield BalancesChecked(record.wallet_id, record.signature_slot, record.signature)
    if is_stale(state, record):
        return
    deficits = short_of(state, record)
    if deficits:
        yield from _hold_for_deficit(state, book, record, deficits[0], at_ns)
    missing_max = _missing_max(state, book)
    for mint in _tracked_mints(state, book):
        surplus = record.balances.get(mint, 0) - state.ledger.owned(book.accounts, mint)
        if surplus > 0 and mint not in missing_max:
            yield from _deposit(state, book, mint, surplus, record.slot)


def is_stale(state: State, record: RecordBalances) -> bool:
    """The balances were read before the newest booking, so they cannot be compared with the books."""
    return state.wallets[record.wallet_id].booked_seq > record.as_of_seq


def short_of(state: State, record: RecordBalances) -> list[Mint]:
    """The mints with a deficit: the chain has less than the books, even if every order in flight took its maximum."""
    book = state.wallets[record.wallet_id]
    missing_max = _missing_max(state, book)
    return [
        mint
        for mint in _tracked_mints(state, book)
        if record.balances.get(mint, 0) < state.ledger.owned(book.accounts, mint) - missing_max.get(mint, 0)
    ]


def accept(state: State, accepted: AcceptBalances) -> Iterator[Event]:
    """Adjusts the books to the chain and lifts the holds that the difference caused. Refused while orders are in
    flight.
    """
    refuse_unacceptable(state, accepted)
    if RESTORED in state.holds and accepted.wallet_id not in state.history_accepted:
        raise CommandRefused(
            f"the journal may be an older copy, so open orders of {accepted.wallet_id} may be done already: "
            f"`overmind accept-history {accepted.wallet_id} --reason …` ends them and accepts its balances"
        )
    yield from adjust_to_chain(state, accepted)


def refuse_unacceptable(state: State, accepted: AcceptBalances) -> None:
    """Raises CommandRefused for a reading that cannot be accepted."""
    wallet_id = accepted.wallet_id
    book = state.wallets.get(wallet_id)
    if book is None:
        raise CommandRefused(f"no wallet {wallet_id!r}; known: {', '.join(state.wallets) or 'none'}")
    if not accepted.reason.strip():
        raise CommandRefused("a blank reason: say what explains the difference; it is journaled")
    if book.booked_seq > accepted.as_of_seq:
        raise CommandRefused(f"the books of {wallet_id} have changed since its balances were read: read them again")
    if _missing_max(state, book):
        raise CommandRefused(
            f"{wallet_id} has orders or transfers in flight: wait until they are final, then accept again"
        )


def adjust_to_chain(state: State, accepted: AcceptBalances) -> Iterator[Event]:
    wallet_id, book = accepted.wallet_id, state.wallets[accepted.wallet_id]
    for mint in _tracked_mints(state, book):
        difference = accepted.balances.get(mint, 0) - state.ledger.owned(book.accounts, mint)
        if difference:
            yield BalanceAdjusted(wallet_id, mint, difference, accepted.reason)
    if accepted.signature and accepted.signature != book.checked:
        yield BalancesChecked(wallet_id, accepted.signature_slot, accepted.signature)
    for cause in (deficit_cause(wallet_id), unknown_signature_cause(wallet_id)):
        if cause in state.holds:
            yield HoldLifted(Scope(), cause, accepted.reason)
    if QUARANTINE in book.holds:
        yield HoldLifted(Scope(wallet_id), QUARANTINE, accepted.reason)


def _tracked_mints(state: State, book: WalletBook) -> list[Mint]:
    """The mints that the books track. Any other token that arrives is ignored as dust."""
    desk = state.settings
    return sorted({SOL, desk.quote.mint, *desk.tokens, *book.positions, *book.in_suspense})


def _missing_max(state: State, book: WalletBook) -> dict[Mint, int]:
    """How many units of each mint may be missing: an order in flight may have spent them, or a fork may have undone a
    fill.
    """
    missing_max: dict[Mint, int] = {}

    def may_be_gone(mint: Mint, units: int) -> None:
        missing_max[mint] = missing_max.get(mint, 0) + units

    for known in state.open_orders.values():
        if known.ticket is not None and known.order.wallet_id == book.wallet.id:
            may_be_gone(known.order.receive, 0)
            may_be_gone(known.order.spend.mint, known.order.spend.units)
            may_be_gone(SOL, _costs_max(known.order))
    for booked in state.provisional.values():
        if booked.order.wallet_id == book.wallet.id:
            # A failed one may still become filled by a fork.
            filled = booked.outcome if isinstance(booked.outcome, Filled) else None
            may_be_gone(booked.order.spend.mint, 0 if filled else booked.order.spend.units)
            may_be_gone(booked.order.receive, filled.received_units if filled else 0)
            may_be_gone(SOL, _costs_max(booked.order))
    for move, lost_by_sender, lost_by_receiver in _moves_under_way(state):
        mint = move.money.mint if move.kind is not MoveKind.RECLAIM else SOL
        if move.wallet_id == book.wallet.id:
            may_be_gone(mint, lost_by_sender)
            may_be_gone(SOL, _costs_max(move))
        if move.to_wallet == book.wallet.id:
            may_be_gone(mint, lost_by_receiver)
    return missing_max


def _moves_under_way(state: State) -> Iterator[tuple[Move, int, int]]:
    """Each move with the units that its sender may already have lost and that its receiver may lose again by a fork."""
    for known in state.open_moves.values():
        if known.ticket is not None:
            yield known.move, known.move.money.units, 0
    for booked in state.provisional_moves.values():
        filled = booked.outcome if isinstance(booked.outcome, Filled) else None
        yield booked.move, 0 if filled else booked.move.money.units, filled.received_units if filled else 0


def _costs_max(work: Work) -> int:
    return work.fee_max_lamports + work.rent_max_lamports


def _hold_for_deficit(
    state: State, book: WalletBook, record: RecordBalances, mint: Mint, at_ns: int
) -> Iterator[Event]:
    cause = deficit_cause(book.wallet.id)
    if cause not in state.holds:
        books, chain = state.ledger.owned(book.accounts, mint), record.balances.get(mint, 0)
        reason = (
            f"wallet {book.wallet.id} has {chain} base units of {mint} on the chain and {books} in the books, "
            f"{books - chain} are missing: a stolen key, a second host, or a transfer by hand"
        )
        yield HoldAdded(Scope(), Hold(cause, reason, at_ns))


def _deposit(state: State, book: WalletBook, mint: Mint, units: int, slot: int) -> Iterator[Event]:
    """A token without a price is not booked yet: its cost would be unknown."""
    desk = state.settings
    listed = mint in (SOL, desk.quote.mint) or mint in desk.tokens
    if not listed or (mint not in (SOL, desk.quote.mint) and mint not in state.marks):
        return
    deposit_id = DepositId(f"chain:{book.wallet.id}:{slot}:{mint}")
    if deposit_id not in state.deposits:
        yield Deposited(deposit_id, book.wallet.id, Money(units, mint), to_float=mint == SOL)
