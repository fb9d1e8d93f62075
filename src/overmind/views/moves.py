"""Moves of capital for operators: reads what they type, and shows plans and moves, with USD as floats for display."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from overmind.core.books.book import OpenMove
from overmind.core.books.state import SOL_DECIMALS, State
from overmind.core.capital.rebalance import Plan
from overmind.core.capital.withdrawals import check_unended, move_id_of
from overmind.core.control.sending import Wait, held_by, may_send
from overmind.core.model.commands import Withdraw
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import (
    Entry,
    Event,
    MoveClosed,
    MoveEvent,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    TicketRecorded,
)
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.numbers import BadNumber, decimal_of, number, scaled, shown, written
from overmind.core.model.order import Move
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import LAMPORTS, NS
from overmind.core.model.value import Value
from overmind.text.amount import Amount
from overmind.views.amounts import usd_of

AMOUNT_MAX: Final = 10**18  # whole tokens


class BadWithdrawal(Exception):
    """A withdrawal request that cannot be read: the problem and how to fix it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}; {fix}")
        self.problem = problem
        self.fix = fix


class MoveRow(Value, frozen=True):
    move_id: OrderId
    kind: str
    wallet_id: WalletId
    to: str  # one of our wallets, or an external address
    amount: str  # whole tokens, exactly
    symbol: str
    notional_usd: Amount
    state: str  # waits, placed, signed, filled, failed, expired, rejected
    detail: str
    reason: str
    not_before: str  # ISO 8601, UTC
    provisional: bool = False


class WithdrawalRow(Value, frozen=True):
    """The answer to a withdrawal."""

    move_id: OrderId
    known: bool  # the same request came before
    state: str  # waits, placed, signed, filled, or failed while a fork may still undo that


class WalletTargetRow(Value, frozen=True):
    wallet_id: WalletId
    equity_usd: Amount
    target_usd: Amount
    off_usd: Amount
    part: str
    why: str


class TransferRow(Value, frozen=True):
    wallet_id: WalletId
    to_wallet: WalletId
    amount_usd: Amount
    cost_bps: int
    reason: str


class PlanReport(Value, frozen=True):
    due: bool
    why_not: str
    wallets: tuple[WalletTargetRow, ...]
    transfers: tuple[TransferRow, ...]
    left_out: tuple[str, ...]
    cost_usd: Amount


def plan_report(plan: Plan) -> PlanReport:
    return PlanReport(
        due=plan.due,
        why_not=plan.why_not,
        wallets=tuple(
            WalletTargetRow(
                one.wallet_id,
                usd_of(one.equity_micros),
                usd_of(one.target_micros),
                usd_of(one.excess_micros),
                one.part.value,
                one.why,
            )
            for one in plan.standings
        ),
        transfers=tuple(
            TransferRow(leg.wallet_id, leg.to_wallet, usd_of(leg.micros), leg.cost_bps, leg.reason) for leg in plan.legs
        ),
        left_out=plan.left_out,
        cost_usd=usd_of(plan.cost_micros),
    )


def withdrawal(
    desk: Desk, wallet_id: str, amount: object, token: str, to: str, reason: str, request_id: str | None
) -> Withdraw:
    """Without a request id, the id is a hash of the content, so repeating a request repeats no payment.

    Raises BadWithdrawal."""
    known = _token_of(desk, token)
    if known is None:
        raise BadWithdrawal(
            f"{token!r} cannot be withdrawn", f"name {desk.quote.symbol} or SOL; sell other tokens first"
        )
    units = _units(amount, known)
    content = f"{wallet_id}:{units}:{known.mint}:{to}:{reason}"
    named = request_id if request_id is not None else blake2b(content.encode(), digest_size=8).hexdigest()
    return Withdraw(named, WalletId(wallet_id), Money(units, known.mint), to, reason)


def _units(amount: object, token: Token) -> int:
    """Raises BadWithdrawal."""
    read = number(amount)
    if isinstance(read, BadNumber):
        raise BadWithdrawal(read.problem, read.fix)
    if not 0 < read <= AMOUNT_MAX:
        raise BadWithdrawal(f"{shown(amount)} is no amount", "write a positive number of whole tokens, such as 250.5")
    units = scaled(read, token.decimals)
    if units is None:
        how = f"write at most {token.decimals} decimals"
        raise BadWithdrawal(f"{shown(amount)} has more digits than {token.symbol}", how)
    return units


