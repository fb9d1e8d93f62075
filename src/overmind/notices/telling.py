"""Entries of the journal as things that people are told: their kind, and the line that every view has of them."""

from __future__ import annotations

from typing import Final

from overmind.config.notice_kinds import KINDS, RANK, NoticeKind, Way
from overmind.config.notices import NoticeSettings
from overmind.core.books.state import State
from overmind.core.model.events import (
    DeskConfigured,
    Entry,
    Event,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    OrderRolledBack,
    SignalRefused,
)
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.notices.kinds import kind_of
from overmind.notices.notice import Told
from overmind.views.lines import Teller

ORDERS_MAX: Final = 20_000  # open ones that are remembered; of an older one only its end is told
ENDS: Final = (OrderClosed, OrderFinal, OrderRolledBack)  # of what is remembered of an order
REFERRED_TO: Final = (DeskConfigured, SignalRefused)  # what later lines refer to, besides orders


class Telling:
    """Reads entries in order, each once."""

    def __init__(self, settings: NoticeSettings, state: State) -> None:
        self._settings = settings
        self._wanted = frozenset(kind for kind in NoticeKind if is_wanted(settings, kind))
        self._orders: dict[OrderId, Order] = {one.order.id: one.order for one in state.open_orders.values()}
        self._orders |= {one.order.id: one.order for one in state.provisional.values()}
        self._teller = Teller(state.desk, {}, state.refusal_patterns, find_order=self._orders.get)

    def kind_told(self, entry: Entry) -> NoticeKind | None:
        """The kind that the entry is told as; None: it is not told. Keeps what later entries refer to."""
        event = entry.event
        if isinstance(event, OrderPlaced):
            if len(self._orders) >= ORDERS_MAX:
                del self._orders[next(iter(self._orders))]
            self._orders[event.order.id] = event.order
        kind = kind_of(event)
        told = kind is not None and self._is_told(kind, event)
        if not told and isinstance(event, REFERRED_TO):
            self._teller.skip(entry)
        if not told:
            self._forget(event)
        return kind if told else None

    def told(self, kind: NoticeKind, entry: Entry) -> Told:
        line = self._teller.tell(entry)
        self._forget(entry.event)
        return Told(kind, f"{line.kind}: {line.text}", entry.at_ns, entry.seq, line.about)

    def passed_over(self, entry: Entry) -> None:
        """The entry is only counted: no text is made of it."""
        if isinstance(entry.event, REFERRED_TO):
            self._teller.skip(entry)
        self._forget(entry.event)

    def _is_told(self, kind: NoticeKind, event: Event) -> bool:
        if kind not in self._wanted:
            return False
        if kind is NoticeKind.FILL and isinstance(event, OrderClosed) and isinstance(event.outcome, Filled):
            order = self._orders.get(event.order_id)
            return order is None or order.notional_micros >= self._settings.fill_min_micros
        return True

    def _forget(self, event: Event) -> None:
        if not isinstance(event, ENDS):
            return
        match event:
            case (
                OrderClosed(order_id=order_id, provisional=False)
                | OrderFinal(order_id=order_id)
                | OrderRolledBack(order_id=order_id)
            ):
                self._orders.pop(order_id, None)
            case _:
                pass


def is_wanted(settings: NoticeSettings, kind: NoticeKind) -> bool:
    return settings.way_of(kind) is not Way.OFF and RANK[KINDS[kind].severity] >= RANK[settings.severity_min]
