"""Nodes that answer badly, slowly or not at all: what the client concludes, and which secrets it never shows."""

from __future__ import annotations

import asyncio
import contextlib
import math
import traceback
from collections.abc import Coroutine
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
import structlog
from tests.support.scripted_nodes import Fault, Node, RawAnswer, dead_url, serving
from tests.support.stepping_clock import SteppingClock

from overmind.clock.clocks import SystemClock
from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Priority
from overmind.solana.addresses import Address
from overmind.solana.backoff import DELAY_MAX_S, backoff_s
from overmind.solana.budget import ENTRY_EVERY, IN_FLIGHT_KEPT, IN_FLIGHT_MAX, QueueFull, RequestBudget
from overmind.solana.clusters import WrongCluster, verify_cluster
from overmind.solana.endpoints import BODY_MAX
from overmind.solana.health import FAILURES_MAX, OVERTAKEN_MAX, NodeHealth
from overmind.solana.notifications import Notifications
from overmind.solana.retry_after import retry_after_s
from overmind.solana.rpc import Rpc, RpcError, RpcSilent

MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
DEVNET = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
OURS = "4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn"
START_NS = 1_750_000_000 * NS
HIGH = Priority.STATUS


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


def rpc(*urls: str, clock: SteppingClock | None = None, **options: Any) -> Rpc:
    return Rpc(urls, clock or SteppingClock(START_NS), **{"requests_per_s": math.inf, **options})


async def never(_: object) -> None:
    await asyncio.Event().wait()


# --- what a node may answer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [None, 0, False, "", [], {"rentEpoch": 2**64 - 1}, 2**70, {"a": [None, 1.5]}])
def test_a_result_is_a_result_whatever_it_is(result: object) -> None:
    async def test() -> None:
        node = Node()
        node.answers["get"] = [result]  # In a list: a callable or an exception it is not.
        async with serving(node), rpc(node.url()) as chain:
            answer: Any = await chain.call("get", ["x"])
            assert answer == [result]
            assert [type(one) for one in answer] == [type(result)]
            assert node.asked == [("get", ["x"])]

    run(test())


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32002, "message": "Transaction simulation failed"},  # No data: some parsers die of it.
        {"code": -32002, "message": "Transaction simulation failed", "data": None},
        {"code": -32002, "message": "failed", "data": {"err": "AlreadyProcessed", "logs": None}},
        {"code": -32003, "message": "Transaction signature verification failure"},
        {"code": -32601, "message": None},
        {"code": -32602},
        {"code": -1013, "message": "x" * 5_000, "data": [1]},
    ],
)
def test_an_error_is_the_nodes_own_answer(error: dict[str, Any]) -> None:
    async def test() -> None:
        first, second = Node(), Node()
        first.answers["get"] = Fault(**error)
        second.answers["get"] = 1
        async with serving(first, second), rpc(first.url(), second.url()) as chain:
            with pytest.raises(RpcError) as caught:
                await chain.call("get")
            assert (caught.value.code, caught.value.data) == (error["code"], error.get("data"))
            assert len(str(caught.value)) < 300
            assert not second.asked  # It was answered; asking others would not make it untrue.

    run(test())


SILENCES: list[Any] = [
    RawAnswer(b"<html>down for maintenance</html>"),
    RawAnswer(b""),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":{"a":'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":' + b"[" * 100_000),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":"\xff"}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":' + b"1" * 5_000 + b"}"),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":1e999}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":NaN}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":77,"result":1}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":"1","result":1}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":null,"result":1}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":true,"result":1}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"error":"no"}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"error":{}}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"error":{"code":1e3,"message":"x"}}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"error":{"code":' + b"9" * 400 + b',"message":"x"}}'),
    RawAnswer(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"bad request"}}'),
    RawAnswer(b"[]"),
    RawAnswer(b"null"),
    RawAnswer(b'"ok"'),
    RawAnswer(b"x" * 100, Content_Encoding="gzip"),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":1}', 500),
    RawAnswer(b'{"jsonrpc":"2.0","id":1,"result":1}', 301, Location="http://127.0.0.1:1/"),
    RawAnswer(b"forbidden", 403),
    RawAnswer(b"slow down", 429),
    RawAnswer(b"slow down", 429, Retry_After="7"),
    RawAnswer(b"x" * (BODY_MAX + 1)),
    Fault(code=-32005, message="Node is behind by 42 slots", data={"numSlotsBehind": 42}),
    Fault(code=-32005, message="Node is unhealthy", data={"numSlotsBehind": None}),
    Fault(code=-32005, message="Node is unhealthy"),
    Fault(code=-32005),
    Fault(code=429, message="Too many requests"),
    Fault(code=-32016, message="Minimum context slot has not been reached"),
]


