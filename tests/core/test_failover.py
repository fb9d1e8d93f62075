"""Failover: a failed attempt continues in another wallet where that can help: same gate, three attempts, in time."""

import pytest
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.model.events import Event, OrderPlaced
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause

TABLE = """
given | when | then
# Causes: those of the wallet or its route go on; those of the market would only burn fees in every wallet.
w1; w2; w3; buy eth $300 id s | expire                       | OrderClosed + w2 $300
w1; w2; w3; buy eth $300 id s | reject for ROUTE_DOWN        | OrderClosed + w2 $300
w1; w2; w3; buy eth $300 id s | reject for WALLET_FUNDS      | OrderClosed + w2 $300
w1; w2; w3; buy eth $300 id s | reject for NO_PROTECTED_ROUTE | OrderClosed + w2 $300
w1; w2; w3; buy eth $300 id s | reject for NOT_CONFIRMED     | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for NO_KEY            | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for NOT_VERIFIED      | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for REVERTED          | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for SLIPPAGE          | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for LIMIT_PRICE       | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for NO_LIQUIDITY      | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for PRICE_IMPACT      | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for QUOTE_OFF_MARK    | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for PRICE_UNAVAILABLE | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for BAD_QUOTE         | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for STOPPED           | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for CANCELLED         | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for NOT_ALLOWED       | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for MINT_NOT_ADMITTED | OrderClosed
w1; w2; w3; buy eth $300 id s | reject for ACCOUNT_UNSAFE    | OrderClosed + w2 $300
w1; w2; w3; buy eth $300 id s | reject for SIGNAL_EXPIRED    | OrderClosed
w1; w2; w3; buy eth $300 id s | fail for SLIPPAGE fee 5000   | OrderClosed
w1; w2; w3; buy eth $300 id s | fill                         | OrderClosed
# Three attempts, each in a wallet of its own.
w1; w2; w3; buy eth $300 id s; expire                  | expire s.0.1 | OrderClosed + w3 $300
w1; w2; w3; w4; buy eth $300 id s; expire; expire      | expire s.0.2 | OrderClosed
w1; w2; buy eth $300 id s; expire                      | expire s.0.1 | OrderClosed
w1; w2; w3; desk attempts 1; buy eth $300 id s         | expire       | OrderClosed
w1; w2; w3; desk attempts 2; buy eth $300 id s; expire | expire s.0.1 | OrderClosed
# Only in time: the signal's own, from its arrival on.
w1; w2; buy eth $300 id s; wait 29999             | expire | OrderClosed + w2 $300
w1; w2; buy eth $300 id s; wait 30000             | expire | OrderClosed
w1; w2; buy eth $300 id s ttl 1000; wait 1000     | expire | OrderClosed
w1; w2; buy eth $300 id s sent -10000; wait 19999 | expire | OrderClosed + w2 $300
w1; w2; buy eth $300 id s sent -10000; wait 20000 | expire | OrderClosed
# How long the first decision took has no say in the next.
w1; w2; buy eth $300 id s waited 4000; wait 4000 | expire | OrderClosed + w2 $300
# The same gate, as the desk is now.
w1; w2 position 299; w3; buy eth $300 id s          | expire | OrderClosed + w3 $300
w1; w2; w3; buy eth $300 id s not w2                | expire | OrderClosed + w3 $300
w1; w2; buy eth $300 id s; hold w2 operator         | expire | OrderClosed
w1; w2; buy eth $300 id s; hold portfolio disk_full | expire | OrderClosed
w1; w2; buy eth $300 id s; hold momentum operator   | expire | OrderClosed
w1; w2; buy eth $300 id s; stop                     | expire | OrderClosed
w1; w2; buy eth $300 id s; desk without eth         | expire | OrderClosed
w1; w2; buy eth $300 id s; wait 10000; desk only w1 | expire | OrderClosed
# What the failed attempt held is free for the next: one place, one portfolio.
w1; w2; desk exposure 2; buy eth $400 id s | expire | OrderClosed + w2 $400
# A sale is bound to the wallet that holds.
w1; w2; deposit w1 1 eth; deposit w2 1 eth; sell eth 1 id s | expire                | OrderClosed
w1; w2; deposit w1 1 eth; deposit w2 1 eth; sell eth 1 id s | reject for ROUTE_DOWN | OrderClosed
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_failover(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_the_table_has_every_cause() -> None:
    assert {cause for cause in Cause if f"reject for {cause}" in TABLE} == set(Cause)


def orders(events: tuple[Event, ...]) -> list[Order]:
    return [event.order for event in events if isinstance(event, OrderPlaced)]


def test_attempts_are_numbered_and_remember_the_wallets_tried() -> None:
    desk = CoreDesk("w1; w2; w3")
    (first,) = orders(desk.play("buy eth $300 id s"))
    (second,) = orders(desk.play("expire"))
    (third,) = orders(desk.play("expire"))
    assert [order.id for order in (first, second, third)] == ["s.0.0", "s.0.1", "s.0.2"]
    assert [order.tried for order in (first, second, third)] == [(), ("w1",), ("w1", "w2")]
    assert first.expires_at_ns == second.expires_at_ns == third.expires_at_ns


def test_a_repeated_outcome_starts_no_second_attempt() -> None:
    desk = CoreDesk("w1; w2; w3; buy eth $300 id s; expire s.0.0; buy eth $300 id s")
    assert list(desk.state.open_orders) == ["s.0.1"]


def test_one_signal_is_one_decision_however_many_attempts_it_takes() -> None:
    desk = CoreDesk("w1; w2; w3; buy eth $300 id s; expire; expire; fill")
    assert desk.state.signals == 1
    assert [book.executions for book in desk.state.wallets.values()] == [1, 1, 1]
    assert [book.expired for book in desk.state.wallets.values()] == [1, 1, 0]


def test_a_quantity_is_priced_anew_for_the_next_attempt() -> None:
    desk = CoreDesk("w1; w2; buy eth 0.1 id s; mark eth 2010")
    assert told(desk.play("expire")) == "OrderClosed + w2 $201"
