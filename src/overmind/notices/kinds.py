"""Which kind of notice tells of an entry. The match is exhaustive: a new event is told, or left out on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from overmind.config.notice_kinds import NoticeKind
from overmind.core.books.wallet_limits import REMOVED, RESTORED
from overmind.core.control.balances import QUARANTINE, is_of_chain
from overmind.core.control.breakers import DAY_LOSS, DEPEG, DRAWDOWN, EMERGENCY, LOSS_STREAK
from overmind.core.control.holds import DAY_TRADES, DISK_FULL, EDITED, OF_STATUS, OPERATOR
from overmind.core.model.commands import OperatorCommand
from overmind.core.model.controls import CLOCK
from overmind.core.model.enums import MoveKind
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
    Event,
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
from overmind.core.model.ids import OrderId, SignalId, is_own
from overmind.core.model.outcome import Filled

# Causes of holds. One that is not here is told as `hold`.
CAUSES: Final[Mapping[str, NoticeKind]] = {
    EMERGENCY: NoticeKind.STOP,
    QUARANTINE: NoticeKind.QUARANTINE,
    RESTORED: NoticeKind.HISTORY,
    EDITED: NoticeKind.HISTORY,
    DISK_FULL: NoticeKind.DISK,
    CLOCK: NoticeKind.CLOCK,
    DEPEG: NoticeKind.PEG,
    DAY_LOSS: NoticeKind.DAY_LOSS,
    DRAWDOWN: NoticeKind.DRAWDOWN,
    LOSS_STREAK: NoticeKind.LIMIT,
    DAY_TRADES: NoticeKind.LIMIT,
    OPERATOR: NoticeKind.PAUSE,
    REMOVED: NoticeKind.HOLD,
    **dict.fromkeys(OF_STATUS, NoticeKind.HOLD),
}
COMMANDS: Final = frozenset(command.__name__ for command in get_args(OperatorCommand))
_WITHDRAWAL: Final = f"move:{MoveKind.WITHDRAWAL.value}:"


def kind_of(event: Event) -> NoticeKind | None:
    """None: nobody is told. What an operator wants to know of it stands in another event."""
    match event:  # What comes most often stands first.
        case TicketRecorded() | PricesMoved() | PricesMarked() | BalancesChecked() | OrderFinal() | MoveFinal():
            return None  # Steps of what is told when it begins and when it ends.
        case OrderPlaced(order=order):
            if not is_own(order.signal_id):
                return NoticeKind.ORDER
            return NoticeKind.EXIT if order.is_urgent else NoticeKind.MOVE  # The desk buys SOL for fees.
        case OrderClosed(order_id=order_id, outcome=outcome):
            return _kind_of_end(order_id, isinstance(outcome, Filled))
        case HoldAdded(hold=hold):
            return kind_of_hold(hold.cause)
        case HoldLifted(cause=cause):
            return NoticeKind.REACTIVATED if cause == EMERGENCY else NoticeKind.LIFTED
        case LiquidationOrdered():
            return NoticeKind.LIQUIDATION
        case OrderLandedOtherwise():
            return NoticeKind.LANDED_OTHERWISE
        case OrderRolledBack() | MoveRolledBack():
            return NoticeKind.ROLLBACK
        case MovePlaced(move=move):
            return _kind_of_move(move.id, failed=False)
        case MoveClosed(move_id=move_id, outcome=outcome):
            return _kind_of_move(move_id, failed=not isinstance(outcome, Filled))
        case CloseOrdered() | CloseCancelled():
            return NoticeKind.CLOSE
        case Deposited():
            return NoticeKind.DEPOSIT
        case BalanceAdjusted() | HistoryAccepted() | DustWrittenOff() | OrderTakenFromChain():
            return NoticeKind.BOOKS
        case OperatorActed(action=action):
            return NoticeKind.OPERATOR if action in COMMANDS else NoticeKind.ACCESS
        case LimitsChanged() | MintsChanged() | PriceAccepted():
            return NoticeKind.LIMITS_CHANGED
        case LearnerModeChanged():
            return NoticeKind.LEARNER
        case MintAdmitted() | MintRefused() | MintForgotten():
            return NoticeKind.MINT
        case AccountsFlagged():
            return NoticeKind.ACCOUNTS
        case SignalRefused() | SignalRecorded():
            return NoticeKind.REFUSAL
        case DeskConfigured() | WalletConfigured():
            return NoticeKind.SETTINGS
        case DayRolled():
            return NoticeKind.DAY
        case DeskFounded():
            return NoticeKind.SERVICE


def kind_of_hold(cause: str) -> NoticeKind:
    if cause != QUARANTINE and is_of_chain(cause):
        return NoticeKind.THEFT
    return CAUSES.get(cause, NoticeKind.HOLD)


def _kind_of_end(order_id: OrderId, filled: bool) -> NoticeKind:
    if filled:
        return NoticeKind.FILL
    return NoticeKind.EXIT_FAILED if is_own(SignalId(order_id)) else NoticeKind.ORDER_FAILED


def _kind_of_move(move_id: OrderId, failed: bool) -> NoticeKind:
    if move_id.startswith(_WITHDRAWAL):
        return NoticeKind.WITHDRAWAL
    return NoticeKind.MOVE_FAILED if failed else NoticeKind.MOVE
