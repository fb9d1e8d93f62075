"""Client and maker against the API's own description: every answer in every branch, every request that we make."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from tests.contracts.openapi.schemas import answer_faults, answer_schema, body_faults, query_faults, undocumented
from tests.support.maker_on_chain import BONK, NEW, SOL_TOKEN, UNLISTED, USDC, MakerOnChain, staged
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import Mint
from overmind.core.model.units import LAMPORTS
from overmind.ports import VenueUnavailable
from overmind.solana.jupiter_api import JupiterApi

OURS = {"/swap/v2/build": ["$.requestId: not documented", "$.maker: not documented"]}  # /cosign needs them
PAIRS = [(USDC, BONK), (USDC, SOL_TOKEN), (SOL_TOKEN, USDC), (SOL_TOKEN, NEW), (BONK, NEW)]


def _check(method: str, path: str, status: int, body: object) -> None:
    assert answer_faults(method, path, status, body) == [], body
    if status == 400 and path != "/swap/v2/order":
        assert isinstance(body, dict)
        body = {name: value for name, value in body.items() if name != "requestId"}  # Only /order documents it.
    if (method, path, status) != ("get", "/price/v3", 400):
        assert undocumented(answer_schema(method, path, status), body) == OURS.get(path, []) * (status == 200), body


async def _checked_get(stage: MakerOnChain, path: str, query: dict[str, str], expected: int) -> Any:
    status, body = await stage.get(path, query)
    assert status == expected, body
    _check("get", path, status, body)
    return body


async def _checked_execute(stage: MakerOnChain, transaction: str, request_id: str, expected: int) -> Any:
    asked = {"signedTransaction": transaction, "requestId": request_id}
    assert body_faults("/swap/v2/execute", asked) == []
    status, body = await stage.post("/swap/v2/execute", asked)
    assert status == expected, body
    _check("post", "/swap/v2/execute", status, body)
    return body


def test_every_answer_of_order_and_build() -> None:
    async def main() -> None:
        async with staged(check_funds=True) as stage:
            for given, wanted in PAIRS:
                query = stage.query(given, wanted, 1_000_000)
                for path in ("/swap/v2/order", "/swap/v2/build"):
                    assert query_faults(path, query) == []
                    await _checked_get(stage, path, query, 200)
                    await _checked_get(stage, path, {**query, "amount": "0"}, 400)
                    await _checked_get(stage, path, {**query, "outputMint": UNLISTED}, 400)
                    await _checked_get(stage, path, {**query, "amount": str(2**64 - 1)}, 400)
                del query["taker"]
                assert (await _checked_get(stage, "/swap/v2/order", query, 200))["transaction"] is None
                await _checked_get(stage, "/swap/v2/build", query, 400)
            poor = stage.query(BONK, USDC, 10**9)  # It has none of these tokens.
            assert (await _checked_get(stage, "/swap/v2/order", poor, 200))["transaction"] == ""

    asyncio.run(main())


def test_every_answer_of_execute() -> None:
    async def main() -> None:
        async with staged() as stage:
            offer = await stage.order(USDC, BONK, 1_000_000)
            signed = stage.signed(offer["transaction"])
            await _checked_execute(stage, signed, "unknown", 400)
            await _checked_execute(stage, "nonsense", offer["requestId"], 400)
            await _checked_execute(stage, offer["transaction"], offer["requestId"], 400)
            landed = await _checked_execute(stage, signed, offer["requestId"], 200)
            assert landed["status"] == "Success"
            offer = await stage.order(USDC, BONK, 10**12)  # More than is left.
            failed = await _checked_execute(stage, stage.signed(offer["transaction"]), offer["requestId"], 200)
            assert failed["status"] == "Failed"
            status, body = await stage.post("/swap/v2/execute", {"requestId": 5})
            assert status == 400
            _check("post", "/swap/v2/execute", status, body)

    asyncio.run(main())


def test_an_execution_that_never_lands() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            offer = await stage.order(SOL_TOKEN, USDC, LAMPORTS)
            failed = await _checked_execute(stage, stage.signed(offer["transaction"]), offer["requestId"], 200)
            assert (failed["status"], failed["code"]) == ("Failed", -1000)

    asyncio.run(main())


def test_every_answer_of_prices() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            query = {"ids": f"{SOL_TOKEN.mint},{USDC.mint},{BONK.mint},{UNLISTED}"}
            assert query_faults("/price/v3", query) == []
            assert len(await _checked_get(stage, "/price/v3", query, 200)) == 3
            status, _ = await stage.get("/price/v3", {"ids": ",".join([USDC.mint] * 51)})
            assert status == 400

    asyncio.run(main())


Mutation = Callable[[dict[str, Any]], None]


def _set(name: str, value: object) -> Mutation:
    return lambda body: body.__setitem__(name, value)


MUTATIONS: list[tuple[str, Mutation]] = [
    ("/swap/v2/order", _set("outAmount", 5)),
    ("/swap/v2/order", _set("outAmount", None)),
    ("/swap/v2/order", _set("inUsdValue", "1.0")),
    ("/swap/v2/order", _set("router", "overmind")),
    ("/swap/v2/order", _set("swapType", "swap")),
    ("/swap/v2/order", _set("gasless", 0)),
    ("/swap/v2/order", _set("lastValidBlockHeight", 1)),
    ("/swap/v2/order", lambda body: body["routePlan"][0].pop("percent")),
    ("/swap/v2/order", lambda body: body["routePlan"][0]["swapInfo"].pop("ammKey")),
    ("/swap/v2/build", lambda body: body["swapInstruction"].pop("data")),
    ("/swap/v2/build", lambda body: body["swapInstruction"]["accounts"][0].pop("isSigner")),
    ("/swap/v2/build", _set("swapInstruction", None)),
    ("/swap/v2/build", _set("setupInstructions", None)),
    ("/swap/v2/build", lambda body: body["blockhashWithMetadata"].__setitem__("blockhash", "text")),
]


def test_the_contract_can_be_broken() -> None:
    """A check that never fails proves nothing."""

    async def main() -> None:
        async with staged(funded=False) as stage:
            for path, mutation in MUTATIONS:
                _, body = await stage.get(path, stage.query(USDC, BONK, 1_000_000))
                assert answer_faults("get", path, 200, body) == []
                spoilt = copy.deepcopy(body)
                mutation(spoilt)
                assert answer_faults("get", path, 200, spoilt) != [], spoilt
            misspelt = {**body, "outamount": "1"}
            assert "$.outamount: not documented" in undocumented(answer_schema("get", path, 200), misspelt)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/swap/v2/order", {"inputMint": "a", "outputMint": "b"}),
        ("/swap/v2/order", {"inputMint": "a", "outputMint": "b", "amount": "1", "slippageBps": "1.5"}),
        ("/swap/v2/order", {"inputMint": "a", "outputMint": "b", "amount": "1", "slippageBps": "10001"}),
        ("/swap/v2/order", {"inputMint": "a", "outputMint": "b", "amount": "1", "swapMode": "ExactOut"}),
        ("/swap/v2/order", {"inputMint": "a", "outputMint": "b", "amount": "1", "slipageBps": "1"}),
        ("/price/v3", {}),
    ],
)
def test_a_wrong_request_would_be_seen(path: str, query: dict[str, str]) -> None:
    assert query_faults(path, query) != []


def test_what_our_client_asks_is_as_declared() -> None:
    async def main() -> None:
        asked: list[tuple[str, dict[str, str]]] = []

        async def listen(request: web.Request) -> web.Response:
            asked.append((request.path, dict(request.query)))
            return web.Response(status=500)

        app = web.Application()
        app.add_routes([web.get("/{path:.*}", listen)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with JupiterApi(f"http://127.0.0.1:{runner.addresses[0][1]}", SystemClock()) as api:
            with pytest.raises(VenueUnavailable):
                await api.order(order(USDC.mint, BONK.mint, 2**64 - 1), UNLISTED)
            with pytest.raises(VenueUnavailable):
                await api.prices([Mint(USDC.mint), Mint(BONK.mint)])
        await runner.cleanup()
        assert [path for path, _ in asked] == ["/swap/v2/order", "/price/v3"]
        for path, query in asked:
            assert query_faults(path, query) == []
        assert asked[0][1] == {
            "inputMint": USDC.mint,
            "outputMint": BONK.mint,
            "amount": str(2**64 - 1),
            "taker": UNLISTED,
            "slippageBps": "100",
            "excludeRouters": "jupiterz",
        }

    asyncio.run(main())
