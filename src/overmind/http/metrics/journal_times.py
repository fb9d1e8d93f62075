"""How long an order takes from step to step, and how it ended, counted from the journal's entries as they commit."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram

from overmind.core.books.brief_refusals import codes_of
from overmind.core.model.codes import Code
from overmind.core.model.events import (
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
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.desk.engine import Engine
from overmind.ports import Clock

DURABLE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
ORDER_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
KINDS: Final = ("entry", "exit", "fees")  # the last buys SOL for fees


class _Known(Value, frozen=True):
    """An order that is not final."""

    kind: str  # of KINDS
    placed_ns: int


class JournalTimes:
    """Reads the feed of committed entries. Whatever is not seen here (before the start, a lag) is in no histogram."""

    def __init__(self, engine: Engine, clock: Clock, registry: CollectorRegistry) -> None:
        self._engine = engine
        self._clock = clock
        self._known: dict[OrderId, _Known] = {}
        self._durable = Histogram(
            "overmind_entry_durable_seconds",
            "From the time that an entry of the journal is stamped with until it is on disk, the newest of each batch.",
            buckets=DURABLE_BUCKETS,
            registry=registry,
        )
        self._signed = _order_times("signed", "From the placing of an order until its ticket is recorded.", registry)
        self._settled = _order_times("settled", "From the placing of an order until its outcome is booked.", registry)
        self._final = _order_times("final", "From the placing of an order until no fork can undo it.", registry)
        self._refused = Counter(
            "overmind_signals_refused",
            "Refused signals since the start, by the rule that comes first.",
            ["code"],
            registry=registry,
        )
        self._lost = Counter(
            "overmind_metrics_feed_lost", "Times that the metrics lagged and missed entries.", registry=registry
        )
        for code in Code:
            self._refused.labels(code.value)

    async def run(self) -> None:
        """Runs until cancelled."""
        feed = self._engine.subscribe()
        try:
            while True:
                entries = await feed.next()
                if entries is None:
                    self._lost.inc()
                    self._known.clear()
                    continue
                self._durable.observe(max(0, self._clock.now_ns() - entries[-1].at_ns) / NS)
                for entry in entries:
                    self._count(entry)
        finally:
            self._engine.unsubscribe(feed)

    def _count(self, entry: Entry) -> None:
        match entry.event:
            case OrderPlaced(order=order):
                self._known[order.id] = _Known(_kind(order), entry.at_ns)
            case TicketRecorded(order_id=order_id):
                self._observe(self._signed, order_id, entry)
            case OrderClosed(order_id=order_id, provisional=provisional):
                self._observe(self._settled, order_id, entry)
                if not provisional:
                    self._known.pop(order_id, None)
            case OrderFinal(order_id=order_id) | OrderRolledBack(order_id=order_id):
                self._observe(self._final, order_id, entry)
                self._known.pop(order_id, None)
            case SignalRefused() as refused:
                self._refused.labels(codes_of(refused)[0].value).inc()
            case _:
                pass

    def _observe(self, times: Histogram, order_id: OrderId, entry: Entry) -> None:
        if (known := self._known.get(order_id)) is not None:
            times.labels(known.kind).observe((entry.at_ns - known.placed_ns) / NS)


def _kind(order: Order) -> str:
    if order.to_float:
        return "fees"
    return "entry" if order.is_entry else "exit"


def _order_times(step: str, meaning: str, registry: CollectorRegistry) -> Histogram:
    times = Histogram(f"overmind_order_{step}_seconds", meaning, ["kind"], buckets=ORDER_BUCKETS, registry=registry)
    for kind in KINDS:
        times.labels(kind)  # A series that is there from the start has a rate from the first order on.
    return times
