"""Swaps between a trader and the maker on an embedded chain: exact to the unit, once, or not at all."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from solders.pubkey import Pubkey
from tests.support.maker_on_chain import BONK, LANDS_S, NEW, SOL_TOKEN, UNLISTED, USDC, MakerOnChain, staged, until

from overmind.core.model.money import Token
from overmind.core.model.units import LAMPORTS
from overmind.keys.secret_key import SecretKey
from overmind.sandbox.maker.setup import Stock
from overmind.solana.tokens import TOKEN_PROGRAM, ata

RENT, RENT_2022 = 2_039_280, 2_074_080
SWAPS = [
    # A buy into a new account, a sale, SOL in and out, and the other token program.
    (USDC, BONK, 5_000_000, RENT),
    (BONK, USDC, 1_000_000, 0),
    (USDC, SOL_TOKEN, 300_000_000, 0),
    (SOL_TOKEN, USDC, LAMPORTS, 0),
    (USDC, NEW, 10_000_000, RENT_2022),
    (NEW, SOL_TOKEN, 1_000_000, 0),
    (SOL_TOKEN, NEW, LAMPORTS // 10, 0),
    (USDC, BONK, 5_000_000, 0),
]


async def _holds(stage: MakerOnChain, token: Token) -> int:
    return await stage.lamports() if token == SOL_TOKEN else await stage.units(token)


async def _holds_exactly(stage: MakerOnChain, token: Token, units: int) -> bool:
    return await _holds(stage, token) == units


async def _swap(stage: MakerOnChain, given: Token, wanted: Token, units: int, rent: int) -> None:
    lamports, paid, got = await stage.lamports(), await _holds(stage, given), await _holds(stage, wanted)
    offer = await stage.order(given, wanted, units)
    result = await stage.execute(offer)
    assert result["status"] == "Success", result
    assert offer["rentFeeLamports"] == rent
    costs = offer["signatureFeeLamports"] + offer["prioritizationFeeLamports"] + rent
    moved = {given.mint: -units, wanted.mint: int(offer["outAmount"])}
    for token, before in ((given, paid), (wanted, got)):
        fee = costs if token == SOL_TOKEN else 0
        assert await _holds(stage, token) - before == moved[token.mint] - fee, (token.symbol, offer)
    if SOL_TOKEN not in (given, wanted):
        assert lamports - await stage.lamports() == costs
    assert await stage.units(SOL_TOKEN) == 0  # No wrapped SOL is left.
    assert (result["totalInputAmount"], result["totalOutputAmount"]) == (str(units), offer["outAmount"])


def test_every_kind_of_swap_moves_exactly_what_was_offered() -> None:
    async def main() -> None:
        async with staged() as stage:
            for given, wanted, units, rent in SWAPS:
                await _swap(stage, given, wanted, units, rent)

    asyncio.run(main())


def test_what_the_trader_pays_the_maker_gets() -> None:
    async def main() -> None:
        async with staged() as stage:
            maker = stage.maker.public_key
            before = await stage.units(USDC, maker), await stage.units(SOL_TOKEN, maker)
            offer = await stage.order(USDC, SOL_TOKEN, 150_000_000)
            await stage.execute(offer)
            after = await stage.units(USDC, maker), await stage.units(SOL_TOKEN, maker)
            assert after == (before[0] + 150_000_000, before[1] - int(offer["outAmount"]))

    asyncio.run(main())


def test_equal_orders_are_different_transactions_and_all_land() -> None:
    async def main() -> None:
        async with staged() as stage:
            # All at once: each waits for the answer whether there is a token account yet.
            offers = await asyncio.gather(*(stage.order(USDC, BONK, 1_000_000) for _ in range(20)))
            assert len({offer["outAmount"] for offer in offers}) == 1
            assert len({offer["transaction"] for offer in offers}) == 20
            assert len({offer["requestId"] for offer in offers}) == 20
            results = await asyncio.gather(*(stage.execute(offer) for offer in offers))
            assert {result["status"] for result in results} == {"Success"}
            assert await stage.units(BONK) == 20 * int(offers[0]["outAmount"])
            assert await stage.units(USDC) == 10**12 - 20 * 1_000_000

    asyncio.run(main())


def test_executing_twice_executes_once_and_answers_the_same() -> None:
    async def main() -> None:
        async with staged() as stage:
            offer = await stage.order(USDC, BONK, 1_000_000)
            first, second = await asyncio.gather(stage.execute(offer), stage.execute(offer))
            assert first == second == await stage.execute(offer)
            assert await stage.units(BONK) == int(offer["outAmount"])

    asyncio.run(main())


def test_a_swap_that_the_trader_cannot_pay_for_fails_and_moves_nothing_but_the_fee() -> None:
    async def main() -> None:
        async with staged() as stage:
            lamports = await stage.lamports()
            offer = await stage.order(USDC, BONK, 10**12 + 1)  # One unit more than available.
            result = await stage.execute(offer)
            assert (result["status"], result["code"]) == ("Failed", -1001)
            assert await stage.units(USDC) == 10**12
            fee = offer["signatureFeeLamports"] + offer["prioritizationFeeLamports"]
            assert lamports - await stage.lamports() == fee

    asyncio.run(main())


def test_what_never_lands_is_told_when_its_blockhash_is_over() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            result = await stage.execute(await stage.order(USDC, BONK, 1_000_000))  # The trader cannot pay the fee.
            assert (result["status"], result["code"]) == ("Failed", -1000)

    asyncio.run(main())


def test_only_the_order_s_own_transaction_is_executed() -> None:
    async def main() -> None:
        async with staged() as stage:
            offer, other = await stage.order(USDC, BONK, 1_000_000), await stage.order(USDC, BONK, 2_000_000)
            whole = stage.signed(offer["transaction"])
            request_id = offer["requestId"]
            for transaction, named, code in (
                (whole, "unknown", -1),
                ("not base64!", request_id, -2),
                ("AAAA", request_id, -2),
                (stage.signed(other["transaction"]), request_id, -3),
                (offer["transaction"], request_id, -1003),
            ):
                body = {"signedTransaction": transaction, "requestId": named}
                status, answer = await stage.post("/swap/v2/execute", body)
                assert (status, answer["code"]) == (400, code), answer

    asyncio.run(main())


def test_without_a_taker_it_only_quotes() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            query = stage.query(USDC, BONK, 1_000_000)
            del query["taker"]
            status, offer = await stage.get("/swap/v2/order", query)
            assert (status, offer["transaction"], offer["taker"]) == (200, None, None)
            before = stage.maker.inventory[BONK.mint]
            await stage.order(USDC, BONK, 1_000_000)
            # Only the second offer is a reservation.
            assert before - stage.maker.inventory[BONK.mint] == int(offer["outAmount"])

    asyncio.run(main())


OFF_CURVE = str(ata(Pubkey.default(), Pubkey.default(), TOKEN_PROGRAM))  # a derived address: no key belongs to it
BAD: list[tuple[dict[str, str | None], str]] = [
    ({"inputMint": None}, "inputMint: missing"),
    ({"outputMint": ""}, "outputMint: missing"),
    ({"inputMint": "nonsense"}, "inputMint: not an address"),
    ({"inputMint": UNLISTED}, "TOKEN_NOT_TRADABLE"),
    ({"outputMint": USDC.mint}, "CIRCULAR_ARBITRAGE"),
    ({"amount": None}, "amount: missing"),
    ({"amount": "0"}, "amount: outside"),
    ({"amount": "-5"}, "amount: not a whole number"),
    ({"amount": "1.5"}, "amount: not a whole number"),
    ({"amount": "１２"}, "amount: not a whole number"),
    ({"amount": "1e9"}, "amount: not a whole number"),
    ({"amount": str(2**64)}, "amount: outside"),
    ({"amount": "9" * 5_000}, "amount: not a whole number"),
    ({"amount": str(2**64 - 1)}, "NO_ROUTES_FOUND"),
    ({"amount": "1", "outputMint": SOL_TOKEN.mint, "inputMint": BONK.mint}, "NO_ROUTES_FOUND: the amount is too small"),
    ({"taker": "nonsense"}, "taker: not a wallet"),
    ({"taker": OFF_CURVE}, "taker: not a wallet"),
    ({"taker": ""}, "taker: not a wallet"),
    ({"slippageBps": "10001"}, "slippageBps"),
    ({"slippageBps": "x"}, "slippageBps"),
    ({"priorityFeeLamports": "-1"}, "priorityFeeLamports"),
    ({"swapMode": "ExactOut"}, "swapMode"),
    ({"excludeRouters": "jupiterz,metis"}, "NO_ROUTES_FOUND"),
    ({"receiver": UNLISTED}, "receiver: not offered"),
    ({"payer": UNLISTED}, "payer: not offered"),
]


def test_bad_questions_are_answered_with_400_and_what_is_wrong() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            for path in ("/swap/v2/order", "/swap/v2/build"):
                for changes, expected in BAD:
                    asked = {**stage.query(USDC, BONK, 1_000_000), **changes}
                    query = {name: value for name, value in asked.items() if value is not None}
                    status, answer = await stage.get(path, query)
                    assert status == 400, (changes, answer)
                    assert answer["error"].startswith(expected), (changes, answer)
                    assert answer["requestId"]

    asyncio.run(main())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"requestId":1,"signedTransaction":2}', b"[" * 5_000])
def test_bad_bodies_are_answered_with_400(body: bytes) -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            for path in ("/swap/v2/execute", "/swap/v2/cosign", "/faucet"):
                async with stage.http.post(f"{stage.maker.url}{path}", data=body) as response:
                    assert response.status == 400
                    assert (await response.json())["error"]

    asyncio.run(main())


def test_a_body_beyond_the_bound_is_refused() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            url = f"{stage.maker.url}/swap/v2/execute"
            response = await stage.http.post(url, data=b" " * 100_000)
            assert response.status == 400
            response.close()

    asyncio.run(main())


def test_no_price_or_an_old_one_is_no_route() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            stage.prices.age_ns = 31 * 10**9
            status, answer = await stage.get("/swap/v2/order", stage.query(USDC, BONK, 1_000_000))
            assert (status, answer["error"][:15]) == (400, "NO_ROUTES_FOUND")
            stage.prices.age_ns = 0
            del stage.prices.pico[BONK.mint]
            status, answer = await stage.get("/swap/v2/order", stage.query(USDC, BONK, 1_000_000))
            assert (status, answer["error"][:15]) == (400, "NO_ROUTES_FOUND")

    asyncio.run(main())


def test_it_never_promises_more_than_it_holds_and_releases_what_expired() -> None:
    async def main() -> None:
        async with staged(stock=Stock(units=10_000_000, sol=10)) as stage:
            query = stage.query(USDC, SOL_TOKEN, 1_000_000_000)  # About 6.6 of the 10 SOL.
            first, _ = await stage.get("/swap/v2/order", query)
            second, answer = await stage.get("/swap/v2/order", query)
            assert (first, second) == (200, 400)
            assert "insufficient liquidity" in answer["error"]

            async def released() -> bool:
                return (await stage.get("/swap/v2/order", query))[0] == 200

            await until(released)

    asyncio.run(main())


def test_a_trader_that_cannot_pay_is_told() -> None:
    async def main() -> None:
        async with staged(funded=False, check_funds=True) as stage:
            offer = await stage.order(USDC, BONK, 1_000_000)
            assert (offer["transaction"], offer["errorCode"]) == ("", 1)
            stage.net.chain.mint_to(USDC.mint, stage.trader, 1_000_000)
            async with asyncio.timeout(LANDS_S):
                while offer["errorCode"] == 1:
                    offer = await stage.order(USDC, BONK, 1_000_000)
            assert (offer["transaction"], offer["errorCode"]) == ("", 2)
            await stage.fund()
            assert "errorCode" not in await stage.order(USDC, BONK, 1_000_000)

    asyncio.run(main())


def test_a_priority_fee_that_the_trader_names_is_a_ceiling() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            for wanted in (0, 1_000, 50_000):
                offer = await stage.order(USDC, BONK, 1_000_000, priorityFeeLamports=str(wanted))
                assert max(0, wanted * 99 // 100 - 20) <= offer["prioritizationFeeLamports"] <= wanted
                assert offer["mode"] == "manual"

    asyncio.run(main())


def test_the_faucet_gives_tokens_and_sol() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            for token in (USDC, NEW, SOL_TOKEN):
                body = {"owner": stage.trader, "mint": token.mint, "amount": 7_000_000}
                status, answer = await stage.post("/faucet", body)
                assert status == 200, answer
                await until(partial(_holds_exactly, stage, token, 7_000_000))
            for wrong in ({"amount": 0}, {"owner": "x"}, {"mint": UNLISTED}):
                status, _ = await stage.post("/faucet", {**body, **wrong})
                assert status == 400

    asyncio.run(main())


def test_prices_and_health() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            ids = f"{SOL_TOKEN.mint},{USDC.mint},{BONK.mint},{UNLISTED},nonsense"
            status, prices = await stage.get("/price/v3", {"ids": ids})
            assert status == 200
            told = {mint: (price["usdPrice"], price["decimals"]) for mint, price in prices.items()}
            assert told == {SOL_TOKEN.mint: (150, 9), USDC.mint: (1, 6), BONK.mint: (0.00002, 5)}
            assert (await stage.get("/price/v3", {"ids": ""}))[0] == 400
            assert (await stage.get("/price/v3", {"ids": ",".join([USDC.mint] * 51)}))[0] == 400
            status, health = await stage.get("/healthz", {})
            assert (status, health["ok"], health["maker"]) == (200, True, stage.maker.public_key)

    asyncio.run(main())


def test_the_api_key_and_the_rate_limit() -> None:
    async def main() -> None:
        async with staged(funded=False, api_key="sesame", rate_max_per_s=2) as stage:
            url = f"{stage.maker.url}/price/v3?ids={USDC.mint}"
            async with stage.http.get(url, headers={"x-api-key": "wrong"}) as response:
                assert response.status == 401
            async with stage.http.get(url, headers={"x-api-key": "sesame"}) as response:
                assert response.status == 200
            statuses: list[Any] = []
            async with asyncio.timeout(LANDS_S):
                while 429 not in statuses:
                    async with stage.http.get(url) as response:
                        statuses.append(response.status)
                        headers, text = response.headers, await response.text()
            assert (headers["Retry-After"], text) == ("1", "[API Gateway] Too many requests")

    asyncio.run(main())


def test_a_silent_chain_gives_no_offer_and_no_crash() -> None:
    async def main() -> None:
        async with staged(funded=False) as stage:
            stage.key = SecretKey.generate()  # The maker must query whether this one has a token account.
            await stage.net.__aexit__(None, None, None)
            status, _ = await stage.get("/swap/v2/order", stage.query(USDC, BONK, 1_000_000))
            assert status == 503

    asyncio.run(main())
