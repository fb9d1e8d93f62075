"""What the catalogue files an entry under: topics that people ask for, and the order or move that it goes on with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from overmind.core.books.brief_refusals import codes_of
from overmind.core.model.events import (
    Event,
    MoveClosed,
    MoveFinal,
    MovePlaced,
    MoveRolledBack,
    OrderClosed,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
    WorkEvent,
)
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.signal import Signal

ORDERS: Final = "order"  # of a wallet and of a token, each of them or any
MOVES: Final = "move"  # likewise
REFUSALS: Final = "refusal"  # with a code, or with any
SIGNALS: Final = "signal"  # of a strategy, or of any: the first decision on each
MOVE_LIFE: Final = "life of"  # all entries of a move
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
        case _:
            pass  # Nobody asks for the other kinds by themselves.


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