@pytest.mark.parametrize("answer", SILENCES, ids=range(len(SILENCES)))
def test_what_is_no_answer_is_silence_and_another_node_is_asked(answer: Any) -> None:
    async def test() -> None:
        bad, good = Node(), Node()
        bad.answers["get"], good.answers["get"] = answer, 1
        async with serving(bad, good), rpc(bad.url(), good.url()) as chain:
            with pytest.raises(RpcSilent, match=r"http://127\.0\.0\.1:\d+ .*\(get\)"):
                await chain.endpoints[0].call("get", (), HIGH)
            assert await chain.call("get", (), HIGH) == 1
            assert isinstance(RpcSilent(""), ChainSilent)

    run(test())


def test_a_node_that_is_not_there_or_never_answers_is_silent() -> None:
    async def test() -> None:
        hanging = Node()
        hanging.answers["get"] = never
        async with serving(hanging), rpc(dead_url(), hanging.url(), timeout_s=0.2) as chain:
            with pytest.raises(RpcSilent, match=r"ClientConnectorError.*; .*gave no answer within 0.2 s"):
                await chain.call("get")

    run(test())


def test_a_body_that_ends_early_is_silence() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"jsonrpc"')
        await writer.drain()
        writer.close()

    async def test() -> None:
        server = await asyncio.start_server(cut, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, rpc(f"http://127.0.0.1:{port}") as chain:
            with pytest.raises(RpcSilent, match="could not be asked"):
                await chain.call("get")

    run(test())


def test_a_connection_that_the_node_closed_is_reopened() -> None:
    async def test() -> None:
        answered = 0

        async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal answered
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"}")
                answered += 1
                if answered != 2:  # The second request comes over a kept connection, which ends in its face.
                    body = b'{"jsonrpc":"2.0","id":%d,"result":1}' % min(answered, 2)
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    await writer.drain()
                    await reader.readuntil(b"}")
                    answered += 1
            writer.close()

        server = await asyncio.start_server(once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, rpc(f"http://127.0.0.1:{port}") as chain:
            assert await chain.call("get") == 1
            assert await chain.call("get") == 1
            assert answered == 3
            assert chain.endpoints[0].health.failures == 0

    run(test())


# --- batches ----------------------------------------------------------------------------------------------------------


def test_a_batch_is_matched_by_id_and_each_entry_fails_alone() -> None:
    async def test() -> None:
        node = Node()
        node.answers = {"a": 1, "b": Fault(code=-32602, message="no"), "c": None, "d": 4, "e": Fault(code=429)}
        asked = [(name, [name]) for name in "abcde"]

        def reshape(answers: list[Any]) -> list[Any]:
            a, b, c, d, e = answers
            return [e, None, "x", {"id": 10**9, "result": 0}, d | {"result": 5, "id": [1]}, c, b, a]

        node.reshape = reshape
        async with serving(node), rpc(node.url()) as chain:
            a, b, c, d, e = await chain.batch(asked)
            assert (a, c) == (1, None)
            assert isinstance(b, RpcError)
            assert isinstance(d, RpcSilent)  # It was left out of the answer.
            assert isinstance(e, RpcSilent)
            assert len(node.posts) == 1

    run(test())


@pytest.mark.parametrize(
    "reshape",
    [
        lambda answers: [],
        lambda answers: answers[0],
        lambda answers: {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}},
        lambda answers: [dict(one, id=None) for one in answers],
        lambda answers: "ok",
        lambda answers: [{"id": one["id"], "error": {"code": 429}} for one in answers],
    ],
)
def test_a_batch_without_a_usable_answer_is_silence(reshape: Any) -> None:
    async def test() -> None:
        bad, good = Node(), Node()
        bad.answers = good.answers = {"a": 1}
        bad.reshape = reshape
        async with serving(bad, good), rpc(bad.url(), good.url()) as chain:
            with pytest.raises(RpcSilent):
                await chain.endpoints[0].batch([("a", []), ("a", [])], HIGH)
            assert await chain.batch([("a", []), ("a", [])], HIGH) == [1, 1]

    run(test())


