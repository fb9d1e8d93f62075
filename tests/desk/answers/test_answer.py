"""Which entries a source hears of, and what it is told: one line for each kind of entry."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from msgspec.structs import replace
from tests.support import journal_entries
from tests.support.journal_entries import USDC, every_kind

from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import Side
from overmind.core.model.events import (
    Entry,
    Event,
    OrderClosed,
    OrderEvent,
    OrderFinal,
    OrderLandedOtherwise,
    OrderPlaced,
    OrderRolledBack,
    OrderTakenFromChain,
    SignalEvent,
    SignalRecorded,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import SOL, OrderId, SignalId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Rejected
from overmind.desk.answers.answer import answer_to
from overmind.journal.catalogue.concerned import Follower

T0 = journal_entries.T0
DESK = Desk(Token("USDC", USDC, 6), {SOL: Token("SOL", SOL, 9)})
ORDER = OrderId("s1.0.0")
TICKET = Ticket("5" * 88, b"x" * 90)
FILL = Filled(50_123_456, 333_000_001, 13_000)


def placed(name: str = "s1", source: str = "tv", side: Side = Side.BUY) -> OrderPlaced:
    event = journal_entries.placed(name)
    spend, receive = (Money(60_000_000, USDC), SOL) if side is Side.BUY else (Money(333_000_001, SOL), USDC)
    order = replace(event.order, side=side, spend=spend, receive=receive)
    return replace(event, signal=replace(event.signal, source=source), order=order)


def recorded(source: str = "tv") -> SignalRecorded:
    return SignalRecorded(replace(journal_entries.signal("s1"), source=source))


def refused(source: str = "tv") -> SignalRefused:
    event = journal_entries.refused("s1")
    return replace(event, signal=replace(event.signal, source=source))


BOUGHT = {"spent": "50.123456", "received": "0.333000001", "price": "150.520888436874", "fee_sol": "0.000013"}
CASES: list[tuple[Event, dict[str, Any] | None]] = [
    (recorded(), {"kind": "recorded"}),
    (recorded(""), None),
    (refused(""), None),
    (OrderClosed(ORDER, FILL), {"kind": "filled", **BOUGHT}),
    (OrderClosed(ORDER, FILL, provisional=True), {"kind": "filled", "provisional": True, **BOUGHT}),
    (
        OrderClosed(ORDER, Failed(5_000, Cause.SLIPPAGE, "0x1771")),
        {"kind": "failed", "fee_sol": "0.000005", "cause": "SLIPPAGE", "detail": "0x1771"},
    ),
    (OrderClosed(ORDER, Expired()), {"kind": "expired"}),
    (OrderClosed(ORDER, Rejected(Cause.ROUTE_DOWN)), {"kind": "rejected", "cause": "ROUTE_DOWN"}),
    (OrderFinal(ORDER), {"kind": "final"}),
    (OrderRolledBack(ORDER, Expired()), {"kind": "rolled_back", "outcome": "expired"}),
    (OrderRolledBack(ORDER, FILL), {"kind": "rolled_back", "outcome": "filled", **BOUGHT}),
    (OrderLandedOtherwise(ORDER, "it paid twice"), {"kind": "landed_otherwise", "detail": "it paid twice"}),
    (TicketRecorded(ORDER, TICKET), None),
    (OrderTakenFromChain(ORDER, "looked at it"), None),
    (OrderClosed(OrderId("other.0.0"), FILL), None),
    (TicketRecorded(OrderId("move:topup:w1:1"), TICKET), None),
]
OF_ORDER = {"order_id": "s1.0.0", "wallet_id": "w1", "side": "Buy", "symbol": "SOL"}


def told(event: Event, source: str = "tv", before: OrderPlaced | None = None, at_ns: int = T0) -> dict[str, Any] | None:
    """What a source is told of an entry after an order was placed."""
    follower = Follower()
    follower.learn(before or placed())
    concern = follower.concern(Entry(7, at_ns, event))
    if concern is None or source not in concern.sources:
        return None
    answer = answer_to(source, concern, DESK)
    return None if answer is None else json.loads(answer.body())


@pytest.mark.parametrize(("event", "expected"), CASES)
def test_what_a_source_is_told(event: Event, expected: dict[str, Any] | None) -> None:
    head = {"id": f"tv-7-{T0}", "seq": 7, "source": "tv", "at": "2023-11-14T22:13:20.000000+00:00", "signal_id": "s1"}
    of_order = OF_ORDER if isinstance(event, OrderEvent) else {}
    assert told(event) == (None if expected is None else {**head, **of_order, **expected})


def test_an_entry_that_takes_the_number_of_a_lost_one_has_another_id() -> None:
    """A restored desk numbers its entries anew. Whoever heard the lost one must not take it for that one."""
    ids = {str((told(recorded(), at_ns=at_ns) or {})["id"]) for at_ns in (T0, T0, T0 + 1)}
    assert len(ids) == 2


def test_an_order_is_told_with_its_reason() -> None:
    found = told(placed())
    assert found is not None
    assert {name: found[name] for name in ("kind", "notional_usd", "selection_reason")} == {
        "kind": "placed",
        "notional_usd": "100",
        "selection_reason": found["selection_reason"],
    }
    assert "lowest of 3 wallets" in found["selection_reason"]


def test_a_refusal_is_told_with_every_rule() -> None:
    found = told(refused())
    assert found is not None
    assert (found["kind"], found["selection_reason"]) == ("refused", "no wallet may take it: POSITION_SIZE")
    assert [one["code"] for one in found["refusals"]] == ["POSITION_SIZE", "RATE_LIMIT"]
    assert found["refusals"][0]["actual"] == str(10**24)  # exact, and no float


def test_every_kind_of_entry_is_in_the_table() -> None:
    tried = {type(event) for event, _ in CASES} | {OrderPlaced, SignalRefused}
    assert tried == {*get_args(OrderEvent), *get_args(SignalEvent)}


def test_another_source_hears_nothing() -> None:
    events = [event for event, _ in CASES] + [placed(), refused()]
    assert [event for event in events if told(event, "ft") is not None] == []


def test_entries_of_no_signal_concern_nobody() -> None:
    events = [event for event in every_kind() if not isinstance(event, OrderEvent | SignalEvent)]
    assert len(events) > 5
    assert [event for event in events if told(event) is not None] == []


def test_an_order_is_forgotten_once_nothing_more_is_told_of_it() -> None:
    follower = Follower()
    for event, is_known in (
        (placed(), True),
        (OrderClosed(ORDER, FILL, provisional=True), True),
        (OrderFinal(ORDER), False),
        (placed("s2"), False),
        (OrderClosed(OrderId("s2.0.0"), FILL), False),
    ):
        follower.concern(Entry(7, T0, event))
        assert (follower.missing(OrderFinal(ORDER)) is None) is is_known
    assert follower.missing(OrderFinal(OrderId("s2.0.0"))) == "s2.0.0"
    assert follower.missing(TicketRecorded(OrderId("move:topup:w1:1"), TICKET)) is None


def test_a_sale_of_the_desk_itself_is_automatic() -> None:
    before = placed("stop:w1:SOL:1", side=Side.SELL)
    order_id = before.order.id
    found = told(OrderClosed(order_id, Filled(333_000_001, 50_123_456, 13_000)), before=before)
    assert found is not None
    assert (found["automatic"], found["side"], found["spent"]) == (True, "Sell", "0.333000001")
    assert found["signal_id"] == SignalId("stop:w1:SOL:1")


def test_every_source_hears_of_a_sale_of_its_units_and_how_many_they_are() -> None:
    sale = placed("stop:w1:SOL:1", source="", side=Side.SELL)
    before = replace(sale, of_sources={"tv": 300_000_000, "ft": 33_000_001})
    for event in (before, OrderClosed(before.order.id, Filled(333_000_001, 50_123_456, 13_000))):
        quantities = {}
        for source in ("tv", "ft"):
            found = told(event, source, before)
            assert found is not None
            assert found["automatic"]
            quantities[source] = found["own_quantity"]
        assert quantities == {"tv": "0.3", "ft": "0.033000001"}
        assert told(event, "other", before) is None