def placed_moves(events: Iterable[Event]) -> list[OrderId]:
    return [event.move.id for event in events if isinstance(event, MovePlaced)]


def _token_of(desk: Desk, named: str) -> Token | None:
    native = Token("SOL", SOL, SOL_DECIMALS)
    return next((one for one in (desk.quote, native) if named == one.mint or named.upper() == one.symbol.upper()), None)


def open_moves(state: State, now_ns: int) -> list[MoveRow]:
    return [_open_row(state, known, now_ns) for known in state.open_moves.values()]


def _open_row(state: State, known: OpenMove, now_ns: int) -> MoveRow:
    desk, move, held = state.settings, known.move, held_by(state, known.move)
    if known.ticket is not None:
        return _row(desk, move, "signed", known.ticket.signature)
    shown = "waits" if isinstance(may_send(state, move, now_ns, stop_file=False), Wait) else "placed"
    return _row(desk, move, shown, f"held by {', '.join(held)}" if held else "")


def withdrawal_row(state: State, command: Withdraw, known: bool, now_ns: int) -> WithdrawalRow:
    """The state of a withdrawal right after it was requested, for the first time or again.

    Raises CommandRefused if it ended without a payment."""
    move_id = move_id_of(command.request_id)
    if (open_move := state.open_moves.get(move_id)) is not None:
        return WithdrawalRow(move_id, known, _open_row(state, open_move, now_ns).state)
    if (booked := state.provisional_moves.get(move_id)) is not None:
        return WithdrawalRow(move_id, known, _word(booked.outcome))
    outcome = state.withdrawals[command.request_id].outcome
    check_unended(command.request_id, outcome)
    return WithdrawalRow(move_id, known, _word(outcome))


def closed_moves(entries: Iterable[Entry], desk: Desk) -> list[MoveRow]:
    """Closed ones that were placed and closed within these entries, with their current outcome, in order of placing."""
    placed: dict[OrderId, Move] = {}
    ended: dict[OrderId, MoveClosed] = {}
    for event in (entry.event for entry in entries):
        if not isinstance(event, MoveEvent):
            continue
        match event:
            case MovePlaced(move=move):
                placed[move.id] = move
            case TicketRecorded():
                pass  # Signed, and not ended yet.
            case MoveClosed(move_id=move_id) as end:
                ended[move_id] = end
            case MoveFinal(move_id=move_id):
                if move_id in ended:
                    ended[move_id] = MoveClosed(move_id, ended[move_id].outcome)
            case MoveRolledBack(move_id=move_id, outcome=outcome):
                ended[move_id] = MoveClosed(move_id, outcome)
    return [_closed_row(desk, move, ended[move.id]) for move in placed.values() if move.id in ended]


def _closed_row(desk: Desk, move: Move, end: MoveClosed) -> MoveRow:
    return _row(desk, move, _word(end.outcome), _detail(end.outcome), end.provisional)


def _word(outcome: Outcome | None) -> str:
    return type(outcome).__name__.lower()


def _detail(outcome: Outcome) -> str:
    match outcome:
        case Filled(fee_lamports=fee, rent_lamports=rent):
            return f"fee {fee / LAMPORTS:.6f} SOL" + (f", rent {rent / LAMPORTS:.6f} SOL" if rent else "")
        case Failed(cause=cause, detail=detail) | Rejected(cause=cause, detail=detail):
            return f"{cause.value} {detail}".strip()
        case Expired():
            return ""


def _row(desk: Desk, move: Move, shown: str, detail: str, provisional: bool = False) -> MoveRow:
    token = _token(desk, move.money.mint)
    return MoveRow(
        move_id=move.id,
        kind=move.kind.value,
        wallet_id=move.wallet_id,
        to=move.to_wallet or move.to_address,
        amount=written(decimal_of(move.money.units, token.decimals).normalize()),
        symbol=token.symbol,
        notional_usd=usd_of(move.notional_micros),
        state=shown,
        detail=detail,
        reason=move.reason,
        not_before=datetime.fromtimestamp(move.not_before_ns / NS, UTC).isoformat(timespec="seconds"),
        provisional=provisional,
    )


def _token(desk: Desk, mint: Mint) -> Token:
    """A token that is no longer listed has its mint as symbol."""
    if mint == SOL:
        return Token("SOL", SOL, SOL_DECIMALS)
    return desk.quote if mint == desk.quote.mint else desk.tokens.get(mint, Token(mint, mint, 0))
