"""Notifications over WebSocket. They only shorten waiting; polling decides.

There is one connection. When it is lost, it reconnects after a pause and subscribes to everything again, unnoticed by
callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
import structlog

from overmind.ports import Clock
from overmind.solana.addresses import HTTP, WEBSOCKET, Address
from overmind.solana.backoff import backoff_s
from overmind.solana.resolver import connector
from overmind.solana.ws_connection import WsConnection

MESSAGE_MAX: Final = 2**20  # bytes
SIGNATURES_MAX: Final = 1_024
ACCOUNTS_MAX: Final = 1_024
CONNECT_S: Final = 10.0
HEARTBEAT_S: Final = 20.0

log = structlog.get_logger("rpc")


class Notifications:
    """Use as `async with Notifications(url, clock) as news`. `url`: ws(s):// as it is, or the http(s):// of a node."""

    def __init__(self, url: str, clock: Clock, *, headers: Mapping[str, str] | None = None) -> None:
        address = Address(url, schemes=(*HTTP, *WEBSOCKET))
        self.name = address.name
        self._url = address.websocket()
        self._headers = {**address.headers, **(headers or {})}
        self._clock = clock
        self._signatures: dict[str, asyncio.Future[None] | None] = {}  # None: already notified
        self._accounts: dict[str, None] = {}
        self._changed: dict[str, None] = {}
        self._change = asyncio.Event()
        self._connection: WsConnection | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"Notifications({self.name})"

    @property
    def connected(self) -> bool:
        return self._connection is not None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        ended = await asyncio.gather(self._task, return_exceptions=True)
        if isinstance(ended[0], Exception):
            raise ended[0]  # A bug: failures of the node are caught where they happen.

    async def wait(self, signature: str, seconds: float) -> None:
        """Sleeps, or less if a notification for the signature arrives. Each signature is notified once."""
        heard = self._watched(signature)
        if heard is None:
            await self._clock.sleep(seconds)
            return
        asleep = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait((heard, asleep), return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            await asyncio.gather(asleep, return_exceptions=True)
        if heard.done() and signature in self._signatures:
            self._signatures[signature] = None

    def watch_accounts(self, addresses: Iterable[str]) -> None:
        """Reports these accounts in `changes` from now on. Those beyond the bound are only polled."""
        for address in addresses:
            if address not in self._accounts and len(self._accounts) < ACCOUNTS_MAX:
                self._accounts[address] = None
                self._subscribe("account", address)

    async def changes(self) -> AsyncGenerator[str, None]:
        """Yields addresses that may have changed, each once for all its changes in between. For a single reader."""
        while True:
            await self._change.wait()
            while self._changed:
                address = next(iter(self._changed))
                del self._changed[address]
                yield address
            self._change.clear()

    def _watched(self, signature: str) -> asyncio.Future[None] | None:
        if signature not in self._signatures:
            while len(self._signatures) >= SIGNATURES_MAX:
                self._forget(next(iter(self._signatures)))
            self._signatures[signature] = asyncio.get_running_loop().create_future()
            self._subscribe("signature", signature)
        return self._signatures[signature]

    def _forget(self, signature: str) -> None:
        """Drops the oldest subscription. Its waiters sleep for their full time."""
        del self._signatures[signature]
        if self._connection is not None:
            self._connection.unsubscribe("signature", signature)

    def _subscribe(self, kind: str, of: str) -> None:
        if self._connection is not None:
            self._connection.subscribe(kind, of)

    def _on_change(self, of: str) -> None:
        waiter = self._signatures.get(of)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if of in self._accounts:
            self._changed[of] = None
            self._change.set()

    async def _run(self) -> None:
        """Stays connected. Pauses before each reconnection, longer after each that did not help."""
        losses = 0
        async with aiohttp.ClientSession(connector=connector(0), cookie_jar=aiohttp.DummyCookieJar()) as session:
            while True:
                connection = await self._connected(session)
                if connection is not None:
                    await self._listen(connection)
                    losses = 0 if connection.answered else losses  # A connection that answers nothing is not a success.
                losses += 1
                if losses == 1:
                    log.warning("news_lost", endpoint=self.name)
                await self._clock.sleep(backoff_s(losses, self.name))

    async def _connected(self, session: aiohttp.ClientSession) -> WsConnection | None:
        try:
            async with asyncio.timeout(CONNECT_S):
                socket = await session.ws_connect(
                    self._url, headers=self._headers, heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_MAX
                )
        except (aiohttp.ClientError, OSError, ValueError):
            return None
        log.info("news_connected", endpoint=self.name)
        return WsConnection(socket)

    async def _listen(self, connection: WsConnection) -> None:
        """Listens until the connection is lost. Reports every account first: it may have changed before."""
        self._connection = connection
        for signature, waiter in self._signatures.items():
            if waiter is not None and not waiter.done():
                connection.subscribe("signature", signature)
        for address in self._accounts:
            connection.subscribe("account", address)
            self._on_change(address)
        try:
            await connection.listen(self._on_change)
        finally:
            self._connection = None
