"""A family of metrics: its name, kind, unit and labels. Names follow the conventions of Prometheus."""

from __future__ import annotations

import enum

from overmind.core.model.value import Value

PREFIX = "overmind_"


class Kind(enum.StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    INFO = "info"


class Group(enum.StrEnum):
    """What a family is about, in the order of the documentation."""

    DESK = "Desk"
    WALLETS = "Wallets"
    ORDERS = "Orders"
    LATENCY = "Latency"
    PRICES = "Prices"
    CHAIN = "Chain"
    JOURNAL = "Journal"
    PROCESS = "Process"


class Unit(enum.StrEnum):
    USD = "USD"
    SOL = "SOL"
    SECONDS = "seconds"
    BYTES = "bytes"
    RATIO = "ratio"
    COUNT = "count"
    FLAG = "0 or 1"
    TEXT = "labels"


class Family(Value, frozen=True):
    group: Group
    name: str  # without the prefix, and without the ending that its kind gives
    kind: Kind
    unit: Unit
    meaning: str
    labels: tuple[str, ...] = ()
    always: bool = True  # Every scrape has samples of it; else only where the desk knows them.

    @property
    def full_name(self) -> str:
        """As queries name it. A histogram has `_bucket`, `_sum` and `_count` behind it."""
        ending = {Kind.COUNTER: "_total", Kind.INFO: "_info"}.get(self.kind, "")
        return f"{PREFIX}{self.name}{ending}"
