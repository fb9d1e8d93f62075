"""Prices of the oracle: polled, refused one by one, and kept while no node answers."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from tests.solana.test_pyth import FEED, NOW_S, account
from tests.support.machine_clock import JumpingClock
from tests.support.stepping_clock import SteppingClock

from overmind.clock.desk_clock import DeskClock
from overmind.clock.virtual import run_virtual
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Priority, Tick
from overmind.prices.pyth import PythPrices

OTHER = Mint("other")
HOUR_NS = 3_600 * NS
PRICE = Tick(SOL, 147_481_234_560_000, NOW_S * NS, 0, 0)


class Node:
    """Answers what a test sets."""

    def __init__(self) -> None:
        self.answer: object = None
        self.asked: list[Any] = []

    async def call(self, method: str, params: object, priority: Priority) -> object:
        self.asked.append((method, params))
        if self.answer is None:
            raise ChainSilent("no node answers")
        return {"context": {"slot": 1}, "value": self.answer}


def prices() -> tuple[Node, PythPrices]:
    node = Node()
    return node, PythPrices(node, {SOL: FEED, OTHER: FEED}, SteppingClock(NOW_S * NS))


def test_one_request_asks_for_every_account() -> None:
    node, pyth = prices()
    node.answer = [account(), account(price=-1)]
    asyncio.run(pyth.poll())
    (asked,) = node.asked
    assert asked == ("getMultipleAccounts", [["account", "account"], {"encoding": "base64", "commitment": "confirmed"}])
    assert pyth.ticks() == {SOL: PRICE}


def test_a_refused_price_is_gone_at_once_and_logged_once() -> None:
    node, pyth = prices()
    with structlog.testing.capture_logs() as lines:
        for answer in ([account(), account()], [account(), account(level=0)], [account(), account(level=0)]):
            node.answer = answer
            asyncio.run(pyth.poll())
    assert pyth.ticks() == {SOL: PRICE}
    assert [(line["mint"], line["why"]) for line in lines] == [(OTHER, "it is not fully verified")]


def test_a_clock_that_is_ahead_makes_no_price_old() -> None:
    """The oracle's time is true; the desk's time is an hour ahead of it, and may not go back."""

    async def main() -> None:
        machine = JumpingClock(NOW_S * NS)
        clock = DeskClock(machine)
        machine.step(-HOUR_NS)
        clock.now_ns()
        clock.accept()
        node = Node()
        node.answer = [account(published_s=NOW_S - 3_600)]
        pyth = PythPrices(node, {SOL: FEED}, clock, trust=clock)
        await pyth.poll()
        (tick,) = pyth.ticks().values()
        assert clock.now_ns() - tick.at_ns < NS

    run_virtual(main())


def test_without_an_answer_the_last_prices_stay_and_age() -> None:
    node, pyth = prices()
    with structlog.testing.capture_logs() as lines:
        for answer in ([account(), None], None, [account()], "nonsense", [account(), None]):
            node.answer = answer
            asyncio.run(pyth.poll())
            assert pyth.ticks() == {SOL: PRICE}
    assert [line["event"] for line in lines if "source" in line] == [
        "no prices; the last ones stay and age",
        "prices are back",
    ]
