"""Moves of capital in the books: held at placement, booked as they went, undone if a fork undid them.

A move between two wallets of ours is no gain, no loss and no deposit: only its fee and rent cost something. A
withdrawal is a deposit backwards. What is moved is quote currency, or SOL of the float.
"""

from __future__ import annotations

from msgspec.structs import replace

from overmind.core.books.aggregates import realise, refresh_equity
from overmind.core.books.book import OpenMove, ProvisionalMove, Trying, WalletBook
from overmind.core.books.ledger import DEPOSITS, FEES, RENT
from overmind.core.books.realised import Costs
from overmind.core.books.settle.capital import capital_changed
from overmind.core.books.settle.close import pay_costs
from overmind.core.books.settle.retries import schedule_retry
from overmind.core.books.settle.suspense import make_good, take_back
from overmind.core.books.state import State, WithdrawalRecord
from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.order import Move
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import DAY_NS


def place_move(state: State, move: Move) -> None:
    """Holds the amount, the fee, and the rent of the receiver's account."""
    state.open_moves[move.id] = OpenMove(move)
    state.moves_placed += 1
    book = state.wallets[move.wallet_id]
    accounts, ledger = book.accounts, state.ledger
    ledger.transfer(
        move.money.units,
        move.money.mint,
        move_account(book, move.money.mint),
        _held_account(book, move.money.mint),
    )
    ledger.transfer(_costs_max(move), SOL, accounts.sol_float, accounts.sol_float_held)
    match move.kind:
        case MoveKind.REBALANCE:
            state.rebalanced_ns = state.at_ns
        case MoveKind.WITHDRAWAL:
            state.withdrawals[request_id_of(move)] = WithdrawalRecord(move.wallet_id, move.money, move.to_address)
            state.withdrawn_today_micros += move.notional_micros
        case MoveKind.RECLAIM:  # A later buy of the token reserves the rent of a new account.
            book.token_accounts.discard(move.money.mint)
            book.empty_since_ns.pop(move.money.mint, None)
        case MoveKind.SWEEP | MoveKind.TOP_UP:
            _trying(state, move).open = True
    _changed(state, book, move.money.mint)


def request_id_of(move: Move) -> str:
    """The request id of a withdrawal."""
    return move.id.split(":", 2)[2]


def close_move(state: State, move_id: OrderId, outcome: Outcome, provisional: bool) -> None:
    known = state.open_moves.pop(move_id)
    move = known.move
    book = state.wallets[move.wallet_id]
    state.ledger.transfer(
        move.money.units,
        move.money.mint,
        _held_account(book, move.money.mint),
        move_account(book, move.money.mint),
    )
    state.ledger.transfer(_costs_max(move), SOL, book.accounts.sol_float_held, book.accounts.sol_float)
    costs_micros = _book(state, book, move, outcome)
    if provisional:
        assert isinstance(outcome, Filled | Failed), (known, outcome)
        assert known.ticket is not None, known
        state.provisional_moves[move_id] = ProvisionalMove(move, known.ticket, outcome, costs_micros)
    if move.kind.protects:
        schedule_retry(state, _trying(state, move), outcome)
    if not provisional:
        _end(state, move, outcome)
    _settled(state, move)


def finalise_move(state: State, move_id: OrderId) -> None:
    """Makes a move final, for all wallets in it."""
    known = state.provisional_moves.pop(move_id)
    _end(state, known.move, known.outcome)
    for wallet_id in _parties(known.move):
        state.wallets[wallet_id].booked_seq = state.seq


def _end(state: State, move: Move, outcome: Outcome) -> None:
    """Ends a move for good. A failed withdrawal no longer counts against the cap of its day."""
    if move.kind is not MoveKind.WITHDRAWAL:
        return
    asked = state.withdrawals[request_id_of(move)]
    state.withdrawals[request_id_of(move)] = replace(asked, outcome=outcome)
    if not isinstance(outcome, Filled) and move.placed_ns // DAY_NS == state.day:
        state.withdrawn_today_micros -= move.notional_micros


def roll_back_move(state: State, move_id: OrderId, outcome: Outcome) -> None:
    """Undoes the booked outcome, then books the outcome that replaced it."""
    known = state.provisional_moves.pop(move_id)
    move = known.move
    book = state.wallets[move.wallet_id]
    fee, rent = known.outcome.fee_lamports, _rent_paid(move, known.outcome)
    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)
    realise(state, book, Costs(book.wallet.id, -fee, -rent, -known.costs_micros))
    if isinstance(known.outcome, Filled):
        state.ledger.transfer(known.outcome.rent_lamports, SOL, RENT, book.accounts.sol_float)
        _unmove(state, book, move, known.outcome)
    _book(state, book, move, outcome)
    _end(state, move, outcome)
    _settled(state, move)


