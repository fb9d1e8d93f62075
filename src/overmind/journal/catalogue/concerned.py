"""Which sources an entry concerns: the one that sent its signal, and those whose lots its order sells.

An entry that tells of an order names it by id alone. So entries are followed in order, and an order that was placed
before the first of them is looked up in the journal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

from overmind.core.model.events import (
    Entry,
    Event,
    OrderClosed,
    OrderEvent,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    SignalRecorded,
    SignalRefused,
)
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.value import Value
from overmind.journal.catalogue.topics import signal_of, work_of

KNOWN_MAX: Final = 65_536  # orders; of more, the oldest are looked up again


class Journal(Protocol):
    def read(self, after: int = 0) -> Iterator[Entry]: ...

    def find(self, signal_id: SignalId) -> int | None: ...


class Concern(Value, frozen=True):
    """An entry with the sources that it concerns, and the order that it tells of."""

    entry: Entry
    sources: frozenset[str]
    placed: OrderPlaced | None = None


def sources_of(event: OrderPlaced | SignalRecorded | SignalRefused) -> frozenset[str]:
    sold = event.of_sources if isinstance(event, OrderPlaced) else ()
    return frozenset(filter(None, (event.signal.source, *sold)))


def find_placed(journal: Journal, order_id: OrderId) -> OrderPlaced | None:
    """How an order was placed. None: it is a move. Takes as long as the order's first attempts are apart."""
    signal_id = signal_of(order_id)
    first = None if signal_id is None else journal.find(signal_id)
    if first is None:
        return None
    placed = (entry.event for entry in journal.read(first - 1) if isinstance(entry.event, OrderPlaced))
    return next((event for event in placed if event.order.id == order_id), None)


class Follower:
    """Follows entries in their order. Before each of them `missing` says which order has to be looked up."""

    def __init__(self) -> None:
        self._known: dict[OrderId, OrderPlaced] = {}  # while more may be told of them; the oldest first

    def missing(self, event: Event) -> OrderId | None:
        """The order that this event tells of and that was placed before the first entry."""
        if not isinstance(event, OrderEvent) or isinstance(event, OrderPlaced):
            return None
        order_id = work_of(event)
        return None if order_id in self._known or signal_of(order_id) is None else order_id

    def learn(self, placed: OrderPlaced) -> None:
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[placed.order.id] = placed

    def concern(self, entry: Entry) -> Concern | None:
        """None: it concerns no source."""
        event = entry.event
        if isinstance(event, SignalRecorded | SignalRefused):
            sources = sources_of(event)
            return Concern(entry, sources) if sources else None
        if not isinstance(event, OrderEvent):
            return None
        if isinstance(event, OrderPlaced):
            self.learn(event)
            placed: OrderPlaced | None = event
        else:
            placed = self._known.get(work_of(event))
            if _is_last(event):
                self._known.pop(work_of(event), None)
        sources = frozenset() if placed is None else sources_of(placed)
        return Concern(entry, sources, placed) if sources else None

    def follow(self, entry: Entry, journal: Journal) -> Concern | None:
        """With the journal at hand."""
        order_id = self.missing(entry.event)
        if order_id is not None and (placed := find_placed(journal, order_id)) is not None:
            self.learn(placed)
        return self.concern(entry)


def _is_last(event: OrderEvent) -> bool:
    """Whether nothing more is told of its order."""
    return isinstance(event, OrderFinal | OrderRolledBack) or (isinstance(event, OrderClosed) and not event.provisional)
