"""The smallest script that lands a two-leg swap: it has both keys, and no maker, checks or books."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import msgspec
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from bench.cluster import ETH, USDC
from overmind.solana import tokens

POLL_S = 0.1
PATIENCE_S = 5.0
YOUNG_S = 0.2  # how long a blockhash is used
STATUSES_MAX = 256
ETH_DECIMALS, USDC_DECIMALS = 8, 6
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Bare:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.trader, self.maker = Keypair(), Keypair()
        self._url, self._session = url, session
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._blockhash, self._read_s = Hash.default(), 0.0
        self._number = 0
        usdc, eth, program = Pubkey.from_string(USDC), Pubkey.from_string(ETH), tokens.TOKEN_PROGRAM
        owners = self.trader.pubkey(), self.maker.pubkey()
        pays, gives = (tokens.ata(owner, mint, program) for owner, mint in zip(owners, (usdc, eth), strict=True))
        gets, earns = (tokens.ata(owner, mint, program) for owner, mint in zip(owners, (eth, usdc), strict=True))
        self._legs = [
            tokens.transfer_checked(pays, usdc, earns, owners[0], 100_000_000, USDC_DECIMALS, program),
            tokens.transfer_checked(gives, eth, gets, owners[1], 5_000_000, ETH_DECIMALS, program),
        ]

    async def swap(self) -> None:
        """Sends the swap until it is confirmed. It may expire while the chain stands still; then a new one is sent."""
        while True:
            await self._refresh()
            packed, signature = self._packed()
            self._waiting[signature] = done = asyncio.get_running_loop().create_future()
            await self._ask("sendTransaction", [packed, {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}])
            finished, _ = await asyncio.wait((done,), timeout=PATIENCE_S)
            if finished:
                return
            del self._waiting[signature]

    async def poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            for signatures in _batches(list(self._waiting)):
                found = await self._ask("getSignatureStatuses", [signatures])
                for signature, status in zip(signatures, found["value"], strict=True):
                    if (
                        status is not None
                        and status["confirmationStatus"] != "processed"
                        and signature in self._waiting
                    ):
                        assert status["err"] is None, status
                        self._waiting.pop(signature).set_result(None)

    def _packed(self) -> tuple[str, str]:
        self._number += 1
        budget = [
            set_compute_unit_limit(60_000 - self._number % 256),
            set_compute_unit_price(50_000 - self._number // 256 % 256),
        ]
        message = MessageV0.try_compile(self.trader.pubkey(), [*budget, *self._legs], [], self._blockhash)
        packed = to_bytes_versioned(message)
        first, second = self.trader.sign_message(packed), self.maker.sign_message(packed)
        whole = b"\x02" + bytes(first) + bytes(second) + packed
        return base64.b64encode(whole).decode(), str(first)

    async def _refresh(self) -> None:
        if time.monotonic() - self._read_s > YOUNG_S:
            self._read_s = time.monotonic()
            found = await self._ask("getLatestBlockhash", [{"commitment": "confirmed"}])
            self._blockhash = Hash.from_string(found["value"]["blockhash"])

    async def _ask(self, method: str, params: list[object]) -> Any:
        body = _encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            answer = _decode(await response.read())
        assert "result" in answer, answer
        return answer["result"]


def _batches(signatures: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(signatures), STATUSES_MAX):
        yield signatures[start : start + STATUSES_MAX]
