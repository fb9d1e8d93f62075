"""Prices of Pyth's oracle, read from the chain: a second source whose operator is not the swap server's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from overmind.core.model.ids import Mint
from overmind.ports import TRUSTED, ChainSilent, Clock, Priority, Tick, Trust
from overmind.solana.pyth import PriceRefused, PythFeed, read_price
from overmind.solana.responses import in_context, listed
from overmind.solana.rpc import Params, RpcError

POLL_S: Final = 1.0
ACCOUNTS_MAX: Final = 100  # per request, as nodes allow
_READING: Final = {"encoding": "base64", "commitment": "confirmed"}

log = structlog.get_logger("prices")


class Asked(Protocol):
    """The part of an RPC client that is used here."""

    async def call(self, method: str, params: Params, priority: Priority) -> object:
        """Raises RpcError, ChainSilent."""


class PythPrices:
    """`ports.SecondSource`, as long as `run()` runs. A price that is refused is absent."""

    name = "pyth"

    def __init__(
        self,
        rpc: Asked,
        feeds: Mapping[Mint, PythFeed],
        clock: Clock,
        interval_s: float = POLL_S,
        trust: Trust = TRUSTED,
    ) -> None:
        """`trust`: in `clock`. The oracle stamps its prices with the true time, which the clock may be ahead of."""
        assert len(feeds) <= ACCOUNTS_MAX, len(feeds)
        self._rpc = rpc
        self._feeds = dict(feeds)
        self._clock = clock
        self._trust = trust
        self._interval_s = interval_s
        self._ticks: dict[Mint, Tick] = {}
        self._refused: dict[Mint, str] = {}  # already logged
        self._silent = ""  # already logged

    @property
    def silent(self) -> bool:
        """The newest poll had no answer."""
        return bool(self._silent)

    def ticks(self) -> Mapping[Mint, Tick]:
        return self._ticks

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await self.poll()
            await self._clock.sleep(self._interval_s)

    async def poll(self) -> None:
        """Polls once. When no node answers, the last prices stay and age."""
        try:
            accounts = await self._accounts()
        except (RpcError, ChainSilent) as silent:
            if not self._silent:
                log.warning("no prices; the last ones stay and age", source=self.name, reason=str(silent))
            self._silent = str(silent)
            return
        if self._silent:
            log.warning("prices are back", source=self.name)
        self._silent = ""
        read = (self._tick(mint, account) for mint, account in zip(self._feeds, accounts, strict=True))
        self._ticks = {tick.mint: tick for tick in read if tick is not None}

    async def _accounts(self) -> list[object]:
        addresses = [feed.account for feed in self._feeds.values()]
        answer = await self._rpc.call("getMultipleAccounts", [addresses, _READING], Priority.MARK)
        accounts = listed(in_context(answer, "accounts of Pyth")[1], "accounts of Pyth")
        if len(accounts) != len(addresses):
            raise ChainSilent(f"a node answers {len(accounts)} accounts for {len(addresses)} addresses")
        return accounts

    def _tick(self, mint: Mint, account: object) -> Tick | None:
        now_ns = self._clock.now_ns()
        ahead_ns = self._trust.ahead_ns
        try:
            price = read_price(account, self._feeds[mint], now_ns - ahead_ns)
        except PriceRefused as refused:
            why = str(refused)
            if mint not in self._refused:
                log.warning("price of the oracle refused", mint=mint, account=self._feeds[mint].account, why=why)
            self._refused[mint] = why
            return None
        self._refused.pop(mint, None)
        return Tick(mint, price.price_pico, price.at_ns + ahead_ns, 0, 0)
