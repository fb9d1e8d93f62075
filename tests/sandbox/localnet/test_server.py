"""The server over real HTTP and WebSocket with a plain client: envelopes, batches, limits, faults."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from tests.support.transactions import (
    ALICE,
    BOB,
    BONK,
    MAKER,
    SOL,
    USDC,
    address,
    furnish,
    held,
    signature_of,
    signed,
    swap_now,
    tokens_of,
    transfer,
)

from overmind.sandbox.localnet import Faults, Localnet
from overmind.sandbox.localnet.server import BODY_MAX, SUBSCRIPTIONS_MAX

ALWAYS = 10**6
PATIENCE_S = 60


class Client:
    def __init__(self, net: Localnet, http: aiohttp.ClientSession) -> None:
        self._net, self.http = net, http

    async def post(self, body: object) -> tuple[int, str]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(self._net.url, data=raw) as answered:
            return answered.status, await answered.text()

    async def ask(self, method: str, *params: object) -> object:
        status, text = await self.post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
        assert status == 200, text
        answered = json.loads(text)
        return answered.get("result", answered.get("error"))


def serving(
    story: Callable[[Localnet, Client], Awaitable[None]], faults: Faults | None = None, slot_ms: int = 20
) -> None:
    async def run() -> None:
        async with Localnet(slot_ms=slot_ms) as net, aiohttp.ClientSession() as http:
            furnish(net.chain)
            net.chain.set_faults(faults or Faults())
            await asyncio.wait_for(story(net, Client(net, http)), PATIENCE_S)

    asyncio.run(run())


def call(number: object, method: str, *params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def test_envelopes() -> None:
    async def story(_net: Localnet, client: Client) -> None:
        for body, expected in (
            (b"{", {"error": {"code": -32700, "message": "Parse error"}, "id": None}),
            (b"3", {"error": {"code": -32600, "message": "Invalid request"}, "id": None}),
            (b"[]", {"error": {"code": -32600, "message": "Invalid request"}, "id": None}),
            (call("a", "getHealth"), {"result": "ok", "id": "a"}),
            ({"jsonrpc": "2.0", "id": 2, "method": "getHealth"}, {"result": "ok", "id": 2}),
            (call(7, "getNothing"), {"error": {"code": -32601, "message": "Method not found"}, "id": 7}),
        ):
            status, text = await client.post(body)
            assert status == 200
            assert json.loads(text) == {"jsonrpc": "2.0"} | expected
        batch = [call(1, "getHealth"), call(2, "nope"), call(3, "getBalance", "x"), 4]
        answers = json.loads((await client.post(batch))[1])
        assert [one["id"] for one in answers] == [1, 2, 3, None]
        assert [one.get("error", {}).get("code") for one in answers] == [None, -32601, -32602, -32600]
        assert await client.post({"jsonrpc": "2.0", "method": "getHealth"}) == (200, "")

    serving(story)


def test_limits_and_other_methods() -> None:
    async def story(net: Localnet, client: Client) -> None:
        assert (await client.post(b" " * (BODY_MAX + 1)))[0] == 413
        async with client.http.get(f"{net.url}/health") as answered:
            assert await answered.text() == "ok"
        async with client.http.get(net.url) as answered:
            assert answered.status == 405

    serving(story)


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("getBalance", [], "expected a string"),
        ("getBalance", ["0OIl"], "Invalid param: Invalid"),
        ("getBalance", ["abc"], "Invalid param: WrongSize"),
        ("getBalance", [address(ALICE), {"commitment": "certain"}], "unknown variant `certain`"),
        ("getBalance", [address(ALICE), 5], "configuration object"),
        ("getMultipleAccounts", [[address(ALICE)] * 101], "Too many inputs provided; max 100"),
        ("getSignatureStatuses", [["1" * 64] * 257], "Too many inputs provided; max 256"),
        ("getSignaturesForAddress", [address(ALICE), {"limit": 1_001}], "Invalid limit; max 1000"),
        ("getTokenAccountsByOwner", [address(ALICE), {"mint": address(BOB)}, {}], "could not find mint"),
        ("getTokenAccountsByOwner", [address(ALICE), {"programId": address(BOB)}], "unrecognized Token program id"),
        ("sendTransaction", ["!!", {"encoding": "base64"}], "invalid base64 encoding"),
        ("sendTransaction", ["AAAA", {"encoding": "base64"}], "failed to"),
        ("sendTransaction", [base64.b64encode(bytes(1_233)).decode(), {"encoding": "base64"}], "too large"),
        (
            "sendTransaction",
            ["A" * 1_645, {"encoding": "base64"}],
            "too large: 1645 bytes (max: encoded/raw 1644/1232)",
        ),
        ("sendTransaction", ["A", {"encoding": "hex"}], "unsupported encoding: hex"),
        ("sendTransaction", [3], "expected a string"),
        ("requestAirdrop", [address(ALICE), -1], "expected u64"),
        ("requestAirdrop", [address(ALICE), 2**64], "expected u64"),
        ("getMinimumBalanceForRentExemption", ["165"], "expected u64"),
        ("overmind_setFaults", [{"dorp_ppm": 1}], "dorp_ppm"),
        ("overmind_setFaults", [{"drop_ppm": 1_000_001}], "drop_ppm"),
        ("overmind_mintTo", [{"mint": address(BOB), "owner": address(BOB), "amount": 1}], "is no mint"),
        (
            "overmind_createMint",
            [{"mint": address(BOB), "decimals": 6, "program": address(BOB)}],
            "is no token program",
        ),
    ],
)
def test_bad_parameters(method: str, params: list[object], words: str) -> None:
    async def story(_net: Localnet, client: Client) -> None:
        error = await client.ask(method, *params)
        assert isinstance(error, dict)
        assert error["code"] == -32602
        assert words in error["message"]

    serving(story)


def test_429_and_what_a_client_may_wait() -> None:
    async def story(net: Localnet, client: Client) -> None:
        async with client.http.post(net.url, json=call(1, "getHealth")) as answered:
            assert answered.status == 429
            assert answered.headers["Retry-After"] == "3"
            assert (await answered.json())["error"]["code"] == 429
        assert await client.ask("overmind_setFaults", {"too_many_requests_ppm": 0})
        assert await client.ask("getHealth") == "ok"

    serving(story, Faults(too_many_requests_ppm=ALWAYS, retry_after_s=3))


@pytest.mark.parametrize(
    ("faults", "body"),
    [
        (
            Faults(unhealthy_ppm=ALWAYS, slots_behind=42),
            {"code": -32005, "message": "Node is behind by 42 slots", "data": {"numSlotsBehind": 42}},
        ),
        (
            Faults(unhealthy_ppm=ALWAYS, slots_behind=None),
            {"code": -32005, "message": "Node is unhealthy", "data": {"numSlotsBehind": None}},
        ),
    ],
)
def test_a_node_that_is_behind(faults: Faults, body: dict[str, object]) -> None:
    async def story(_net: Localnet, client: Client) -> None:
        assert await client.ask("getHealth") == body

    serving(story, faults)


def test_other_refusals_by_fault_for_the_methods_that_are_named() -> None:
    async def story(net: Localnet, client: Client) -> None:
        assert await client.ask("getHealth") == "ok"
        error = await client.ask("getSlot")
        assert isinstance(error, dict)
        assert error["code"] == -32016
        assert error["data"]["contextSlot"] <= net.chain.blocks.head.slot
        net.chain.set_faults(Faults(not_available_ppm=ALWAYS))
        error = await client.ask("getSlot")
        assert isinstance(error, dict)
        assert error["code"] == -32004

    serving(story, Faults(min_context_ppm=ALWAYS, methods=("getSlot",)))


def test_malformed_answers() -> None:
    async def story(net: Localnet, client: Client) -> None:
        for faults, status, start in (
            (Faults(html_ppm=ALWAYS), 502, "<html>"),
            (Faults(wrong_json_ppm=ALWAYS), 200, '{"ok":true}'),
            (Faults(truncated_ppm=ALWAYS), 200, '{"jsonrpc"'),
        ):
            net.chain.set_faults(faults)
            code, text = await client.post(call(1, "getLatestBlockhash"))
            assert code == status
            assert text.startswith(start)
            if faults.truncated_ppm:
                with pytest.raises(json.JSONDecodeError):
                    json.loads(text)

    serving(story)


def test_nulls_wherever_a_node_may_leave_something_out() -> None:
    async def story(net: Localnet, client: Client) -> None:
        raw = swap_now(net.chain)
        sent = await client.ask(
            "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}
        )
        net.chain.advance_slot()
        net.chain.set_faults(Faults(nulls_ppm=ALWAYS))
        found = await client.ask(
            "getTransaction",
            sent,
            {"encoding": "base64", "commitment": "confirmed", "maxSupportedTransactionVersion": 0},
        )
        assert isinstance(found, dict)
        meta = found["meta"]
        assert (found["blockTime"], meta["postTokenBalances"], meta["logMessages"], meta["fee"]) == (None,) * 4
        assert found["transaction"][0]
        statuses = await client.ask("getSignatureStatuses", [sent])
        assert isinstance(statuses, dict)
        assert statuses["value"][0]["status"] == {"Ok": None}

    serving(story)


def test_no_answer_to_an_executed_request() -> None:
    async def story(net: Localnet, client: Client) -> None:
        raw = swap_now(net.chain)
        body = call(1, "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True})
        with pytest.raises(aiohttp.ClientError):
            await client.post(body)
        assert net.chain.history.find(signature_of(raw)) is not None

    serving(story, Faults(silence_ppm=ALWAYS, silence_s=0.05, methods=("sendTransaction",)))


def test_a_rollback_by_request() -> None:
    async def story(net: Localnet, client: Client) -> None:
        raw = swap_now(net.chain)
        await client.ask(
            "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}
        )
        assert await client.ask("overmind_rollback", {"slots": 5, "reland_ppm": 0}) == 5
        assert net.chain.history.find(signature_of(raw)) is None
        assert isinstance(await client.ask("overmind_advance", {"slots": 40}), int)

    serving(story, slot_ms=60_000)


def test_websocket_on_both_ports_and_its_refusals() -> None:
    async def story(net: Localnet, client: Client) -> None:
        for url in (net.ws_url, net.url):
            async with client.http.ws_connect(url) as socket:
                for sent, expected in (
                    (call(1, "slotSubscribe"), None),
                    (call(2, "nothingSubscribe"), {"code": -32601, "message": "Method not found"}),
                    (call(3, "accountSubscribe", "x"), {"code": -32602, "message": "Invalid param: WrongSize"}),
                    (call(4, "slotUnsubscribe", 99_999), False),
                    (call(5, "getHealth"), "ok"),
                ):
                    await socket.send_json(sent)
                    answered = await socket.receive_json()
                    while "method" in answered:
                        answered = await socket.receive_json()
                    assert answered["id"] == sent["id"]
                    if expected is not None:
                        assert answered.get("result", answered.get("error")) == expected
                await socket.send_str("{")
                answered = await socket.receive_json()
                while "method" in answered:
                    answered = await socket.receive_json()
                assert answered["error"]["code"] == -32700

    serving(story)


def test_a_signature_is_told_once_per_level_and_the_receipt_before() -> None:
    async def story(net: Localnet, client: Client) -> None:
        raw = signed([transfer(ALICE, BOB, SOL)], (ALICE,), net.chain.blocks.head.blockhash)
        async with client.http.ws_connect(net.ws_url) as socket:
            numbers = {}
            for level in ("processed", "confirmed", "finalized"):
                config = {"commitment": level, "enableReceivedNotification": level == "confirmed"}
                await socket.send_json(call(level, "signatureSubscribe", signature_of(raw), config))
                numbers[(await socket.receive_json())["result"]] = level
            await client.ask(
                "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}
            )
            heard: list[tuple[str, object]] = []
            while len(heard) < 4:
                params = (await socket.receive_json())["params"]
                heard.append((numbers[params["subscription"]], params["result"]["value"]))
            assert heard == [
                ("confirmed", "receivedSignature"),
                ("processed", {"err": None}),
                ("confirmed", {"err": None}),
                ("finalized", {"err": None}),
            ]

    serving(story)


def test_an_account_too_long_for_base58_is_told_in_base64() -> None:
    async def story(net: Localnet, client: Client) -> None:
        async with client.http.ws_connect(net.ws_url) as socket:
            await socket.send_json(call(1, "accountSubscribe", held(ALICE, USDC), {"commitment": "confirmed"}))
            await socket.receive_json()
            body = base64.b64encode(swap_now(net.chain)).decode()
            await client.ask("sendTransaction", body, {"encoding": "base64", "skipPreflight": True})
            told = (await socket.receive_json())["params"]["result"]["value"]
            assert told["data"][1] == "base64"
            assert told["space"] == 165

    serving(story)


def test_signature_subscriptions_that_ended_do_not_count() -> None:
    async def story(net: Localnet, client: Client) -> None:
        sent = await client.ask("requestAirdrop", address(BOB), SOL)
        async with client.http.ws_connect(net.ws_url) as socket:
            for _ in range(SUBSCRIPTIONS_MAX + 5):
                await socket.send_json(call(1, "signatureSubscribe", sent, {"commitment": "processed"}))
                assert "result" in await socket.receive_json()
                assert (await socket.receive_json())["method"] == "signatureNotification"

    serving(story)


def test_a_process_of_its_own_that_is_killed_and_goes_on(tmp_path: Path) -> None:
    async def started() -> tuple[asyncio.subprocess.Process, dict[str, str]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "overmind.sandbox.localnet", "--port", "0", "--slot-ms", "20", "--seed", "9",
            "--state-dir", str(tmp_path), stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": "src"},
        )  # fmt: skip
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)
        return process, json.loads(line)

    async def ask(http: aiohttp.ClientSession, url: str, method: str, *params: object) -> object:
        async with http.post(url, json=call(1, method, *params)) as answered:
            return (await answered.json())["result"]

    async def run() -> None:
        async with aiohttp.ClientSession() as http:
            process, first = await started()
            sent = await ask(http, first["url"], "requestAirdrop", address(BOB), SOL)
            height = await ask(http, first["url"], "getBlockHeight", {"commitment": "processed"})
            process.kill()
            await process.wait()
            process, second = await started()
            assert second["genesis_hash"] == first["genesis_hash"]
            config = {"commitment": "processed"}
            balance = await ask(http, second["url"], "getBalance", address(BOB), config)
            assert isinstance(balance, dict)
            assert balance["value"] == SOL
            statuses = await ask(
                http, second["url"], "getSignatureStatuses", [sent], {"searchTransactionHistory": True}
            )
            assert isinstance(statuses, dict)
            assert statuses["value"][0]["err"] is None
            later = await ask(http, second["url"], "getBlockHeight", config)
            assert isinstance(later, int)
            assert isinstance(height, int)
            assert later >= height
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0

    asyncio.run(run())


def test_a_port_that_is_taken_is_an_error_with_its_number() -> None:
    async def run() -> None:
        async with Localnet() as net:
            port = int(net.url.rsplit(":", 1)[1])
            with pytest.raises(OSError, match="in use"):
                async with Localnet(port=port):
                    pass

    asyncio.run(run())


def test_tokens_stay_whole_under_every_fault() -> None:
    async def story(net: Localnet, client: Client) -> None:
        for number in range(100):
            raw = swap_now(net.chain, usdc=number + 1, bonk=number + 1)
            body = call(
                1, "sendTransaction", base64.b64encode(raw).decode(), {"encoding": "base64", "skipPreflight": True}
            )
            try:
                await client.post(body)
            except aiohttp.ClientError:
                continue
        for mint, total in ((USDC, 10**9), (BONK, 10**8)):
            assert tokens_of(net.chain, ALICE, mint) + tokens_of(net.chain, MAKER, mint) == total

    rate = 100_000
    serving(
        story,
        Faults(
            seed=3, drop_ppm=rate, delay_ppm=rate, duplicate_ppm=rate, silence_ppm=rate, silence_s=0.01, html_ppm=rate,
            truncated_ppm=rate, too_many_requests_ppm=rate, unhealthy_ppm=rate, rollback_ppm=rate,
        ),
        slot_ms=5,
    )  # fmt: skip