# --- health -----------------------------------------------------------------------------------------------------------


def test_a_node_rests_after_failures_in_a_row_until_one_good_answer() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        first, second = Node(), Node()
        first.answers["get"], second.answers["get"] = RawAnswer(status=500), 2
        async with serving(first, second), rpc(first.url(), second.url(), clock=clock) as chain:
            with structlog.testing.capture_logs() as lines:
                for _ in range(FAILURES_MAX):
                    with pytest.raises(RpcSilent):
                        await chain.endpoints[0].call("get")
                assert await chain.call("get") == 2
                assert first.count("get") == FAILURES_MAX  # It rests, so the other node is called.
                with pytest.raises(RpcSilent, match="rests after failures"):
                    await chain.endpoints[0].call("get", (), Priority.ENTRY)
                with pytest.raises(RpcSilent, match="HTTP 500"):  # For an exit every node is tried.
                    await chain.endpoints[0].call("get", (), Priority.EXIT)
                first.answers["get"] = 1
                clock.advance_to(START_NS + round(DELAY_MAX_S * NS))
                assert await chain.endpoints[0].call("get") == 1
                assert await chain.call("get") == 1
            assert [line["event"] for line in lines] == ["endpoint_unhealthy", "endpoint_back"]
            assert {line["endpoint"] for line in lines} == {f"http://127.0.0.1:{first.port}"}

    run(test())


def test_when_all_nodes_rest_only_what_is_urgent_is_still_tried() -> None:
    async def test() -> None:
        node = Node()
        node.answers["get"] = Fault(code=-32005, message="behind")
        async with serving(node), rpc(node.url()) as chain:
            with pytest.raises(RpcSilent):
                await chain.call("get")
            node.answers["get"] = 1
            with pytest.raises(RpcSilent, match="rests"):
                await chain.call("get", (), Priority.MARK)
            assert await chain.call("get", (), Priority.STATUS) == 1
            assert await chain.call("get", (), Priority.MARK) == 1

    run(test())


