"""Numbers in what servers, nodes and traders send: each is read exactly, or refused, in bounded time."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

from aiohttp import web
from solders.pubkey import Pubkey
from tests.support.maker_on_chain import BONK, USDC
from tests.support.number_draws import bounded, draws, through_the_door
from tests.support.number_grammar import Written, as_json
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import SOL
from overmind.core.model.numbers import scaled
from overmind.ports import ChainSilent, SwapOffer, VenueUnavailable
from overmind.sandbox.maker.listing import listing
from overmind.sandbox.maker.requests import Unreadable, read_request
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.responses import effects, table, tip
from overmind.solana.retry_after import WAIT_MAX_S, retry_after_s
from overmind.solana.wire import Unusable, read_one


@asynccontextmanager
async def swap_server(body: Callable[[], bytes]) -> AsyncIterator[JupiterApi]:
    """A client of a server that answers everything with this body."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body())

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with JupiterApi(f"http://127.0.0.1:{runner.addresses[0][1]}", SystemClock(), timeout_s=30.0) as api:
            yield api
    finally:
        await runner.cleanup()


@through_the_door
def test_prices_of_servers_are_read_exactly_or_dropped(seed: int, count: int) -> None:
    body = b""

    async def main() -> None:
        nonlocal body
        async with swap_server(lambda: body) as api:
            for random, drawn in draws(seed, count):
                told = as_json(random, drawn)
                body = f'{{"{SOL}": {{"usdPrice": {told}}}, "{BONK.mint}": {{"usdPrice": 0.5}}}}'.encode()
                try:
                    prices = await api.prices([SOL, BONK.mint])
                except VenueUnavailable:
                    assert "[" in told or "{" in told, "only a nesting beyond all bounds spoils the other price"
                    continue
                assert prices[BONK.mint].usd_price == Decimal("0.5")
                if (price := prices[SOL].usd_price) is not None:
                    assert scaled(price, 64) == drawn.scaled(64), drawn

    with bounded(count):
        asyncio.run(main())


@through_the_door
def test_offers_of_servers_are_read_exactly_or_refused(seed: int, count: int) -> None:
    offer = {
        "inputMint": USDC.mint,
        "outputMint": BONK.mint,
        "inAmount": "1000000",
        "outAmount": "5000",
        "otherAmountThreshold": "4950",
        "signatureFeePayer": "taker",
        "transaction": base64.b64encode(bytes(200)).decode(),
    }
    body = b""

    async def main() -> int:
        nonlocal body
        accepted, asked = 0, order(USDC.mint, BONK.mint, 1_000_000)
        async with swap_server(lambda: body) as api:
            for random, drawn in draws(seed, count):
                field = random.choice(("priceImpact", "priceImpact", "outAmount", "lastValidBlockHeight"))
                fields = json.dumps({"priceImpact": 0, **offer, field: None})
                body = fields.replace("null", as_json(random, drawn)).encode()
                try:
                    read = await api.order(asked, "taker")
                except VenueUnavailable:
                    continue
                if isinstance(read, SwapOffer):
                    accepted += 1
                    assert 0 <= read.impact_bps <= 10_000
                    if field == "priceImpact":
                        assert read.impact_bps == impact_bps(drawn), drawn
                    elif field == "outAmount":
                        assert read.out_units == drawn.scaled(0), drawn
        return accepted

    with bounded(count):
        assert asyncio.run(main()) > count // 60


def impact_bps(drawn: Written) -> int:
    """In basis points, rounded up, at most all of it."""
    assert drawn.numerator is not None, drawn
    size, shift = abs(drawn.numerator), drawn.exponent + 2
    return min(10_000, size * 10**shift if shift >= 0 else -(-size // 10**-shift))


@through_the_door
def test_answers_of_nodes_are_read_exactly_or_refused(seed: int, count: int) -> None:
    accepted = 0
    for random, drawn in draws(seed, count):
        told, in_quotes = as_json(random, drawn), json.dumps(drawn.text)
        slots = f'{{"jsonrpc": "2.0", "id": 1, "result": {{"absoluteSlot": {told}, "blockHeight": 0}}}}'
        amount = f'{{"accountIndex": 0, "mint": "m", "owner": "o", "uiTokenAmount": {{"amount": {in_quotes}}}}}'
        meta = '"err": null, "preBalances": [1], "postBalances": [1], "fee": 5, "preTokenBalances": []'
        body = f'{{"jsonrpc": "2.0", "id": 1, "result": {{{meta}, "postTokenBalances": [{amount}]}}}}'
        with suppress(ChainSilent, Unusable):
            assert tip(read_one(slots.encode(), 1)).slot == drawn.scaled(0), drawn
            accepted += 1
        with suppress(ChainSilent, Unusable):
            changed = effects(table(read_one(body.encode(), 1), "meta"), ("a",), 1)
            assert changed.tokens[0].post_units == drawn.scaled(0), drawn
            accepted += 1
    assert accepted > 0


@through_the_door
def test_requests_to_the_maker_and_headers_of_servers_are_read_or_refused(seed: int, count: int) -> None:
    maker = Pubkey.new_unique()
    listed = listing([USDC, BONK], maker)
    for random, drawn in draws(seed, count):
        query = {"inputMint": USDC.mint, "outputMint": BONK.mint, "amount": "1"}
        query[random.choice(("amount", "slippageBps", "priorityFeeLamports"))] = drawn.text
        try:
            request = read_request(query, listed, maker)
        except Unreadable:
            pass
        else:
            assert request.in_units == (drawn.scaled(0) if query["amount"] == drawn.text else 1)
        assert 0 <= retry_after_s(drawn.text, 0) <= WAIT_MAX_S
