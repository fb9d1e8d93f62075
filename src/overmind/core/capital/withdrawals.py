"""Withdrawals out of the desk: to a listed address, within the daily cap, after a delay in which they can be cancelled.

The amount is held from the request on. `control/sending.py` decides what rejects a withdrawal and what makes it wait.
After a rejection the operator must ask again.

See specification §10.9.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.state import State, WithdrawalRecord
from overmind.core.books.trust import fresh_price_pico
from overmind.core.capital.transfers import costs_lamports, free_units, notional_micros
from overmind.core.control.holds import holds_on_moves, known_wallets
from overmind.core.control.sending import why_not_paid
from overmind.core.model.commands import CancelMove, CommandRefused, Withdraw
from overmind.core.model.enums import MoveKind
from overmind.core.model.events import MoveClosed, MovePlaced
from overmind.core.model.ids import OWN, SOL, OrderId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Move
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import MICROS, NS

SIGNED_WITHIN_NS: Final = 3_600 * NS  # after it comes due: a desk that was down for longer does not pay old requests


def move_id_of(request_id: str) -> OrderId:
    return OrderId(f"move:{MoveKind.WITHDRAWAL}:{request_id}")


def withdraw(state: State, command: Withdraw, at_ns: int) -> Iterator[MovePlaced]:
    """Raises CommandRefused with all reasons at once. A repeated request places nothing."""
    known = state.withdrawals.get(command.request_id)
    if known is not None:
        _check_repeated(command, known)
        return
    problems = list(_problems(state, command, at_ns))
    if problems:
        raise CommandRefused(f"no withdrawal: {'; '.join(problems)}")
    desk = state.settings
    fee, rent = costs_lamports(state, None, command.money.mint)
    not_before_ns = at_ns + desk.withdraw_delay_ns
    yield MovePlaced(
        Move(
            id=move_id_of(command.request_id),
            kind=MoveKind.WITHDRAWAL,
            wallet_id=command.wallet_id,
            money=command.money,
            to_address=command.to_address,
            to_wallet=None,
            notional_micros=notional_micros(state, command.money) or 0,
            fee_max_lamports=fee,
            rent_max_lamports=rent,
            placed_ns=at_ns,
            not_before_ns=not_before_ns,
            expires_at_ns=not_before_ns + SIGNED_WITHIN_NS,
            reason=command.reason,
        )
    )


def _check_repeated(command: Withdraw, known: WithdrawalRecord) -> None:
    """Raises CommandRefused unless the request is identical and was paid or still may be paid."""
    name, money = command.request_id, known.money
    if (known.wallet_id, money, known.to_address) != (command.wallet_id, command.money, command.to_address):
        first = f"{money.units} base units of {money.mint} from {known.wallet_id} to {known.to_address}"
        raise CommandRefused(f"request {name} was for {first}: use another id for another withdrawal")
    check_unended(name, known.outcome)


def check_unended(name: str, outcome: Outcome | None) -> None:
    """Raises CommandRefused if the withdrawal ended without payment."""
    match outcome:
        case Rejected(cause=cause, detail=detail):
            end = f"rejected, {cause} {detail}".strip()
        case Failed(cause=cause, detail=detail):
            end = f"failed on the chain, {cause} {detail}".strip()
        case Expired():
            end = "expired: it never landed"
        case Filled() | None:
            return
    raise CommandRefused(f"request {name} ended without payment ({end}): ask again with another --id")


def _problems(state: State, command: Withdraw, at_ns: int) -> Iterator[str]:
    desk, book, money = state.settings, state.wallets.get(command.wallet_id), command.money
    if not command.request_id or OWN in command.request_id:
        yield f"the request id must not be blank or contain {OWN!r}"
    if not command.reason.strip():
        yield "a blank reason: say why; it is journaled"
    if command.to_address not in desk.withdraw_addresses:
        yield f"{command.to_address} is not in OVERMIND_WITHDRAW_ADDRESSES"
    if (own := _wallet_at(state, command.to_address)) is not None:  # The payment would return as a deposit.
        yield f"{command.to_address} is the desk's own wallet {own}: rebalance instead"
    if held := holds_on_moves(state.holds):
        yield f"the portfolio is held by {', '.join(held)}"
    if money.mint not in (SOL, desk.quote.mint):
        yield f"only {desk.quote.symbol} and SOL leave the desk: sell {money.mint} first"
    elif book is None:
        yield f"no wallet {command.wallet_id!r}; known: {known_wallets(state)}"
    else:
        yield from _amount_problems(state, command, at_ns)
    if book is not None and (held := holds_on_moves(book.holds)):
        yield f"wallet {command.wallet_id} is {book.status}: {', '.join(held)}"


def _wallet_at(state: State, address: str) -> WalletId | None:
    return next((book.wallet.id for book in state.wallets.values() if book.wallet.public_key == address), None)


def _amount_problems(state: State, command: Withdraw, at_ns: int) -> Iterator[str]:
    desk, money, book = state.settings, command.money, state.wallets[command.wallet_id]
    free = free_units(state, book, money.mint)
    lamports = sum(costs_lamports(state, None, money.mint)) + desk.reserve_float_lamports
    if money.units <= 0:
        yield f"{money.units} base units; a withdrawal is positive"
    if money.units > free:
        yield f"{command.wallet_id} has {free} base units of {money.mint} free, not {money.units}"
    if lamports + (money.units if money.mint == SOL else 0) > free_units(state, book, SOL):
        yield f"{lamports} lamports must stay in {command.wallet_id} for the fee and the float"
    worth = _worth_micros(state, money, at_ns)
    if worth is None:
        yield "SOL has no fresh price, so the day's cap cannot be checked"
    elif state.withdrawn_today_micros + worth > desk.withdraw_day_max_micros:
        asked, cap = (
            micros / MICROS for micros in (state.withdrawn_today_micros + worth, desk.withdraw_day_max_micros)
        )
        yield f"today's withdrawals would be ${asked:,.2f}, OVERMIND_WITHDRAW_DAY_MAX_USD allows ${cap:,.2f}"


def _worth_micros(state: State, money: Money, at_ns: int) -> int | None:
    unknown = fresh_price_pico(state, SOL, at_ns) is None
    return None if money.mint == SOL and unknown else notional_micros(state, money)


def end_unpaid(state: State) -> Iterator[MoveClosed]:
    """Closes rejected withdrawals as soon as a hold or the settings change: the cause may be gone before the next
    check.
    """
    for known in list(state.open_moves.values()):
        if known.ticket is None and (why := why_not_paid(state, known.move)) is not None:
            yield MoveClosed(known.move.id, why)


def cancel(state: State, command: CancelMove) -> Iterator[MoveClosed]:
    """Cancels a move that has no ticket. Raises CommandRefused otherwise: a signed transaction may land."""
    known = state.open_moves.get(command.move_id)
    if known is None:
        waiting = ", ".join(sorted(state.open_moves)) or "none"
        raise CommandRefused(f"no open move {command.move_id!r}; open: {waiting}")
    if known.ticket is not None:
        raise CommandRefused(f"{command.move_id} is signed and may still land, so it cannot be cancelled")
    yield MoveClosed(command.move_id, Rejected(Cause.CANCELLED, command.reason))