def test_rests_grow_are_bounded_and_do_not_outlive_a_clock_set_back() -> None:
    clock = SteppingClock(START_NS)
    health = NodeHealth("n", clock)
    rests = []
    for _ in range(12):
        for _ in range(FAILURES_MAX):
            health.failed("x")
        began_ns = clock.now_ns()
        while health.resting:
            clock.advance_to(clock.now_ns() + NS // 20)
        rests.append((clock.now_ns() - began_ns) / NS)
    assert rests[0] <= 0.6
    assert rests[3] > rests[0]
    assert 30 <= rests[-1] <= DELAY_MAX_S + 1
    health.failed("x")
    assert NodeHealth("n", SteppingClock(START_NS)).resting is False
    assert backoff_s(3, "a") == backoff_s(3, "a") != backoff_s(3, "b")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0), ("", 0), ("7", 7), (" 7 ", 7), ("0", 0), ("3600", 60), ("9" * 99, 60), ("-1", 0), ("1.5", 0),
        ("soon", 0), ("²", 0), (formatdate(START_NS / NS + 5, usegmt=True), 5), (formatdate(START_NS / NS - 5), 0),
        (formatdate(START_NS / NS + 5_000), 60), ("Wed, 99 Foo 2026 00:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after_s(header, START_NS) == pytest.approx(seconds)


def test_retry_after_is_honoured_by_everything() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        node = Node()
        node.answers["get"] = RawAnswer(b"", 429, Retry_After="7")
        async with serving(node), rpc(node.url(), clock=clock) as chain:
            with pytest.raises(RpcSilent, match="HTTP 429"):
                await chain.call("get")
            node.answers["get"] = 1
            waiting = asyncio.ensure_future(chain.call("get", (), Priority.EXIT))
            await settle()
            assert clock.next_due_ns() == START_NS + 7 * NS
            assert node.count("get") == 1
            clock.advance_to(START_NS + 7 * NS)
            assert await waiting == 1

    run(test())


# --- the budget -------------------------------------------------------------------------------------------------------


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def drained(clock: SteppingClock, waiting: list[asyncio.Task[None]]) -> None:
    """Time passes from event to event until all had their turn."""
    while not all(task.done() for task in waiting):
        await settle()
        due_ns = clock.next_due_ns()
        if due_ns is not None:
            clock.advance_to(due_ns)


def test_turns_go_to_the_most_urgent_first_and_in_order() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        budget = RequestBudget(clock, 1.0)
        served: list[str] = []

        async def ask(name: str, priority: Priority) -> None:
            await budget.acquire(priority)
            served.append(name)
            budget.release()

        await budget.acquire(Priority.ENTRY)
        budget.release()  # That was the only token.
        waiting = []
        for name, priority in zip(("e1", "m1", "s1", "x1", "e2", "s2", "x2"), (3, 2, 1, 0, 3, 1, 0), strict=True):
            waiting.append(asyncio.create_task(ask(name, Priority(priority))))
            await settle()
        await drained(clock, waiting)
        assert served == ["x1", "x2", "s1", "s2", "m1", "e1", "e2"]
        assert clock.now_ns() == pytest.approx(START_NS + 7 * NS, abs=NS / 1_000)
        await budget.close()

    run(test())


def test_a_full_queue_refuses_entries_first() -> None:
    async def test() -> None:
        budget = RequestBudget(SteppingClock(START_NS), 1.0, waiting_max=2)
        await budget.acquire(Priority.ENTRY)
        entries = [asyncio.create_task(budget.acquire(Priority.ENTRY)) for _ in range(2)]
        await settle()
        with pytest.raises(QueueFull):
            await budget.acquire(Priority.ENTRY)
        exit_ = asyncio.create_task(budget.acquire(Priority.EXIT))
        await settle()
        assert [task.done() for task in entries] == [False, True]  # The newest waiter goes first.
        assert isinstance(entries[1].exception(), QueueFull)
        for task in (entries[0], exit_):
            task.cancel()
        await asyncio.gather(entries[0], exit_, return_exceptions=True)
        await budget.close()

    run(test())


def test_cancelling_a_request_while_it_is_refused_affects_no_other() -> None:
    async def test() -> None:
        budget = RequestBudget(SteppingClock(START_NS), 1.0, waiting_max=2)
        await budget.acquire(Priority.ENTRY)
        entries = [asyncio.create_task(budget.acquire(Priority.ENTRY)) for _ in range(2)]
        await settle()
        entries[1].cancel()
        exit_ = asyncio.create_task(budget.acquire(Priority.EXIT))
        await settle()
        assert not exit_.done()
        assert entries[1].cancelled()
        for task in (entries[0], exit_):
            task.cancel()
        await asyncio.gather(entries[0], exit_, return_exceptions=True)
        await budget.close()

    run(test())


def test_statuses_do_not_starve_entries_and_exits_stay_first() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        budget = RequestBudget(clock, 1.0)
        served: list[str] = []

        async def ask(priority: Priority) -> None:
            await budget.acquire(priority)
            served.append({Priority.EXIT: "x", Priority.ENTRY: "e"}.get(priority, "s"))
            budget.release()

        await budget.acquire(Priority.ENTRY)
        budget.release()  # That was the only token.
        asked = [Priority.STATUS] * 8 + [Priority.ENTRY] * 3 + [Priority.EXIT] * 5
        waiting = [asyncio.create_task(ask(priority)) for priority in asked]
        await drained(clock, waiting)
        assert "".join(served) == "xxxxx" + ("sss" + "e") * 2 + "ss" + "e"
        assert len("ssse") == ENTRY_EVERY
        await budget.close()

    run(test())


def test_concurrent_requests_are_reserved_for_exits_and_released_on_cancel() -> None:
    async def test() -> None:
        budget = RequestBudget(SteppingClock(START_NS), math.inf)
        for _ in range(IN_FLIGHT_MAX - IN_FLIGHT_KEPT):
            await budget.acquire(Priority.MARK)
        mark = asyncio.create_task(budget.acquire(Priority.MARK))
        for _ in range(IN_FLIGHT_KEPT):
            await budget.acquire(Priority.EXIT)
        exit_ = asyncio.create_task(budget.acquire(Priority.EXIT))
        await settle()
        assert not mark.done()
        assert not exit_.done()
        budget.release()
        exit_.cancel()  # At the moment of its turn.
        await asyncio.gather(exit_, return_exceptions=True)
        await asyncio.wait_for(budget.acquire(Priority.EXIT), 5)
        mark.cancel()
        await asyncio.gather(mark, return_exceptions=True)
        await budget.close()

    run(test())


def test_a_batch_costs_a_token_per_request() -> None:
    async def test() -> None:
        clock = SteppingClock(START_NS)
        budget = RequestBudget(clock, 10.0)
        await budget.acquire(Priority.STATUS, cost=50)
        budget.release()
        await drained(clock, [asyncio.create_task(budget.acquire(Priority.STATUS))])
        assert clock.now_ns() == pytest.approx(START_NS + 4.1 * NS, abs=NS / 100)
        await budget.close()

    run(test())


def test_waiting_for_a_turn_ends_and_is_not_the_nodes_fault() -> None:
    async def test() -> None:
        node = Node()
        node.answers["get"] = 1
        async with serving(node), rpc(node.url(), requests_per_s=1.0, timeout_s=0.2) as chain:
            assert await chain.call("get") == 1
            with pytest.raises(RpcSilent, match="no turn"):
                await chain.call("get")
            assert chain.endpoints[0].health.failures == 0

    run(test())


# --- hedging ----------------------------------------------------------------------------------------------------------


def test_a_slow_node_is_overtaken_by_another() -> None:
    async def test() -> None:
        slow, fast = Node(), Node()
        slow.answers["get"], fast.answers["get"] = never, 2
        async with serving(slow, fast), rpc(slow.url(), fast.url(), hedge_after_s=0.01) as chain:
            for _ in range(OVERTAKEN_MAX):
                assert await chain.call("get", hedge=True) == 2
            assert slow.count("get") == OVERTAKEN_MAX
            assert await chain.call("get", hedge=True) == 2
            assert slow.count("get") == OVERTAKEN_MAX  # By now the other node is preferred.

    run(test())


def test_two_nodes_of_which_each_was_overtaken_may_both_be_asked_for_what_is_not_urgent() -> None:
    async def test() -> None:
        nodes = [Node(), Node()]
        for node in nodes:
            node.answers["get"] = 1
        async with serving(*nodes), rpc(*(node.url() for node in nodes)) as chain:
            for endpoint in chain.endpoints:
                for _ in range(OVERTAKEN_MAX):
                    endpoint.health.overtaken()
                assert endpoint.health.avoided
                assert not endpoint.health.resting
            assert await chain.call("get", (), Priority.ENTRY) == 1
            assert not chain.endpoints[0].health.avoided

    run(test())


def test_a_hedged_read_goes_on_to_the_next_when_one_fails_at_once() -> None:
    async def test() -> None:
        nodes = [Node(), Node(), Node()]
        nodes[0].answers["get"], nodes[1].answers["get"] = RawAnswer(status=502), RawAnswer(b"<html>")
        nodes[2].answers["get"] = Fault(code=-32602, message="no such account")
        async with serving(*nodes), rpc(*(node.url() for node in nodes), hedge_after_s=30) as chain:
            with pytest.raises(RpcError, match="no such account"):
                await chain.call("get", hedge=True)
            nodes[2].answers["get"] = RawAnswer(status=502)
            with pytest.raises(RpcSilent, match=r"502.*HTML.*502|502.*502.*HTML"):
                await chain.call("get", (), HIGH, hedge=True)

    run(test())


def test_a_hedged_read_that_is_given_up_leaves_nothing_behind() -> None:
    async def test() -> None:
        nodes = [Node(), Node()]
        for node in nodes:
            node.answers["get"] = never
        async with serving(*nodes), rpc(*(node.url() for node in nodes), hedge_after_s=0.01) as chain:
            before = asyncio.all_tasks()
            asking = asyncio.create_task(chain.call("get", hedge=True))
            await nodes[1].until_asked("get")
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert [task for task in asyncio.all_tasks() - before if "_ask" in repr(task)] == []

    run(test())


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRET = "s3cr3t"
CARRIERS = [  # credentials, and what follows the host
    (f"user:{SECRET}@", ""), (f"{SECRET}:pw@", "/x"), (f"{SECRET}@", ""), ("", f"/{SECRET}"), ("", f"/v1/{SECRET}/x"),
    ("", f"/?api-key={SECRET}"), ("", f"/?{SECRET}"), (f"u:%73{SECRET[1:]}@", f"/{SECRET}?k={SECRET}#{SECRET}"),
]  # fmt: skip
LEAKY: list[Any] = [
    *(answer for answer in SILENCES if not (isinstance(answer, RawAnswer) and len(answer.body) > BODY_MAX)),
    Fault(code=-32401, message=f"invalid api key {SECRET}\nat /{SECRET}", data=SECRET),
    Fault(code=-32005, message=f"key {SECRET} is out of credits"),
    RawAnswer(b'{"jsonrpc":"2.0","id":null,"error":{"code":429,"message":"%s"}}' % SECRET.encode()),
    RawAnswer(f"<html>{SECRET}</html>".encode(), 401),
    never,
]


@pytest.mark.parametrize(
    ("credentials", "rest"),
    [
        pytest.param(*one, marks=[pytest.mark.soak] if 0 < number < len(CARRIERS) - 1 else [])
        for number, one in enumerate(CARRIERS)
    ],
)
def test_a_secret_in_an_address_is_never_shown(credentials: str, rest: str) -> None:
    async def test() -> None:
        node = Node()
        shown: list[str] = []
        with structlog.testing.capture_logs() as lines:
            async with serving(node):
                url = node.url(credentials, rest)
                dead = url.replace(f":{node.port}", ":1")
                # A wait of its own for the one that never answers; the rest have the time that they need.
                async with rpc(url, dead, timeout_s=0.15) as chain:
                    for answer in LEAKY:
                        node.answers["get"] = answer
                        for hedge in (False, True):
                            shown += await _said(chain.call("get", (), Priority.EXIT, hedge=hedge))
                            shown += await _said(chain.batch([("get", [])] * 2, Priority.EXIT, hedge=hedge))
                        shown += await _said(verify_cluster(chain, "devnet"))
                        chain.endpoints[0]._budget = RequestBudget(
                            SteppingClock(START_NS), math.inf
                        )  # No pause: go on.
                    shown += [
                        repr(chain),
                        repr(chain.endpoints),
                        str(chain.endpoints[0]),
                        repr(vars(chain.endpoints[1])),
                    ]
                async with Notifications(url.replace("http", "ws"), SystemClock()) as notifications:
                    shown += [repr(notifications), notifications.name]
        shown += [repr(Address(node.url(credentials, rest))), repr(lines)]
        assert SECRET not in "\n".join(shown)
        assert any("127.0.0.1" in text for text in shown)

    run(test())


async def _said(asked: Coroutine[Any, Any, object]) -> list[str]:
    """Everything that an operator, a log or a tool might see of a failure, its chain of causes included."""
    try:
        answer = await asked
    except (RpcError, ChainSilent, WrongCluster) as error:
        texts: list[str] = []
        one: BaseException | None = error
        while one is not None:
            texts += [str(one), repr(one), *traceback.format_exception(one)]
            one = one.__cause__ or one.__context__
        return texts
    return [repr(answer)]


@pytest.mark.parametrize(
    "url",
    [f"ftp://{SECRET}@h", SECRET, f"http://{SECRET}:x:y@h:z/", f"http:///{SECRET}", f"http://h:99999/{SECRET}", ""],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be http://host\[:port\]") as caught:
        Rpc([url], SteppingClock(START_NS))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_credentials_reach_the_node() -> None:
    async def test() -> None:
        node = Node()
        node.answers["get"] = 1
        url = node.url
        async with serving(node), rpc(url("u%40x:p%C3%A4@", "/k3y/?api-key=a%2Bb"), headers={"x-key": "v"}) as chain:
            await chain.call("get")
            sent = node.headers[0]
            assert sent["Authorization"] == aiohttp.encode_basic_auth("u@x", "pä")
            assert sent["x-key"] == "v"
            assert node.paths == ["/k3y/?api-key=a%2Bb"]

    run(test())


def test_two_nodes_of_one_host_have_two_names() -> None:
    chain = rpc("https://node.example/a1", "https://node.example/b2", "http://[::1]:8899/c3")
    assert [endpoint.name for endpoint in chain.endpoints] == [
        "https://node.example (node 1)", "https://node.example (node 2)", "http://[::1]:8899",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("http", "ws"),
    [
        ("http://127.0.0.1:8899", "ws://127.0.0.1:8900"),
        ("https://api.example/k?x=1", "wss://api.example/k?x=1"),
        ("https://api.example:8443/k", "wss://api.example:8444/k"),
        ("http://api.example", "ws://api.example"),
    ],
)
def test_the_websocket_address_of_a_node(http: str, ws: str) -> None:
    assert str(Address(http).websocket()) == ws


# --- clusters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "first", "second", "refusal"),
    [
        ("devnet", DEVNET, DEVNET, None),
        ("mainnet", MAINNET, MAINNET, None),
        ("localnet", OURS, OURS, None),
        ("devnet", DEVNET, MAINNET, r"belongs to mainnet .* not to devnet: give it the address of a node of devnet"),
        ("localnet", OURS, MAINNET, "belongs to mainnet"),
        ("localnet", DEVNET, DEVNET, "belongs to devnet"),
        ("mainnet", OURS, OURS, "belongs to no public cluster"),
        ("localnet", OURS, "1" * 32, "different chains"),
        ("localnet", "hello", None, "cannot verify.*invalid genesis hash"),
        ("localnet", Fault(code=-32601, message="x"), None, "cannot verify.*refuses"),
        ("mainnet", RawAnswer(status=502), RawAnswer(b"<html>"), "cannot verify.*502.*HTML"),
    ],
)
def test_every_node_must_prove_its_cluster(expected: str, first: Any, second: Any, refusal: str | None) -> None:
    async def test() -> None:
        nodes = [Node(), Node()]
        nodes[0].answers["getGenesisHash"], nodes[1].answers["getGenesisHash"] = first, second
        async with serving(*nodes), rpc(*(node.url() for node in nodes)) as chain:
            if refusal is None:
                assert await verify_cluster(chain, expected) == first == await chain.genesis_hash()
                return
            with pytest.raises((WrongCluster, RpcSilent), match=refusal) as caught:
                await verify_cluster(chain, expected)
            assert isinstance(caught.value, RpcSilent) == refusal.startswith("cannot")

    run(test())


@pytest.mark.parametrize(
    "silence", ["hello", None, Fault(code=-32601, message="x"), RawAnswer(status=502), RawAnswer(b"<html>")]
)
def test_a_silent_node_delays_nothing_and_must_prove_its_cluster_before_use(silence: Any) -> None:
    async def test() -> None:
        first, second = Node(), Node()
        first.answers["getGenesisHash"], second.answers["getGenesisHash"] = OURS, silence
        first.answers["get"], second.answers["get"] = RawAnswer(status=500), 2
        async with serving(first, second), rpc(first.url(), second.url()) as chain:
            assert await verify_cluster(chain, "localnet") == OURS
            for urgent in (Priority.EXIT, HIGH):
                with pytest.raises(RpcSilent):
                    await chain.endpoints[1].call("get", (), urgent)
                with pytest.raises(RpcSilent):
                    await chain.batch([("get", [])], urgent)
            assert not second.count("get")
            second.answers["getGenesisHash"] = OURS
            assert await chain.call("get", (), HIGH) == 2
            asked = second.count("getGenesisHash")
            assert await chain.batch([("get", [])], HIGH) == [2]
            assert second.count("getGenesisHash") == asked  # Once is enough.

    run(test())


def test_a_node_that_turns_out_to_be_of_another_chain_is_never_used() -> None:
    async def test() -> None:
        first, second = Node(), Node()
        first.answers["getGenesisHash"], second.answers["getGenesisHash"] = OURS, RawAnswer(status=502)
        second.answers["get"] = 2
        with structlog.testing.capture_logs() as lines:
            async with serving(first, second), rpc(first.url(), second.url()) as chain:
                await verify_cluster(chain, "localnet")
                for told in (DEVNET, OURS):
                    second.answers["getGenesisHash"] = told
                    with pytest.raises(RpcSilent, match="did not prove"):
                        await chain.endpoints[1].call("get", (), HIGH)
                assert not second.count("get")
        assert [line["log_level"] for line in lines if line["event"] == "endpoint_of_another_chain"] == ["error"]

    run(test())
