"""Notifications wake a waiter once. If the connection fails, polling continues."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import structlog
from tests.support.scripted_nodes import Node, serving
from tests.support.stepping_clock import SteppingClock

from overmind.clock.clocks import SystemClock
from overmind.core.model.units import NS
from overmind.ports import Clock
from overmind.solana.chain import RpcChain
from overmind.solana.notifications import ACCOUNTS_MAX, SIGNATURES_MAX, Notifications
from overmind.solana.rpc import Rpc

HOUR_S = 3_600.0
START_NS = 1_750_000_000 * NS


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(30_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


class Impatient:
    """A clock whose pauses between connections take no time, and whose other waits take as long as they say."""

    def __init__(self) -> None:
        self._real = SystemClock()

    def now_ns(self) -> int:
        return self._real.now_ns()

    async def sleep(self, seconds: float) -> None:
        await self._real.sleep(seconds if seconds >= HOUR_S else 0.001)


def with_news(test: Callable[[Node, Notifications], Awaitable[None]], clock: Clock | None = None) -> None:
    async def whole() -> None:
        node = Node()
        async with serving(node), Notifications(node.ws_url(), clock or Impatient()) as notifications:
            await until(lambda: notifications.connected)
            await test(node, notifications)

    run(whole())


def test_a_notified_signature_wakes_its_waiters_once() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        waiting = [asyncio.create_task(notifications.wait("s1", HOUR_S)) for _ in range(2)]
        other = asyncio.create_task(notifications.wait("s2", HOUR_S))
        await node.until_subscribed(2)
        assert node.subscribed == [
            (("signatureSubscribe"), [name, {"commitment": "confirmed"}]) for name in ("s1", "s2")
        ]
        await node.tell("signatureNotification", 0, {"err": None})
        await asyncio.gather(*waiting)
        assert not other.done()
        await notifications.wait("s1", 0.001)  # From here on it sleeps.
        again = asyncio.create_task(notifications.wait("s1", HOUR_S))
        await node.tell("signatureNotification", 1, {"err": {"InstructionError": [0, "x"]}})
        await other
        assert not again.done()
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        assert len(node.subscribed) == 2

    with_news(test)


def test_a_notification_before_the_wait_is_not_lost() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        await notifications.wait("s1", 0.001)
        await node.until_subscribed(1)
        await node.tell("signatureNotification", 0)
        await notifications.wait("s1", HOUR_S)

    with_news(test)


@pytest.mark.parametrize(
    "message",
    ["", "no json", "[]", "1", "{}", "[" * 50_000, '{"id":99,"result":7}', '{"id":1,"result":null}', '{"params":7}',
     '{"method":"signatureNotification","params":{"subscription":{}}}', '{"id":"1","result":3}', '{"id":2,"error":{}}',
     '{"method":"signatureNotification","params":{"subscription":12345678901234567890123}}'],
)  # fmt: skip
def test_unreadable_messages_notify_nobody(message: str) -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        waiting = asyncio.create_task(notifications.wait("s1", HOUR_S))
        await node.until_subscribed(1)
        await node.say(message)
        await node.tell("signatureNotification", 0)
        await waiting
        assert len(node.sockets) == 1

    with_news(test)


def test_a_lost_connection_comes_back_with_all_subscriptions() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        notifications.watch_accounts(["a1"])
        waiting = asyncio.create_task(notifications.wait("s1", HOUR_S))
        await node.until_subscribed(2)
        with structlog.testing.capture_logs() as lines:
            await node.sockets[0].close()
            await node.until_subscribed(4)
        assert sorted(node.subscribed[2:]) == sorted(node.subscribed[:2])
        await node.tell("signatureNotification", next(at for at in (2, 3) if node.subscribed[at][1][0] == "s1"))
        await waiting
        assert [line["event"] for line in lines] == ["news_lost", "news_connected"]
        assert {line["endpoint"] for line in lines} == {f"ws://127.0.0.1:{node.port}"}

    with_news(test)


def test_an_overlong_message_costs_the_connection_and_nothing_else() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        waiting = asyncio.create_task(notifications.wait("s1", HOUR_S))
        await node.until_subscribed(1)
        await node.say("x" * (2**20 + 1))
        await node.until_subscribed(2)
        await node.tell("signatureNotification", 1)
        await waiting

    with_news(test)


def test_accounts_are_told_of_once_for_all_their_changes_and_after_every_gap() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        changes = notifications.changes()
        notifications.watch_accounts(["a1", "a2", "a1"])
        await node.until_subscribed(2)
        method, (address, config) = node.subscribed[0]
        assert (method, address, config["commitment"]) == ("accountSubscribe", "a1", "confirmed")
        for subscription in (1, 1, 0):
            await node.tell("accountNotification", subscription)
        assert {await anext(changes), await anext(changes)} == {"a1", "a2"}
        await node.sockets[0].close()  # A notification may have been missed.
        assert {await anext(changes), await anext(changes)} == {"a1", "a2"}
        await node.until_subscribed(4)
        await node.tell("accountNotification", 2)
        assert await anext(changes) == node.subscribed[2][1][0]
        await changes.aclose()

    with_news(test)


def test_what_is_watched_is_bounded_and_the_oldest_goes_first() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        for at in range(SIGNATURES_MAX):
            await notifications.wait(f"s{at}", 0.0)
        await node.until_subscribed(SIGNATURES_MAX)
        notifications.watch_accounts(f"a{at}" for at in range(ACCOUNTS_MAX + 10))
        await node.until_subscribed(SIGNATURES_MAX + ACCOUNTS_MAX)
        await until(
            lambda: (
                len(notifications._connection._subscriptions) == SIGNATURES_MAX + ACCOUNTS_MAX
                if notifications._connection
                else False
            )
        )
        await notifications.wait("new", 0.0)
        await node.until_subscribed(SIGNATURES_MAX + ACCOUNTS_MAX + 2)
        assert node.subscribed[-2:] == [
            ("signatureUnsubscribe", [0]),
            ("signatureSubscribe", ["new", {"commitment": "confirmed"}]),
        ]

    with_news(test)


def test_without_a_connection_wait_sleeps() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        with structlog.testing.capture_logs() as lines:
            async with Notifications("ws://127.0.0.1:1", clock) as notifications:
                waiting = asyncio.create_task(notifications.wait("s1", 5.0))
                while not waiting.done():
                    await asyncio.sleep(0.001)
                    due_ns = clock.next_due_ns()
                    if due_ns is not None:
                        clock.advance_to(due_ns)
                assert not notifications.connected
        assert clock.now_ns() >= START_NS + 5 * NS
        assert [line["event"] for line in lines] == ["news_lost"]  # Logged once, however often it is tried.

    run(test())


def test_a_chain_waits_for_notifications() -> None:
    async def test(node: Node, notifications: Notifications) -> None:
        clock = SystemClock()
        async with (
            Rpc([node.url()], clock, requests_per_s=math.inf) as rpc,
            RpcChain(rpc, clock, notifications=notifications) as chain,
        ):
            waiting = asyncio.create_task(chain.wait("s1", HOUR_S))
            await node.until_subscribed(1)
            await node.tell("signatureNotification", 0)
            await waiting

    with_news(test)
