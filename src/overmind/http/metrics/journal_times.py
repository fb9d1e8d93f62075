"""How long an order takes from step to step, counted from the journal's entries as they commit."""

from __future__ import annotations

import enum
from collections import Counter, deque
from typing import Final

import msgspec

from overmind.core.books.brief_refusals import codes_of
from overmind.core.model.codes import Code
from overmind.core.model.events import (
    Answer,
    Entry,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Expired, Failed, Filled, Outcome, Rejected
from overmind.desk.engine import Engine
from overmind.desk.times import Sent, Times
from overmind.ports import Clock

MS: Final = 1_000_000
DURABLE_BOUNDS_NS: Final = (
    *(MS // 2, MS, 5 * MS // 2, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS),
    *(1_000 * MS, 5_000 * MS),
)
ORDER_BOUNDS_NS: Final = (
    *(MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1_000 * MS, 2_500 * MS, 5_000 * MS),
    *(10_000 * MS, 30_000 * MS, 60_000 * MS, 120_000 * MS),
)
OUTCOMES_BY_TYPE: Final[dict[type[Outcome], str]] = {
    Filled: "filled",
    Failed: "failed",
    Expired: "expired",
    Rejected: "rejected",
}
OUTCOMES: Final = tuple(OUTCOMES_BY_TYPE.values())
KINDS: Final = ("entry", "exit", "fees")  # the last buys SOL for fees


class Step(enum.Enum):
    """Of an order, after its placing."""

    SIGNED = enum.auto()
    SENT = enum.auto()
    CONFIRMED = enum.auto()
    FINAL = enum.auto()


class _Known(msgspec.Struct):
    """An order that is not final."""

    kind: str  # of KINDS
    placed_ns: int
    is_sent: bool = False
    is_booked: bool = False


class JournalTimes:
    """Reads the feed of committed entries. Whatever is not seen here (before the start, a lag) is in no histogram."""

    def __init__(self, engine: Engine, clock: Clock, sent: deque[Sent]) -> None:
        """`sent`: what the executor has sent since the last look, which takes it out."""
        self._engine = engine
        self._clock = clock
        self._sent = sent
        self._known: dict[OrderId, _Known] = {}
        self.journaled = Times.within(DURABLE_BOUNDS_NS)  # the newest entry of each batch
        self.durable = Times.within(DURABLE_BOUNDS_NS)  # each decision on a signal
        # All of them from the start: a series that appears with its first order has no rate until the second.
        self.steps = {step: {kind: Times.within(ORDER_BOUNDS_NS) for kind in KINDS} for step in Step}
        self.refused: Counter[Code] = Counter(dict.fromkeys(Code, 0))
        # Not those of the books: a fork takes an outcome out of them again, and a counter must not go back.
        self.closed: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.lost = 0  # times that entries were missed

    async def run(self) -> None:
        """Runs until cancelled."""
        feed = self._engine.subscribe()
        try:
            while True:
                entries = await feed.next()
                if entries is None:
                    self.lost += 1
                    self._known.clear()
                    continue
                durable_ns = self._clock.now_ns()
                self.journaled.add(durable_ns - entries[-1].at_ns)
                for entry in entries:
                    self._count(entry, durable_ns)
                self._take_sent()
        finally:
            self._engine.unsubscribe(feed)

    def oldest_open_ns(self) -> int | None:
        """When the oldest open order was placed, of those that were placed since the start."""
        return next((known.placed_ns for known in self._known.values() if not known.is_booked), None)

    def _take_sent(self) -> None:
        """The first send of each order. It comes after the order's ticket and before its outcome."""
        while self._sent:
            sent = self._sent.popleft()
            if (known := self._known.get(OrderId(sent.work_id))) is not None and not known.is_sent:
                known.is_sent = True
                self.steps[Step.SENT][known.kind].add(sent.at_ns - known.placed_ns)

    def _count(self, entry: Entry, durable_ns: int) -> None:
        event = entry.event
        if isinstance(event, Answer):
            self.durable.add(durable_ns - entry.at_ns)
        match event:
            case OrderPlaced(order=order):
                self._known[order.id] = _Known(_kind(order), entry.at_ns)
            case TicketRecorded(order_id=order_id):
                self._add(Step.SIGNED, order_id, entry)
            case OrderClosed(order_id=order_id, outcome=outcome, provisional=provisional):
                self.closed[OUTCOMES_BY_TYPE[type(outcome)]] += 1
                self._take_sent()
                self._add(Step.CONFIRMED, order_id, entry)
                self._book(order_id, is_final=not provisional)
            case OrderFinal(order_id=order_id) | OrderRolledBack(order_id=order_id):
                self._add(Step.FINAL, order_id, entry)
                self._known.pop(order_id, None)
            case SignalRefused() as refused:
                self.refused[codes_of(refused)[0]] += 1
            case _:
                pass

    def _book(self, order_id: OrderId, is_final: bool) -> None:
        if is_final:
            self._known.pop(order_id, None)
        elif (known := self._known.get(order_id)) is not None:
            known.is_booked = True

    def _add(self, step: Step, order_id: OrderId, entry: Entry) -> None:
        if (known := self._known.get(order_id)) is not None:
            self.steps[step][known.kind].add(entry.at_ns - known.placed_ns)


def _kind(order: Order) -> str:
    if order.to_float:
        return "fees"
    return "entry" if order.is_entry else "exit"
