"""The swap API's client against a scripted server: accepted and refused answers, and answers without information."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from tests.support.maker_on_chain import BONK, NEW, USDC
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.enums import Side
from overmind.core.model.ids import Mint
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import NS
from overmind.ports import SwapOffer, VenueUnavailable
from overmind.solana.jupiter_api import BODY_BYTES_MAX, PRICE_IDS_MAX, JupiterApi, JupiterLooks

TAKER = "GkwFnmMDvn3HGMpJpWBg8tgJxr3NxNvg3AXxvXVPbRGJ"
ORDER = order(USDC.mint, BONK.mint, 1_000_000)
KEY = "jup-secret-key-0123456789"
GOOD: dict[str, Any] = {
    "mode": "ultra",
    "inputMint": USDC.mint,
    "outputMint": BONK.mint,
    "inAmount": "1000000",
    "outAmount": "5000",
    "otherAmountThreshold": "4950",
    "swapMode": "ExactIn",
    "slippageBps": 100,
    "priceImpact": -0.1,
    "signatureFeePayer": TAKER,
    "taker": TAKER,
    "transaction": base64.b64encode(bytes(range(200))).decode(),
    "lastValidBlockHeight": "314",
    "gasless": False,
    "requestId": "r",
    "fieldOfTheFuture": {"unknown": [1, 2]},
}
WITHOUT = object()  # as a value: the field is absent


class Server:
    """Gives the same answer to everything."""

    def __init__(self) -> None:
        self.status = 200
        self.body: bytes = json.dumps(GOOD).encode()
        self.headers: dict[str, str] = {}
        self.asked: list[web.Request] = []
        self.url = ""

    def says(self, **changes: object) -> None:
        changed = {**GOOD, **changes}
        self.body = json.dumps({name: value for name, value in changed.items() if value is not WITHOUT}).encode()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.add_routes([web.get("/{path:.*}", server.answer)])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


class SetClock(SystemClock):
    def __init__(self) -> None:
        self.at_ns = 1_700_000_000 * NS

    def now_ns(self) -> int:
        return self.at_ns


def _run(story: Callable[[Server, JupiterApi, SetClock], Awaitable[None]]) -> None:
    async def main() -> None:
        clock = SetClock()
        async with serving() as server, JupiterApi(server.url, clock, KEY, timeout_s=30.0) as api:
            await story(server, api, clock)

    asyncio.run(main())


def test_a_good_offer_is_read() -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        offer = await api.order(ORDER, TAKER)
        assert offer == SwapOffer(
            input_mint=USDC.mint,
            output_mint=BONK.mint,
            in_units=1_000_000,
            out_units=5_000,
            out_min_units=4_950,
            impact_bps=10,
            transaction=bytes(range(200)),
            last_valid_height=314,
        )
        assert server.asked[0].headers["x-api-key"] == KEY

    _run(story)


@pytest.mark.parametrize(
    ("told", "bps"),
    [(-0.1, 10), (0.1, 10), (0, 0), (-0.1001, 11), (1e-30, 1), (-100, 10_000), (12.345, 1_235)],
)
def test_impact_counts_in_both_directions_and_up(told: float, bps: int) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.says(priceImpact=told)
        offer = await api.order(ORDER, TAKER)
        assert isinstance(offer, SwapOffer)
        assert offer.impact_bps == bps

    _run(story)


AMOUNTS = [None, WITHOUT, "", "0", "-1", "1.5", "1e3", " 1", "٣", "0x10", str(2**64), "9" * 40, "NaN"]
REFUSED: list[tuple[str, list[object]]] = [
    ("inputMint", [None, WITHOUT, "", BONK.mint]),
    ("outputMint", [None, WITHOUT, "", USDC.mint]),
    ("inAmount", [*AMOUNTS, "1000001", "01000000"]),
    ("outAmount", AMOUNTS),
    ("otherAmountThreshold", [*AMOUNTS, "5001"]),
    ("signatureFeePayer", [None, WITHOUT, "", USDC.mint]),
    ("taker", [USDC.mint]),
    ("swapMode", ["ExactOut"]),
    ("priceImpact", [None, WITHOUT]),
    ("transaction", [None, WITHOUT]),
]


@pytest.mark.parametrize(("name", "values"), REFUSED)
def test_an_offer_that_differs_from_the_request_is_refused(name: str, values: list[object]) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        for value in values:
            server.says(**{name: value})
            refused = await api.order(ORDER, TAKER)
            assert isinstance(refused, Rejected), value
            assert refused.cause is Cause.BAD_QUOTE, (value, refused)
            assert refused.detail

    _run(story)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("outAmount", [5, [], {}, True]),
        ("inputMint", [5]),
        ("priceImpact", [[], {}, True, "much", "NaN", "Infinity", 1e300, "1e-9999999999", "0_1", "٣"]),
        ("transaction", [5, "not base64", "AAA", base64.b64encode(bytes(1_233)).decode()]),
        ("errorCode", ["1"]),
        ("lastValidBlockHeight", [[], 1.5]),
    ],
)
def test_an_unreadable_answer_is_unavailable(name: str, values: list[object]) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        for value in values:
            server.says(**{name: value})
            with pytest.raises(VenueUnavailable):
                await api.order(ORDER, TAKER)

    _run(story)


def test_an_overlarge_number_is_unavailable() -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.body = json.dumps(GOOD).encode().replace(b"-0.1", b"1e99999999999999999999")
        with pytest.raises(VenueUnavailable):
            await api.order(ORDER, TAKER)

    _run(story)


@pytest.mark.parametrize("told", [None, WITHOUT, "", "soon", str(2**64), -1])
def test_the_server_s_bound_is_a_claim_that_may_be_missing(told: object) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.says(lastValidBlockHeight=told)
        offer = await api.order(ORDER, TAKER)
        assert isinstance(offer, SwapOffer)
        assert offer.last_valid_height == 0

    _run(story)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (1, Cause.WALLET_FUNDS),
        (2, Cause.WALLET_FUNDS),
        (3, Cause.NO_LIQUIDITY),
        (0, Cause.NO_LIQUIDITY),
        (None, Cause.NO_LIQUIDITY),
        (10**30, None),
    ],
)
def test_a_quote_that_could_not_be_built(code: int | None, cause: Cause | None) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.says(transaction="", errorCode=code, outAmount=None, signatureFeePayer=None)
        try:
            refused = await api.order(ORDER, TAKER)
        except VenueUnavailable:
            assert cause is None
        else:
            assert isinstance(refused, Rejected)
            assert refused.cause is (cause or Cause.NO_LIQUIDITY)

    _run(story)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("No routes found", Cause.NO_LIQUIDITY),
        ("NO_ROUTES_FOUND", Cause.NO_LIQUIDITY),
        ("COULD_NOT_FIND_ANY_ROUTE", Cause.NO_LIQUIDITY),
        ("TOKEN_NOT_TRADABLE", Cause.NO_LIQUIDITY),
        ("Failed to get quotes", Cause.NO_LIQUIDITY),
        ("slippageBps: out of range", Cause.BAD_QUOTE),
        (None, Cause.BAD_QUOTE),
    ],
)
def test_a_refusal_keeps_its_message(error: str | None, cause: Cause) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.status, server.body = 400, json.dumps({"requestId": "r", "error": error}).encode()
        refused = await api.order(ORDER, TAKER)
        assert isinstance(refused, Rejected)
        assert refused.cause is cause

    _run(story)


def test_its_words_are_shortened_and_hold_neither_control_characters_nor_our_key() -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        error = f"key {KEY} is \x1b[31mbad\n" + "x" * 10_000
        server.status, server.body = 400, json.dumps({"error": error}).encode()
        refused = await api.order(ORDER, TAKER)
        assert isinstance(refused, Rejected)
        assert refused.detail.isprintable()
        assert len(refused.detail) < 300
        assert KEY not in refused.detail
        assert KEY not in repr(api)

    _run(story)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 401, 403, 404, 500, 502, 503, 504])
def test_other_statuses_are_unavailable(status: int) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.status, server.headers = status, {"Location": "/elsewhere"}
        with pytest.raises(VenueUnavailable, match=str(status)):
            await api.order(ORDER, TAKER)
        assert len(server.asked) == 1

    _run(story)


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "OVERMIND_SWAP_API_KEY"), (403, "OVERMIND_SWAP_API_KEY"), (404, "OVERMIND_SWAP_URL"), (503, "its own")],
)
def test_a_status_is_told_with_what_to_look_at(status: int, says: str) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.status = status
        with pytest.raises(VenueUnavailable, match=says) as told:
            await api.order(ORDER, TAKER)
        assert KEY not in str(told.value)

    _run(story)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"5",
        b'"text"',
        b"<html></html>",
        json.dumps(GOOD).encode()[:-5],
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"outAmount": NaN}',
        b" " * (BODY_BYTES_MAX + 1) + b"{}",
    ],
    ids=range(11),
)
def test_bodies_that_are_not_answers_are_unavailable(body: bytes) -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        for status in (200, 400):
            server.status, server.body = status, body
            with pytest.raises(VenueUnavailable):
                await api.order(ORDER, TAKER)
            with pytest.raises(VenueUnavailable):
                await api.prices([USDC.mint])

    _run(story)


@pytest.mark.parametrize(
    ("headers", "waits_s"),
    [
        ({}, 1),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "nonsense"}, 1),
        ({"Retry-After": "999999999"}, 60),
        ({"x-ratelimit-reset": "1700000009"}, 9),
        ({"x-ratelimit-reset": "5"}, 1),
    ],
)
def test_too_many_requests_is_a_pause_without_further_requests(headers: dict[str, str], waits_s: int) -> None:
    async def story(server: Server, api: JupiterApi, clock: SetClock) -> None:
        server.status, server.headers = 429, headers
        with pytest.raises(VenueUnavailable):
            await api.order(ORDER, TAKER)
        server.status = 200
        clock.at_ns += waits_s * NS - 1
        with pytest.raises(VenueUnavailable):
            await api.order(ORDER, TAKER)
        assert len(server.asked) == 1
        clock.at_ns += 1
        assert isinstance(await api.order(ORDER, TAKER), SwapOffer)

    _run(story)


def test_a_pause_does_not_outlast_a_clock_that_is_set_back() -> None:
    async def story(server: Server, api: JupiterApi, clock: SetClock) -> None:
        server.status, server.headers = 429, {"Retry-After": "7"}
        with pytest.raises(VenueUnavailable):
            await api.order(ORDER, TAKER)
        server.status = 200
        clock.at_ns -= 3_600 * NS
        assert isinstance(await api.order(ORDER, TAKER), SwapOffer)

    _run(story)


def test_a_server_that_is_down_or_silent_is_unavailable() -> None:
    async def main() -> None:
        async with serving() as server:
            gone = server.url
        async with JupiterApi(gone, SystemClock()) as api:
            with pytest.raises(VenueUnavailable):
                await api.order(ORDER, TAKER)

        async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()  # Until the client leaves.
            writer.close()

        mute = await asyncio.start_server(never, "127.0.0.1", 0)
        port = mute.sockets[0].getsockname()[1]
        async with JupiterApi(f"http://127.0.0.1:{port}", SystemClock(), timeout_s=0.2) as api:
            with pytest.raises(VenueUnavailable):
                await api.order(ORDER, TAKER)
        mute.close()
        await asyncio.sleep(0.05)

    asyncio.run(main())


def test_prices_are_asked_fifty_at_a_time_and_read_one_by_one() -> None:
    async def story(server: Server, api: JupiterApi, _: SetClock) -> None:
        server.body = (
            b'{"%s": {"usdPrice": 0.1, "liquidity": 12.5, "blockId": null}, "%s": {"usdPrice": []}, "other": null}'
            % (USDC.mint.encode(), NEW.mint.encode())
        )
        mints = [*(Mint(f"mint{number}") for number in range(PRICE_IDS_MAX)), USDC.mint, BONK.mint, NEW.mint]
        prices = await api.prices(mints)
        assert [len(asked.query["ids"].split(",")) for asked in server.asked] == [50, 3]
        assert prices[USDC.mint].usd_price == Decimal("0.1")
        assert prices[NEW.mint].usd_price is None  # One malformed price does not hide the others.
        assert set(prices) == {USDC.mint, NEW.mint}

    _run(story)


def test_a_look_uses_no_request_that_an_exit_or_another_entry_may_need() -> None:
    """A sale that is only tried is as little urgent as a buy."""

    async def main() -> None:
        sale = order(BONK.mint, USDC.mint, 1_000_000, Side.SELL)
        async with serving() as server, JupiterApi(server.url, SetClock(), KEY, 30.0, requests_per_min=30) as api:
            looks = JupiterLooks(api)
            server.says(inputMint=BONK.mint, outputMint=USDC.mint)
            await looks.order(sale, TAKER)
            server.body = b"{}"
            await looks.prices([BONK.mint])
            server.says()
            await looks.order(ORDER, TAKER)
            await looks.order(ORDER, TAKER)
            for asked in (looks.order(sale, TAKER), looks.order(ORDER, TAKER), looks.prices([BONK.mint])):
                with pytest.raises(VenueUnavailable, match="is used up"):
                    await asked
            for _ in range(5):
                assert isinstance(await api.order(ORDER, TAKER), SwapOffer)
            with pytest.raises(VenueUnavailable, match="is used up"):
                await api.order(ORDER, TAKER)
            server.says(inputMint=BONK.mint, outputMint=USDC.mint)
            for _ in range(6):
                assert isinstance(await api.order(sale, TAKER), SwapOffer)

    asyncio.run(main())
