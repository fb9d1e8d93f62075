"""A maker on an embedded chain and a trader with money: real HTTP, real signatures."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import aiohttp
from msgspec.structs import replace
from solders.pubkey import Pubkey

from overmind.clock.clocks import SystemClock
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Token
from overmind.core.model.units import LAMPORTS, MICROS, PICO
from overmind.keys.secret_key import SecretKey
from overmind.ports import Clock, Priority, Tick
from overmind.sandbox.localnet import Localnet
from overmind.sandbox.maker.server import Maker
from overmind.solana.rpc import Rpc
from overmind.solana.tokens import TOKEN_PROGRAMS, ata
from overmind.solana.transactions import parse

SOL_TOKEN = Token("SOL", SOL, 9)
USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6)
BONK = Token("BONK", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5)
NEW = Token("NEW", Mint("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo"), 6, "token-2022")
UNLISTED = Mint("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN")
TOKENS = (SOL_TOKEN, USDC, BONK, NEW)
PRICES = {SOL: 150 * PICO, BONK.mint: PICO // 50_000, NEW.mint: 2 * PICO}
DEPTH_MICROS = 10_000_000 * MICROS
LANDS_S = 60.0


class FixedPrices:
    """`ports.Prices` that a test sets."""

    def __init__(self, clock: Clock) -> None:
        self.pico: dict[Mint, int] = dict(PRICES)
        self.age_ns = 0
        self._clock = clock

    def ticks(self) -> Mapping[Mint, Tick]:
        at_ns = self._clock.now_ns() - self.age_ns
        return {mint: Tick(mint, pico, at_ns, DEPTH_MICROS, 0) for mint, pico in self.pico.items()}


class BentPrices:
    """What a lying server shows: the true prices, times a factor."""

    def __init__(self, true: FixedPrices) -> None:
        self.times = Fraction(1)
        self._true = true

    def ticks(self) -> Mapping[Mint, Tick]:
        ticks = self._true.ticks()
        return {mint: replace(tick, price_pico=int(tick.price_pico * self.times)) for mint, tick in ticks.items()}


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Waits with a timeout for slow machines."""
    clock = SystemClock()
    async with asyncio.timeout(LANDS_S):
        while not await check():
            await clock.sleep(0.02)


class MakerOnChain:
    def __init__(self, net: Localnet, rpc: Rpc, prices: FixedPrices, maker: Maker, http: aiohttp.ClientSession) -> None:
        self.net, self.rpc, self.prices, self.maker, self.http = net, rpc, prices, maker, http
        self.key = SecretKey.generate()

    @property
    def trader(self) -> str:
        return self.key.public_key

    async def fund(self) -> None:
        """Sends the trader 100 SOL and a million USDC."""
        await self.rpc.call("requestAirdrop", [self.trader, 100 * LAMPORTS], Priority.MARK)
        self.net.chain.mint_to(USDC.mint, self.trader, 10**12)

        async def arrived() -> bool:
            return await self.units(USDC) >= 10**12 and await self.lamports() >= 100 * LAMPORTS

        await until(arrived)

    async def get(self, path: str, query: Mapping[str, str]) -> tuple[int, Any]:
        async with self.http.get(f"{self.maker.url}{path}", params=query) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: object) -> tuple[int, Any]:
        async with self.http.post(f"{self.maker.url}{path}", json=body) as response:
            return response.status, await response.json()

    async def order(self, given: Token, wanted: Token, units: int, **more: str) -> dict[str, Any]:
        status, offer = await self.get("/swap/v2/order", self.query(given, wanted, units, **more))
        assert status == 200, offer
        assert isinstance(offer, dict)
        return offer

    def query(self, given: Token, wanted: Token, units: int, **more: str) -> dict[str, str]:
        asked = {"inputMint": given.mint, "outputMint": wanted.mint, "amount": str(units)}
        return {**asked, "taker": self.trader, **more}

    def signed(self, transaction: str) -> str:
        """The transaction with the trader's signature inserted."""
        read = parse(base64.b64decode(transaction))
        place = read.signers.index(self.trader)
        signature = bytes(self.key.reveal().sign_message(read.message))
        at = 1 + 64 * place
        return base64.b64encode(read.raw[:at] + signature + read.raw[at + 64 :]).decode()

    async def execute(self, offer: Mapping[str, Any]) -> dict[str, Any]:
        body = {"signedTransaction": self.signed(offer["transaction"]), "requestId": offer["requestId"]}
        status, result = await self.post("/swap/v2/execute", body)
        assert status == 200, result
        assert isinstance(result, dict)
        return result

    async def land(self, transaction: str) -> dict[str, Any]:
        """Sends it without the maker and waits for its status."""
        options = {"encoding": "base64", "skipPreflight": False, "preflightCommitment": "confirmed"}
        signature = await self.rpc.call("sendTransaction", [transaction, options], Priority.ENTRY)
        async with asyncio.timeout(LANDS_S):
            while True:
                answer = await self.rpc.call("getSignatureStatuses", [[signature]], Priority.STATUS)
                assert isinstance(answer, dict)
                status = answer["value"][0]
                if status is not None and status["confirmationStatus"] != "processed":
                    assert isinstance(status, dict)
                    return status
                await asyncio.sleep(0.02)

    async def lamports(self, owner: str = "") -> int:
        params = [owner or self.trader, {"commitment": "confirmed"}]
        answer = await self.rpc.call("getBalance", params, Priority.MARK)
        assert isinstance(answer, dict)
        return int(answer["value"])

    async def units(self, token: Token, owner: str = "") -> int:
        """The amount in a token account; zero if there is none."""
        holder, mint = Pubkey.from_string(owner or self.trader), Pubkey.from_string(token.mint)
        account = ata(holder, mint, TOKEN_PROGRAMS[token.program])
        params = [str(account), {"commitment": "confirmed", "encoding": "base64"}]
        answer = await self.rpc.call("getAccountInfo", params, Priority.MARK)
        assert isinstance(answer, dict)
        if answer["value"] is None:
            return 0
        return int.from_bytes(base64.b64decode(answer["value"]["data"][0])[64:72], "little")


@asynccontextmanager
async def staged(
    *, funded: bool = True, tokens: Sequence[Token] = TOKENS, **options: Any
) -> AsyncIterator[MakerOnChain]:
    """`options` are the maker's."""
    clock = SystemClock()
    prices = FixedPrices(clock)
    async with (
        Localnet(slot_ms=20) as net,
        Rpc([net.url], clock, requests_per_s=math.inf) as rpc,
        Maker(rpc, SecretKey.generate(), tokens, prices, clock, **options) as maker,
        aiohttp.ClientSession() as http,
    ):
        stage = MakerOnChain(net, rpc, prices, maker, http)
        if funded:
            await stage.fund()
        yield stage
