"""A quote is checked: it must match the request, guarantee the order's minimum, and be near the mark.

See specification §8.7.
"""

import pytest
from msgspec import structs
from tests.support.core_desk import DESK, CoreDesk

from overmind.core.books.trust import fresh_price_pico
from overmind.core.entries.quote_check import quote_rejection
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.money import Money
from overmind.core.model.order import Order, Quote
from overmind.core.model.outcome import Cause
from overmind.core.model.units import BPS, MICROS, NS, PICO

MARK = 2_000 * PICO
ETH = 10**8  # units of one whole token


def order_of(when: str) -> Order:
    (placed,) = CoreDesk("w1 usd 50000; deposit w1 10 eth").play(when)
    assert isinstance(placed, OrderPlaced)
    return placed.order


def quoted(order: Order, units: int, **changes: object) -> Quote:
    quote = Quote(order.id, order.spend, order.receive, units, units, impact_bps=0)
    return structs.replace(quote, **changes)


def cause(order: Order, quote: Quote, mark_pico: int | None = MARK) -> Cause | None:
    rejected = quote_rejection(DESK, order, quote, mark_pico)
    return rejected.cause if rejected is not None else None


# For $20,000 the mark gives 10 eth. The order wants 9.9 (a meme strategy 9.7); the mark allows 150 bps either way.
BUY, MEME = "buy eth $20000", "buy eth $20000 by meme slip 300"


@pytest.mark.parametrize(
    ("when", "received", "expected"),
    [
        (BUY, 10 * ETH, None),
        (BUY, 990_000_000, None),
        (BUY, 989_999_999, Cause.BAD_QUOTE),
        (MEME, 985_000_000, None),
        (MEME, 984_900_000, Cause.QUOTE_OFF_MARK),
        (BUY, 1_015_000_000, None),
        (BUY, 1_015_100_000, Cause.QUOTE_OFF_MARK),  # too good to be true
    ],
)
def test_a_buy_is_quoted_near_the_mark(when: str, received: int, expected: Cause | None) -> None:
    order = order_of(when)
    assert cause(order, quoted(order, received)) == expected


@pytest.mark.parametrize(
    ("when", "dollars", "expected"),
    [
        ("sell eth 10", 20_000, None),
        ("sell eth 10", 19_800, None),
        ("sell eth 10", 19_799, Cause.BAD_QUOTE),
        # The mark does not stop an exit that accepts more slippage than 150 bps.
        ("sell eth 10 slip 3000", 16_000, None),
        ("sell eth 10 slip 3000", 14_000, None),
        ("sell eth 10 by meme", 19_400, None),
        ("sell eth 10 slip 3000", 13_999, Cause.BAD_QUOTE),
    ],
)
def test_a_sale_is_quoted_near_the_mark(when: str, dollars: int, expected: Cause | None) -> None:
    order = order_of(when)
    assert cause(order, quoted(order, dollars * MICROS)) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"order_id": OrderId("s9.0.0")},
        {"spend": Money(20_001 * MICROS, DESK.quote.mint)},
        {"spend": Money(20_000 * MICROS, Mint("btc"))},
        {"receive": Mint("btc")},
        {"received": 989_999_999, "received_min": 990_000_000},  # expects less than its guaranteed minimum
        {"received_min": 989_999_999},  # guarantees less than the order wants
    ],
)
def test_a_quote_for_another_order_is_bad(other: dict[str, object]) -> None:
    order = order_of(BUY)
    assert cause(order, quoted(order, 10 * ETH)) is None
    assert cause(order, quoted(order, 10 * ETH, **other)) == Cause.BAD_QUOTE


def test_the_impact_may_reach_the_slippage_of_the_order() -> None:
    order = order_of(BUY)
    assert cause(order, quoted(order, 10 * ETH, impact_bps=100)) is None
    assert cause(order, quoted(order, 10 * ETH, impact_bps=101)) == Cause.PRICE_IMPACT


def test_without_a_mark_only_a_sale_goes_on_under_its_own_bound() -> None:
    buy, sale = order_of(BUY), order_of("sell eth 10")
    assert cause(buy, quoted(buy, 10 * ETH), mark_pico=None) == Cause.PRICE_UNAVAILABLE
    assert cause(sale, quoted(sale, sale.received_min), mark_pico=None) is None
    assert cause(sale, quoted(sale, sale.received_min - 1), mark_pico=None) == Cause.BAD_QUOTE


def test_the_least_that_a_buy_must_bring() -> None:
    assert order_of(BUY).received_min == 10 * ETH * (BPS - 100) // BPS
    assert order_of(f"{BUY} slip 50").received_min == 10 * ETH * (BPS - 50) // BPS
    assert order_of(f"{BUY} limit 2010").received_min == -(-20_000 * ETH // 2_010)  # the limit is tighter
    assert order_of(f"{BUY} limit 2500").received_min == 10 * ETH * (BPS - 100) // BPS
    assert order_of("buy eth $0.000001 limit 1000000").received_min == 1  # never zero


@pytest.mark.parametrize(
    ("when", "received", "second", "expected"),
    [
        (BUY, 10 * ETH, 2_000, None),
        (BUY, 10 * ETH, 2_030, None),
        (BUY, 10 * ETH, 2_031, Cause.QUOTE_OFF_MARK),
        (BUY, 10 * ETH, 1_969, Cause.QUOTE_OFF_MARK),
        # A sale within its slippage of the mark passes wherever both sources agree.
        ("sell eth 10", 19_800 * MICROS, 2_040, None),
        ("sell eth 10", 19_800 * MICROS, 2_053, Cause.QUOTE_OFF_MARK),
        ("sell eth 10", 19_800 * MICROS, 1_000, None),
    ],
)
def test_a_quote_must_fit_both_sources(when: str, received: int, second: int, expected: Cause | None) -> None:
    """The server that quotes may be the first source; then only the second one is a check."""
    order, desk = order_of(when), structs.replace(DESK, witness_bound_bps=200)
    rejected = quote_rejection(desk, order, quoted(order, received), MARK, second * PICO)
    assert (rejected.cause if rejected is not None else None) == expected


def test_a_mark_is_fresh_for_thirty_seconds() -> None:
    desk = CoreDesk()
    assert fresh_price_pico(desk.state, Mint("eth"), desk.now_ns + 30 * NS) == MARK
    assert fresh_price_pico(desk.state, Mint("eth"), desk.now_ns + 30 * NS + 1) is None
    assert fresh_price_pico(desk.state, Mint("new"), desk.now_ns) is None
