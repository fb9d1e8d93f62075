"""Whether an order or a move may be signed or sent now, must wait, or is over: one rule for both.

A sale is always allowed, but for one case: a journal that was restored from a backup may not know that it was made.
A top-up and a sweep serve exits or bring money to safety, so they pass every other stop and end only when they expire.
A stop ends all other work. A withdrawal also ends when the settings no longer allow it or when a hold suggests theft;
any other hold makes it wait until it expires, except used-up trades of the day.

See specification §10.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State
from overmind.core.books.wallet_limits import REMOVED
from overmind.core.control.balances import is_of_chain
from overmind.core.control.holds import holds_on_moves, knows_history
from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.order import Move, Order, Work
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.value import Value

EMERGENCY: Final = "emergency"


class Send(Value, frozen=True):
    """It may be signed or sent now."""


class Wait(Value, frozen=True):
    """It must wait; ask again later."""

    reason: str
    until_ns: int | None = None  # None: until an operator lifts a hold


class Over(Value, frozen=True):
    """It must not be sent any more. If it has no ticket yet, this is its outcome."""

    outcome: Rejected


Verdict = Send | Wait | Over

SEND: Final = Send()
CANCELLED: Final = Over(Rejected(Cause.CANCELLED, "it was cancelled before it was begun"))
HISTORY_UNKNOWN: Final = Wait("the journal is an older copy or was changed: what happened is not known")
STOP_FILE: Final = Over(Rejected(Cause.STOPPED, "STOP file"))


def may_send(state: State, work: Work, now_ns: int, stop_file: bool) -> Verdict:
    """`stop_file`: whether a STOP file exists now."""
    if state.open_work(work.id) is None:
        return CANCELLED
    match work:
        case Order(side=Side.SELL):
            return SEND if knows_history(state) else HISTORY_UNKNOWN
        case Order():
            return _stopped(state, work, stop_file) or _late(work, now_ns) or SEND
        case Move(kind=MoveKind.WITHDRAWAL):
            over = why_not_paid(state, work)
            ended = Over(over) if over is not None else STOP_FILE if stop_file else None
        case Move():
            ended = None if work.kind.protects else _stopped(state, work, stop_file)
    may = SEND if knows_history(state) else HISTORY_UNKNOWN
    return ended or _late(work, now_ns, held_by(state, work)) or _not_yet(state, work, now_ns) or may


def _stopped(state: State, work: Work, stop_file: bool) -> Over | None:
    held = sorted(state.holds) if isinstance(work, Order) and work.is_entry else holds_on_moves(state.holds)
    if held:
        return Over(Rejected(Cause.STOPPED, f"portfolio stopped: {', '.join(held)}"))
    for wallet_id in work.wallets:
        if EMERGENCY in state.wallets[wallet_id].holds:
            return Over(Rejected(Cause.STOPPED, "emergency stop"))
    return STOP_FILE if stop_file else None


def _late(work: Work, now_ns: int, held: tuple[str, ...] = ()) -> Over | None:
    if now_ns < work.expires_at_ns:
        return None
    why = f"expired while held by {', '.join(held)}" if held else "the signal's time to live is over"
    return Over(Rejected(Cause.SIGNAL_EXPIRED, why))


def _not_yet(state: State, move: Move, now_ns: int) -> Wait | None:
    if now_ns < move.not_before_ns:
        return Wait("its time has not come", move.not_before_ns)
    held = held_by(state, move)
    return Wait(f"held by {', '.join(held)}") if held else None


# Withdrawals


def why_not_paid(state: State, move: Move) -> Rejected | None:
    """Why a withdrawal must be rejected now. Applies only without a ticket: a signed transaction may land anyway."""
    desk = state.settings
    if move.kind is not MoveKind.WITHDRAWAL:
        return None
    for where, cause in _holds_on(state, move):
        if cause == REMOVED:
            return Rejected(Cause.NO_KEY, f"{where} is not configured any more: nobody can sign for it")
        if _ends(cause):
            return Rejected(Cause.STOPPED, f"{where} is held by {cause}: ask again once that is lifted")
    if not desk.withdraw_day_max_micros:
        return Rejected(Cause.NOT_ALLOWED, "OVERMIND_WITHDRAW_DAY_MAX_USD is 0 now: set it, then ask again")
    if move.to_address not in desk.withdraw_addresses:
        detail = f"{move.to_address} is not in OVERMIND_WITHDRAW_ADDRESSES now: list it, then ask again"
        return Rejected(Cause.NOT_ALLOWED, detail)
    return None


def held_by(state: State, move: Move) -> tuple[str, ...]:
    """The holds that make a withdrawal wait: an operator has to look at them, but they do not reject it."""
    if move.kind is not MoveKind.WITHDRAWAL:
        return ()
    return tuple(f"{where}: {cause}" for where, cause in _holds_on(state, move) if not _ends(cause))


def _holds_on(state: State, move: Move) -> Iterator[tuple[str, str]]:
    yield from (("portfolio", cause) for cause in holds_on_moves(state.holds))
    yield from ((move.wallet_id, cause) for cause in holds_on_moves(state.wallets[move.wallet_id].holds))


def _ends(cause: str) -> bool:
    return cause in (EMERGENCY, REMOVED) or is_of_chain(cause)
