"""The protected route on paper: what is configured is what happens, and the same order always meets the same fate."""

from __future__ import annotations

import asyncio
import struct
from hashlib import blake2b

import pytest
from msgspec.structs import replace
from tests.venues.test_paper import order, sol_tick, venue

from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import Side
from overmind.core.model.order import Order, Quote
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import PPM
from overmind.venues.paper import PERFECT, PlainMarket
from overmind.venues.paper_market import Draws, Fate
from overmind.venues.paper_routes import SLOT_MS, RoutedMarket

RELAY = RouteName.RELAY
ROUTES = {
    RouteName.PUBLIC: Expected(),
    RELAY: Expected(900_000, 3, tip_lamports=10_000, tip_max_lamports=50_000),
}
MARKET = RoutedMarket(PlainMarket(PERFECT, CostModel()), ROUTES)


def fate(order: Order, number: int) -> Fate:
    roll, *rest = struct.unpack("<5Q24x", blake2b(b"%d" % number).digest())
    draws = Draws(b"", roll % PPM, *rest)
    return MARKET.fate(order, sol_tick(), draws)


def relayed(**changes: object) -> Order:
    return order(route=RELAY, tip_max_lamports=50_000, fee_max_lamports=150_000, **changes)


def test_landing_latency_and_tip_are_those_that_are_configured() -> None:
    fates = [fate(relayed(), number) for number in range(10_000)]
    landed = sum(not one.expires for one in fates)
    assert 0.89 < landed / len(fates) < 0.91
    assert {one.latency_ms for one in fates} <= set(range(3 * SLOT_MS // 2, 3 * SLOT_MS // 2 + 3 * SLOT_MS + 1))
    tips = [one.tip_lamports for one in fates]
    assert 5_000 <= min(tips) < 5_100
    assert 14_900 < max(tips) <= 15_000


def test_the_public_route_stays_as_it_was_and_tips_nothing() -> None:
    plain = PlainMarket(PERFECT, CostModel())
    draws = Draws(b"", 1, 2, 3, 4, 5)
    assert MARKET.fate(order(), sol_tick(), draws) == plain.fate(order(), sol_tick(), draws)
    assert fate(order(), 5).tip_lamports == 0


def test_a_tip_above_the_orders_cap_is_never_paid() -> None:
    tight = relayed(id="tight")
    assert all(
        one.expires or one.tip_lamports <= 7_000
        for one in (fate(replace(tight, tip_max_lamports=7_000), number) for number in range(2_000))
    )


def test_an_order_of_a_route_that_is_gone_never_lands() -> None:
    market = RoutedMarket(PlainMarket(PERFECT, CostModel()), {RouteName.PUBLIC: Expected()})
    assert market.fate(relayed(), sol_tick(), Draws(b"", 1, 2, 3, 4, 5)).expires


@pytest.mark.parametrize(
    ("wanted", "refused"),
    [
        (order(mev_protected=True), True),
        (relayed(mev_protected=True), False),
        (order(mev_protected=True, to_float=True), False),
        (order(side=Side.SELL, units=10**9, mev_protected=True), False),
        (order(), False),
    ],
)
def test_an_entry_that_must_be_protected_gets_no_public_quote(wanted: Order, refused: bool) -> None:
    answer = asyncio.run(venue().quote(wanted))
    if refused:
        assert isinstance(answer, Rejected)
        assert answer.cause is Cause.NO_PROTECTED_ROUTE
    else:
        assert isinstance(answer, Quote)
