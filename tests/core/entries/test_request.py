"""The amount of an entry that a signal asks for, rounded against us."""

from __future__ import annotations

from decimal import Decimal

import pytest
from bench.desks import START_NS, PureDesk, buy
from msgspec.structs import replace

from overmind.core.entries.request import entry_request
from overmind.core.model.ids import SOL


@pytest.mark.parametrize(("quantity", "micros"), [
    ("0.000000001", 1),  # A lamport is worth 0.15 micro-USD.
    ("0.000000006", 1),
    ("0.00000002", 3),
    ("0.000000021", 4),
    ("1", 150_000_000),
])  # fmt: skip
def test_a_quantity_is_valued_at_the_mark_and_rounded_up(quantity: str, micros: int) -> None:
    signal = replace(buy(1, SOL, START_NS).signal, notional_micros=None, quantity=Decimal(quantity))
    assert entry_request(PureDesk(1).state, signal, START_NS).notional_micros == micros
