"""The relay's client against scripted regions, over real HTTP: what goes over the wire, and when."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.hostile_transactions import BONK, OWNER, USDC, offered, order, swap
from tests.support.scripted_nodes import Fault, Node, RawAnswer, dead_url, serving
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import NS
from overmind.ports import ChainSilent, Priority, VenueUnavailable
from overmind.sandbox.localnet import Localnet
from overmind.sandbox.localnet.relay import TIP_ACCOUNTS, RelayTerms
from overmind.solana.routes.relay import FLOOR_AGE_MAX_S, RESEND_S, RelayRoute, RelaySettings
from overmind.solana.routes.tips import read_tip_accounts, read_tip_floor

START_NS = 1_750_000_000 * NS


def signed(out: int) -> bytes:
    """A transaction for each output; its signature is its own."""
    made = offered(swap(USDC, BONK, out=out))
    return made.signed_by_payer(bytes(OWNER.sign_message(made.message)))


RAW = signed(40)
WANTED = order(USDC, BONK, route=RouteName.RELAY, tip_max_lamports=50_000)
SALE = order(BONK, USDC, route=RouteName.RELAY, tip_max_lamports=50_000)
FLOOR = [
    {
        "time": "2024-09-01T12:58:00Z",
        "landed_tips_25th_percentile": 6.001000000000001e-06,
        "landed_tips_50th_percentile": 1e-05,
        "landed_tips_75th_percentile": 3.6196500000000005e-05,
        "landed_tips_95th_percentile": 0.0014479055000000002,
        "landed_tips_99th_percentile": 0.010007999,
        "ema_landed_tips_50th_percentile": 9.836078125000002e-06,
    }
]
RATE_LIMIT = {"code": -32097, "message": "Rate limit exceeded. Limit: 1 per second for txn requests", "data": None}


class Stage:
    def __init__(self, relay: RelayRoute, clock: SteppingClock, regions: list[Node]) -> None:
        self.relay, self.clock, self.regions = relay, clock, regions

    async def send(self, raw: bytes = RAW, priority: Priority = Priority.ENTRY, allowed: bool = True) -> None:
        await self.relay.send(raw, priority, lambda: allowed)

    def pass_s(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now_ns() + round(seconds * NS))


def region(answer: object = "a signature") -> Node:
    node = Node()
    node.answers = {"sendTransaction": answer, "getTipAccounts": list(TIP_ACCOUNTS)}
    return node


@asynccontextmanager
async def staged(*regions: Node, rest: str = "", **changes: Any) -> AsyncIterator[Stage]:
    clock = SteppingClock(START_NS)
    async with serving(*regions):
        urls = tuple(one.url(rest=rest) for one in regions)
        settings = RelaySettings(urls, requests_per_s=math.inf, tip_lamports=10_000)
        async with RelayRoute(replace(settings, **changes), clock) as relay:
            yield Stage(relay, clock, list(regions))


def test_the_request_as_it_is_documented() -> None:
    async def story() -> None:
        node = region()
        async with staged(node, rest="/?uuid=my-secret-token", auth="other-secret") as stage:
            await stage.send()
        assert node.paths == ["/api/v1/transactions?uuid=my-secret-token&bundleOnly=true"]
        assert node.headers[0]["x-jito-auth"] == "other-secret"
        encoded = base64.b64encode(RAW).decode()
        wanted = {"id": 1, "method": "sendTransaction", "params": [encoded, {"encoding": "base64"}], "jsonrpc": "2.0"}
        assert node.posts == [wanted]
        assert "secret" not in repr(stage.relay.regions)

    asyncio.run(story())


@pytest.mark.parametrize("rest", ["", "/", "/api/v1", "/api/v1/"])
def test_an_address_with_and_without_its_path(rest: str) -> None:
    async def story() -> None:
        node = region()
        async with staged(node, rest=rest) as stage:
            await stage.send()
            await stage.relay.look()
        assert node.paths == ["/api/v1/transactions?bundleOnly=true", "/api/v1/getTipAccounts"]

    asyncio.run(story())


def test_what_was_accepted_is_not_handed_over_again_at_once_nor_for_ever() -> None:
    async def story() -> None:
        node = region()
        async with staged(node, retries=2) as stage:
            for _ in range(12):
                await stage.send()
                stage.pass_s(RESEND_S / 3)
            assert node.count("sendTransaction") == 3
            await stage.send(signed(41))
            assert node.count("sendTransaction") == 4
        assert stage.relay.counts.sent == 4

    asyncio.run(story())


def test_a_refused_transaction_is_handed_over_again_when_asked() -> None:
    async def story() -> None:
        node = region(Fault(code=-32602, message="Bundles must write lock at least one tip account"))
        async with staged(node) as stage:
            for _ in range(2):
                with pytest.raises(ChainSilent, match=r"127.0.0.1:\d+ refuses sendTransaction: Bundles must write"):
                    await stage.send()
        assert (node.count("sendTransaction"), stage.relay.counts.refused) == (2, 2)

    asyncio.run(story())


def test_a_reason_in_a_400_is_read() -> None:
    async def story() -> None:
        body = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"bundle contains duplicate transactions"}}'
        async with staged(region(RawAnswer(body, 400))) as stage:
            with pytest.raises(ChainSilent, match="duplicate transactions"):
                await stage.send()

    asyncio.run(story())


def test_what_the_chain_has_already_counts_as_accepted() -> None:
    async def story() -> None:
        node = region(Fault(code=-32602, message="bundle contains an already processed transaction"))
        known = region(Fault(code=-32002, message="This transaction has already been processed"))
        async with staged(known) as stage:
            await stage.send()
        async with staged(node) as stage:
            await stage.send()
        assert stage.relay.counts.sent == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    "failing",
    [
        RawAnswer(b"", 503),
        RawAnswer(b"", 429),
        RawAnswer(b"", 500),
        RawAnswer(b"<html>", 200),
        Fault(**RATE_LIMIT),
        17,
    ],
)
def test_another_region_gets_the_same_bytes(failing: object) -> None:
    async def story() -> None:
        first, second = region(failing), region()
        async with staged(first, second) as stage:
            await stage.send()
        assert (first.count("sendTransaction"), second.count("sendTransaction")) == (1, 1)
        assert first.posts[0]["params"] == second.posts[0]["params"]
        assert (stage.relay.counts.sent, stage.relay.counts.refused) == (1, 0)

    asyncio.run(story())


@pytest.mark.parametrize(("latency_ms", "asked"), [(1, 1), (60_000, 0)])
def test_a_region_that_is_slow_is_not_waited_for(latency_ms: int, asked: int) -> None:
    async def story() -> None:
        answered = asyncio.Event()

        async def slowly(_: list[Any]) -> str:
            await answered.wait()
            return "a signature"

        first, second = region(slowly), region()
        async with staged(first, second, max_latency_ms=latency_ms) as stage:
            sending = asyncio.create_task(stage.send())
            await first.until_asked("sendTransaction")
            if asked:
                await second.until_asked("sendTransaction")
            answered.set()
            await sending
        assert second.count("sendTransaction") == asked

    asyncio.run(story())


@pytest.mark.parametrize(("latency_ms", "retries", "asked"), [(5, 2, 3), (5, 0, 1), (60_000, 2, 1)])
def test_how_often_a_lonely_region_that_is_slow_is_asked(latency_ms: int, retries: int, asked: int) -> None:
    async def story() -> None:
        answered = asyncio.Event()

        async def slowly(_: list[Any]) -> str:
            await answered.wait()
            return "a signature"

        node = region(slowly)
        async with staged(node, max_latency_ms=latency_ms, retries=retries) as stage:
            sending = asyncio.create_task(stage.send())
            await node.until_asked("sendTransaction", asked)
            await asyncio.sleep(0.05)
            answered.set()
            await sending
        assert node.count("sendTransaction") == asked
        assert len({str(post["params"]) for post in node.posts}) == 1

    asyncio.run(story())


def test_refused_as_often_as_the_retries_allow() -> None:
    async def story() -> None:
        node = region(RawAnswer(b"", 500))
        async with staged(node, retries=1) as stage:
            for words in ("HTTP 500", "HTTP 500", "asked 2 times, as often as its retries allow"):
                with pytest.raises(ChainSilent, match=words):
                    await stage.send(priority=Priority.EXIT)
        assert node.count("sendTransaction") == 2

    asyncio.run(story())


def test_a_region_without_a_turn_lets_the_other_one_send() -> None:
    async def story() -> None:
        first, second = region(), region()
        async with staged(first, second, requests_per_s=1.0, max_latency_ms=60_000) as stage:
            for out in (41, 42):
                await stage.send(signed(out))
        assert (first.count("sendTransaction"), second.count("sendTransaction")) == (1, 1)

    asyncio.run(story())


def test_one_request_a_second_over_all_wallets_and_exits_first() -> None:
    async def story() -> None:
        node = region()
        async with staged(node, requests_per_s=1.0) as stage:
            await stage.send(signed(1))
            waiting = [
                asyncio.create_task(stage.send(signed(2))),
                asyncio.create_task(stage.send(signed(3), Priority.EXIT)),
            ]
            for _ in range(3):
                await asyncio.sleep(0.01)
            assert node.count("sendTransaction") == 1
            for number in (2, 3):
                stage.pass_s(1)
                await node.until_asked("sendTransaction", number)
            await asyncio.gather(*waiting)
            assert stage.relay.counts.waited == 2
        sent = [post["params"][0] for post in node.posts]
        assert sent == [base64.b64encode(signed(out)).decode() for out in (1, 3, 2)]

    asyncio.run(story())


def test_a_stop_while_it_waits_for_its_turn() -> None:
    async def story() -> None:
        node = region()
        async with staged(node) as stage:
            with pytest.raises(ChainSilent, match="sending is no longer allowed"):
                await stage.send(allowed=False)
        assert node.asked == []

    asyncio.run(story())


def test_a_resting_relay_is_asked_for_exits_alone() -> None:
    async def story() -> None:
        node = region(RawAnswer(b"", 503))
        async with staged(node) as stage:
            for priority, asked in ((Priority.ENTRY, 1), (Priority.ENTRY, 1), (Priority.EXIT, 2)):
                with pytest.raises(ChainSilent):
                    await stage.send(priority=priority)
                assert node.count("sendTransaction") == asked

    asyncio.run(story())


def test_nobody_listens() -> None:
    async def story() -> None:
        clock = SteppingClock(START_NS)
        async with RelayRoute(RelaySettings((dead_url(),), requests_per_s=math.inf), clock) as relay:
            with pytest.raises(ChainSilent, match=r"http://127.0.0.1:1 could not be asked: ClientConnectorError"):
                await relay.send(RAW, Priority.ENTRY)
            with pytest.raises(ChainSilent):
                await relay.look()
            with pytest.raises(VenueUnavailable, match="has not told its tip accounts"):
                relay.tip(WANTED)

    asyncio.run(story())


# Tips


@pytest.mark.parametrize(
    ("wanted", "fixed", "tip"),
    [
        (WANTED, None, 10_000),  # the 50th percentile
        (SALE, None, 36_197),  # the 75th, rounded up
        (WANTED, 7_000, 7_000),
        (SALE, 7_000, 7_000),
        (WANTED, 0, 1_000),  # the minimum
        (replace(WANTED, tip_max_lamports=9_999), None, 9_999),
        (replace(SALE, tip_max_lamports=1_000), 60_000, 1_000),
        (replace(WANTED, tip_max_lamports=999), None, "999 lamports may be tipped, and the relay takes 1000 or more"),
    ],
)
def test_how_much_is_tipped(wanted: Order, fixed: int | None, tip: int | str) -> None:
    async def story() -> None:
        terms = RelayTerms(requests_per_s=0, tip_floor_lamports=(1, 10_000, 36_197, 40_000, 50_000))
        async with Localnet(slot_ms=3_600_000, relay=terms) as net:
            settings = RelaySettings(
                (net.relay_url,), f"{net.relay_url}/bundles/tip_floor", requests_per_s=math.inf, tip_lamports=fixed
            )
            async with RelayRoute(settings, SteppingClock(START_NS)) as relay:
                await relay.look()
                found = relay.tip(wanted)
        if isinstance(found, Rejected):
            assert (found.cause, found.detail) == (Cause.ROUTE_DOWN, tip)
        else:
            assert found == tip

    asyncio.run(story())


def test_an_old_tip_floor_says_nothing() -> None:
    async def story() -> None:
        async with Localnet(slot_ms=3_600_000) as net:
            clock = SteppingClock(START_NS)
            settings = RelaySettings((net.relay_url,), f"{net.relay_url}/bundles/tip_floor", requests_per_s=math.inf)
            async with RelayRoute(settings, clock) as relay:
                await relay.look()
                assert relay.tip(WANTED) == 10_000
                clock.advance_to(clock.now_ns() + round(FLOOR_AGE_MAX_S * NS) + 1)
                with pytest.raises(VenueUnavailable, match="tip floor is not known"):
                    relay.tip(WANTED)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("told", "accounts"),
    [
        (list(TIP_ACCOUNTS), TIP_ACCOUNTS),
        ([], None),
        (None, None),
        ({}, None),
        (["no address"], None),
        ([*TIP_ACCOUNTS, 7], None),
        ([TIP_ACCOUNTS[0]] * 65, None),
    ],
)
def test_tip_accounts_that_can_be_read(told: object, accounts: tuple[str, ...] | None) -> None:
    assert read_tip_accounts(told) == accounts


@pytest.mark.parametrize(
    "told",
    [None, [], {}, [17], [{}], [{"landed_tips_50th_percentile": 1e-5}]],
)
def test_tip_floors_that_cannot_be_read(told: object) -> None:
    assert read_tip_floor(told) is None


@pytest.mark.parametrize("wrong", ["NaN", "inf", -1e-9, 1.1, True, None, "", [], 1e400])
def test_a_tip_that_makes_no_sense(wrong: object) -> None:
    assert read_tip_floor([FLOOR[0] | {"landed_tips_75th_percentile": wrong}]) is None


def test_the_documented_tip_floor() -> None:
    found = read_tip_floor(FLOOR)
    assert found is not None
    assert (found.entry_lamports, found.exit_lamports) == (10_000, 36_197)
