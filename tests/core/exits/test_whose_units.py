"""A sale says at its placing whose units it takes, by source. Each of these sources is told of it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.exits.test_sources import ALL, BUY, END, GIVEN, PART, owned, require_replay
from tests.support.core_desk import CoreDesk
from tests.support.effort import examples

from overmind.core.model.enums import SELL
from overmind.core.model.events import OrderClosed, OrderPlaced
from overmind.core.model.ids import OrderId
from overmind.core.model.outcome import Filled, Outcome

CHART, BOT = 50_000_000, 150_000_000
CASES = [
    (GIVEN, f"{ALL} then flat", {"chart": CHART}),
    (GIVEN, f"{ALL} counts 5", {"chart": CHART // 2}),
    (GIVEN, "sell eth all scope desk", {"chart": CHART, "bot": BOT}),
    (GIVEN, "sell eth all scope strategy from bot", {"chart": CHART, "bot": BOT}),
    (GIVEN, "sell eth 0.7 scope desk", {"chart": CHART, "bot": 20_000_000}),
    (f"{GIVEN}; sell eth 0.7 scope desk", "sell eth 0.1 scope desk", {"bot": 10_000_000}),
    (
        "w1 stop 5; buy eth $1000 from chart; fill; buy eth $100; fill",
        "mark eth 1900",
        {"chart": 50_000_000},
    ),
    (GIVEN, "close w1 eth", {"chart": CHART, "bot": BOT}),
    (GIVEN, "buy eth $100 from chart", {}),
    ("w1; buy eth $1000; fill", "sell eth all scope desk from chart", {}),
]


@pytest.mark.parametrize(("before", "sale", "sold"), CASES)
def test_a_sale_says_whose_units_it_takes(before: str, sale: str, sold: dict[str, int]) -> None:
    placed = [one for one in CoreDesk(before).play(sale) if isinstance(one, OrderPlaced)]
    assert [one.of_sources for one in placed] == [sold]


ANYBODYS = st.builds("sell eth {} scope {}".format, st.sampled_from(("0.01", "0.3", "all")), st.just("desk"))
STEPS = st.lists(st.one_of(BUY, BUY, PART, END, ANYBODYS, st.just("close w1 eth"), st.just("fill")), max_size=25)


@settings(max_examples=examples(40), deadline=None)
@given(STEPS)
def test_a_filled_sale_takes_the_units_that_it_said(steps: list[str]) -> None:
    desk, placed = CoreDesk("w1; w2"), dict[OrderId, OrderPlaced]()
    for step in steps:
        if step == "fill" and not desk.state.open_orders:
            continue
        if step.startswith("close") and not owned_by(desk, "w1"):
            continue
        before, seen = owned(desk), len(desk.entries)
        desk.play(step)
        expected = Counter(before)  # One step may fill several orders.
        for entry in desk.entries[seen:]:
            if isinstance(entry.event, OrderPlaced):
                placed[entry.event.order.id] = entry.event
            if isinstance(entry.event, OrderClosed):
                change(expected, placed[entry.event.order_id], entry.event.outcome)
        after = Counter(owned(desk))
        assert {one: units for one, units in after.items() if one} == {
            one: n for one, n in expected.items() if one and n
        }
    require_replay(desk)


def change(owned_by_source: Counter[str], placed: OrderPlaced, outcome: Outcome) -> None:
    """What a buy brings belongs to its source; what a sale takes, it has said when it was placed."""
    assert isinstance(outcome, Filled)
    if placed.order.side is SELL:
        owned_by_source.subtract(placed.of_sources)
    else:
        owned_by_source[placed.signal.source] += outcome.received_units


def owned_by(desk: CoreDesk, wallet_id: str) -> bool:
    return any(book.positions for book in desk.state.wallets.values() if book.wallet.id == wallet_id)
