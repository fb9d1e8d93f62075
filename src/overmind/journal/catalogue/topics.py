"""What the catalogue files an entry under: topics that people ask for, and the order or move that it goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.brief_refusals import codes_of
from overmind.core.model.events import (
    AccountsFlagged,
    BalanceAdjusted,
    CloseCancelled,
    CloseOrdered,
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
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WalletConfigured,
    WorkEvent,
)
from overmind.core.model.ids import OrderId, SignalId, WalletId
from overmind.core.model.signal import Signal

ORDERS: Final = "order"  # of a wallet and of a token, each of them or any
MOVES: Final = "move"  # likewise
REFUSALS: Final = "refusal"  # with a code, or with any
SIGNALS: Final = "signal"  # of a strategy, or of any: the first decision on each
MOVE_LIFE: Final = "life of"  # all entries of a move
KINDS: Final = "kind"  # of SELDOM, by its name
OF_WALLET: Final = "wallet"  # of SELDOM, by the wallet that it is about
OF_SOURCE: Final = "source"  # all entries that concern a source
# What people do and what holds the desk: few among many entries, so a search through the journal would not end.
SELDOM: Final[frozenset[type[Event]]] = frozenset(
    (
        *(DeskFounded, DeskConfigured, WalletConfigured, Deposited, PriceAccepted, HoldAdded, HoldLifted),
        *(BalanceAdjusted, HistoryAccepted, LiquidationOrdered, CloseOrdered, CloseCancelled, DustWrittenOff),
        *(LimitsChanged, MintsChanged, MintAdmitted, MintRefused, MintForgotten, AccountsFlagged, OperatorActed),
        LearnerModeChanged,
    )
)
ANY: Final = ""


def topic(kind: str, *parts: str) -> str:
    return "\n".join((kind, *parts))


def topics_of(event: Event) -> Iterator[str]:
    """The topics of an event that people ask for, each once."""
    match event:
        case OrderPlaced(signal=signal, order=order):
            for wallet in (ANY, order.wallet_id):
                yield topic(ORDERS, wallet, ANY)
                yield topic(ORDERS, wallet, order.mint)
            if order.part == order.attempt == 0:
                yield from _of_signal(signal)
        case MovePlaced(move=move):
            for wallet in (ANY, *move.wallets):
                yield topic(MOVES, wallet, ANY)
                yield topic(MOVES, wallet, move.money.mint)
        case SignalRefused(signal=signal) as refused:
            yield topic(REFUSALS, ANY)
            for code in codes_of(refused):
                yield topic(REFUSALS, code)
            yield from _of_signal(signal)
        case SignalRecorded(signal=signal):
            yield from _of_signal(signal)
        case _ if type(event) in SELDOM:
            yield topic(KINDS, type(event).__name__)
            if wallet_id := _wallet_of(event):
                yield topic(OF_WALLET, wallet_id)
        case _:
            pass  # Nobody asks for the other kinds by themselves.


def _wallet_of(event: Event) -> WalletId | None:
    """None: it is about no wallet by itself."""
    match event:
        case HoldAdded(scope=scope) | HoldLifted(scope=scope):
            return scope.wallet_id
        case WalletConfigured(wallet=wallet):
            return wallet.id
        case (
            Deposited(wallet_id=wallet_id)
            | BalanceAdjusted(wallet_id=wallet_id)
            | HistoryAccepted(wallet_id=wallet_id)
            | CloseOrdered(wallet_id=wallet_id)
            | CloseCancelled(wallet_id=wallet_id)
            | DustWrittenOff(wallet_id=wallet_id)
            | LimitsChanged(wallet_id=wallet_id)
            | AccountsFlagged(wallet_id=wallet_id)
        ):
            return wallet_id
        case _:
            return None


def _of_signal(signal: Signal) -> Iterator[str]:
    yield topic(SIGNALS, ANY)
    yield topic(SIGNALS, signal.strategy)


def work_of(event: WorkEvent) -> OrderId:
    """The order or move that this event tells of."""
    match event:
        case OrderPlaced(order=order):
            return order.id
        case MovePlaced(move=move):
            return move.id
        case (
            TicketRecorded(order_id=work_id)
            | OrderLandedOtherwise(order_id=work_id)
            | OrderTakenFromChain(order_id=work_id)
            | OrderClosed(order_id=work_id)
            | OrderFinal(order_id=work_id)
            | OrderRolledBack(order_id=work_id)
            | MoveClosed(move_id=work_id)
            | MoveFinal(move_id=work_id)
            | MoveRolledBack(move_id=work_id)
        ):
            return work_id


def signal_of(work_id: OrderId) -> SignalId | None:
    """The signal of an order, whose id ends with the numbers of its part and its attempt; None: it is a move."""
    signal_id, *numbers = work_id.rsplit(".", 2)
    return SignalId(signal_id) if len(numbers) == 2 and all(map(str.isdecimal, numbers)) else None