def _book(state: State, book: WalletBook, move: Move, outcome: Outcome) -> int:
    """Books the change of balances. Returns the net cost."""
    if isinstance(outcome, Filled | Failed):
        book.booked_slot = max(book.booked_slot, outcome.slot)
    costs = 0
    match outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent):
            costs = pay_costs(state, book, fee, rent) - _move(state, book, move, outcome)
        case Failed(fee_lamports=fee):
            costs = pay_costs(state, book, fee, 0)
        case Expired() | Rejected():
            pass  # It never landed, so it cost nothing.
    if move.kind is MoveKind.RECLAIM and not isinstance(outcome, Filled):  # The account still exists.
        book.token_accounts.add(move.money.mint)
        book.empty_since_ns[move.money.mint] = state.at_ns
    return costs


def _move(state: State, book: WalletBook, move: Move, fill: Filled) -> int:
    """Books the transfer. Returns the gain: rent that comes back."""
    if move.kind is MoveKind.RECLAIM:
        state.ledger.transfer(fill.received_units, SOL, RENT, book.accounts.sol_float)
        gain = state.sol_value_micros_down(fill.received_units)
        realise(state, book, Costs(book.wallet.id, 0, -fill.received_units, -gain))
        return gain
    assert fill.spent_units == fill.received_units == move.money.units, (move, fill)
    mint, units = move.money.mint, move.money.units
    if move.to_wallet is None:
        refresh_equity(state, book)
        equity_before = state.equity_micros
        take_back(state, book, mint, units, move_account(book, mint), DEPOSITS)
        capital_changed(state, book, mint, equity_before)
        return 0
    receiver = state.wallets[move.to_wallet]
    take_back(state, book, mint, units, move_account(book, mint), move_account(receiver, mint))
    receiver.token_accounts.add(mint)
    receiver.booked_slot = max(receiver.booked_slot, fill.slot)
    return 0


def _rent_paid(move: Move, outcome: Filled | Failed) -> int:
    """Rent paid, minus rent that came back."""
    if not isinstance(outcome, Filled):
        return 0
    return outcome.rent_lamports - (outcome.received_units if move.kind is MoveKind.RECLAIM else 0)


def _unmove(state: State, book: WalletBook, move: Move, fill: Filled) -> None:
    mint, units = move.money.mint, fill.received_units
    if move.kind is MoveKind.RECLAIM:
        take_back(state, book, SOL, units, book.accounts.sol_float, RENT)
    elif move.to_wallet is None:
        refresh_equity(state, book)
        equity_before = state.equity_micros
        state.ledger.transfer(units, mint, DEPOSITS, move_account(book, mint))
        capital_changed(state, book, mint, equity_before)
    else:
        receiver = state.wallets[move.to_wallet]
        if fill.rent_lamports:
            receiver.token_accounts.discard(mint)
        take_back(state, receiver, mint, units, move_account(receiver, mint), move_account(book, mint))


def move_account(book: WalletBook, mint: Mint) -> str:
    """The account that a move takes from and brings to."""
    return book.accounts.sol_float if mint == SOL else book.accounts.free


def _held_account(book: WalletBook, mint: Mint) -> str:
    return book.accounts.sol_float_held if mint == SOL else book.accounts.held


def _costs_max(move: Move) -> int:
    return move.fee_max_lamports + move.rent_max_lamports


def _trying(state: State, move: Move) -> Trying:
    """A top-up counts as a try of the receiving wallet."""
    if move.kind is MoveKind.SWEEP:
        return state.wallets[move.wallet_id].sweep
    assert move.to_wallet is not None, move
    return state.wallets[move.to_wallet].top_up


def _parties(move: Move) -> dict[WalletId, None]:
    return dict.fromkeys((move.wallet_id, move.to_wallet or move.wallet_id))


def _settled(state: State, move: Move) -> None:
    for wallet_id in _parties(move):
        book = state.wallets[wallet_id]
        book.booked_seq = state.seq
        make_good(state, book)
        _changed(state, book, move.money.mint)


def _changed(state: State, book: WalletBook, mint: Mint) -> None:
    refresh_equity(state, book)
    state.touched.append((book.wallet.id, mint, None))
