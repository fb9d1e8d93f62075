"""Times of steps that no entry of the journal tells. On the desk's own path each costs a bisect and an increment."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Final, NamedTuple

import msgspec

from overmind.core.model.ids import OrderId
from overmind.core.model.units import NS

DECISION_BOUNDS_NS: Final = (
    *(50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000),
    *(100_000_000, 250_000_000, NS),
)
SENT_MAX: Final = 4_096  # that the metrics have not counted yet
FIRST_SENT_MAX: Final = 4_096  # orders and moves; far more than are ever open


class Times(msgspec.Struct):
    """How often a step took how long. The last place counts what took longer than every bound."""

    bounds_ns: tuple[int, ...]
    counts: list[int]
    sum_ns: int = 0

    @classmethod
    def within(cls, bounds_ns: tuple[int, ...]) -> Times:
        return cls(bounds_ns, [0] * (len(bounds_ns) + 1))

    def add(self, took_ns: int) -> None:
        took_ns = max(0, took_ns)
        self.counts[bisect_left(self.bounds_ns, took_ns)] += 1
        self.sum_ns += took_ns

    def copy(self) -> Times:
        """For another thread."""
        return Times(self.bounds_ns, [*self.counts], self.sum_ns)


class Sent(NamedTuple):
    """The bytes of an order or a move, as a node took them."""

    work_id: OrderId
    at_ns: int


class DeskTimes:
    def __init__(self) -> None:
        self.decided = Times.within(DECISION_BOUNDS_NS)  # from the arrival of a signal to its decision
        self.sent: deque[Sent] = deque(maxlen=SENT_MAX)  # first sends and repeats, the oldest first
        self.first_sent: dict[OrderId, int] = {}  # when a node first took it; the newest FIRST_SENT_MAX

    def add_sent(self, work_id: OrderId, at_ns: int) -> None:
        self.sent.append(Sent(work_id, at_ns))
        if work_id in self.first_sent:
            return
        if len(self.first_sent) >= FIRST_SENT_MAX:
            del self.first_sent[next(iter(self.first_sent))]
        self.first_sent[work_id] = at_ns
