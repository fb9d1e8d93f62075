"""What the journal says of a command that somebody gave: its name, what it is about, and why."""

from __future__ import annotations

from typing import assert_never

from overmind.core.model.commands import (
    AcceptBalances,
    AcceptHistory,
    AcceptPrice,
    AddHold,
    BookFromChain,
    CancelClose,
    CancelMove,
    ChangeLearnerMode,
    ChangeLimits,
    ChangeMints,
    ClosePosition,
    EmergencyStop,
    LiftHold,
    OperatorCommand,
    ReactivateWallet,
    Rebalance,
    TrustClock,
    Withdraw,
    WriteOff,
)
from overmind.core.model.controls import Scope
from overmind.core.model.events import OperatorActed


def acted(command: OperatorCommand, by: str) -> OperatorActed:
    reason = command.found.reason if isinstance(command, AcceptHistory) else command.reason
    return OperatorActed(by, type(command).__name__, _about(command), reason)


def _about(command: OperatorCommand) -> str:
    match command:
        case ClosePosition(wallet_id=wallet, mint=mint) | CancelClose(wallet_id=wallet, mint=mint):
            return f"{wallet} {mint}"
        case WriteOff(wallet_id=wallet, mint=mint):
            return f"{wallet} {mint}"
        case ChangeLimits(wallet_id=wallet) | ReactivateWallet(wallet_id=wallet) | AcceptBalances(wallet_id=wallet):
            return wallet
        case AcceptHistory(found=found):
            return found.wallet_id
        case Withdraw(wallet_id=wallet, request_id=request):
            return f"{wallet} {request}"
        case CancelMove(move_id=move):
            return move
        case BookFromChain(order_id=order):
            return order
        case AcceptPrice(mint=mint):
            return mint
        case ChangeLearnerMode(mode=mode):
            return mode.value
        case ChangeMints(verb=verb, mint=changed):
            return f"{verb.value} {changed or ''}".strip()
        case AddHold(scope=scope, cause=cause) | LiftHold(scope=scope, cause=cause):
            return f"{_of_scope(scope)} {cause}".strip()
        case EmergencyStop() | TrustClock() | Rebalance():
            return ""
        case _:
            assert_never(command)


def _of_scope(scope: Scope) -> str:
    return scope.wallet_id or (scope.strategy.value if scope.strategy is not None else "")
