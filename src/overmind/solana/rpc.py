"""JSON-RPC to a Solana cluster over several nodes: the healthiest first, and the next if it is silent.

It handles plain JSON and knows nothing of transactions. Every request may be sent twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver

from overmind.ports import Allowed, Clock, Priority, always
from overmind.solana.addresses import Address
from overmind.solana.endpoints import Endpoint, Params
from overmind.solana.resolver import connector
from overmind.solana.wire import RpcError, RpcSilent

__all__ = ["Endpoint", "Params", "Rpc", "RpcError", "RpcSilent"]

HEDGE_AFTER_S: Final = 0.25  # while a node's latency is unknown
HEDGE_MIN_S: Final = 0.02
GENESIS_HASH: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}")

log = structlog.get_logger("rpc")

T = TypeVar("T")


class UnprovenEndpoint(Endpoint):
    """A node that may have to prove that it belongs to our chain before it gets any other request."""

    _genesis: str | None = None
    _foreign = False

    def distrust(self, genesis: str) -> None:
        """Requires that it gives this genesis hash before it is used."""
        self._genesis = genesis

    async def call(
        self, method: str, params: Params = (), priority: Priority = Priority.MARK, allowed: Allowed = always
    ) -> object:
        await self._prove(priority)
        return await super().call(method, params, priority, allowed)

    async def batch(self, requests: Sequence[tuple[str, Params]], priority: Priority = Priority.MARK) -> list[object]:
        await self._prove(priority)
        return await super().batch(requests, priority)

    async def _prove(self, priority: Priority) -> None:
        expected = self._genesis
        if expected is None and not self._foreign:
            return
        told = None if self._foreign else await self._proven_genesis(priority)
        if told is not None and told != expected:
            self._foreign = True  # For good, whatever it says later.
            log.error("endpoint_of_another_chain", endpoint=self.name, found=told, expected=expected)
        if told != expected or self._foreign:
            raise RpcSilent(f"{self.name} is not used: it did not prove that it belongs to our chain")
        log.info("endpoint_verified", endpoint=self.name)
        self._genesis = None

    async def _proven_genesis(self, priority: Priority) -> str | None:
        try:
            told = await super().call("getGenesisHash", (), priority)
        except RpcError:
            return None
        return told if isinstance(told, str) and GENESIS_HASH.fullmatch(told) else None


class Rpc:
    """Use as `async with Rpc(...) as rpc`. `endpoints` gives access to each node."""

    def __init__(
        self,
        urls: Sequence[str],
        clock: Clock,
        *,
        requests_per_s: float = 50.0,
        timeout_s: float = 10.0,
        hedge_after_s: float = HEDGE_AFTER_S,
        headers: Mapping[str, str] | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        assert urls, "a chain needs at least one node"
        self._hedge_after_s = hedge_after_s
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        addresses = [Address(url, (headers or {}).values()) for url in urls]
        self.endpoints: tuple[UnprovenEndpoint, ...] = tuple(
            UnprovenEndpoint(
                address,
                clock,
                name=name,
                requests_per_s=requests_per_s,
                timeout_s=timeout_s,
                headers=headers or {},
            )
            for name, address in zip(_names(addresses), addresses, strict=True)
        )

    async def __aenter__(self) -> Self:
        # We bound time and connections ourselves, by priority. Cookies and proxies are not used.
        self._session = aiohttp.ClientSession(
            connector=connector(limit=0, resolver=self._resolver),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        for endpoint in self.endpoints:
            endpoint.open(self._session)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        for endpoint in self.endpoints:
            await endpoint.close()
        await self._session.close()

    async def call(
        self, method: str, params: Params = (), priority: Priority = Priority.MARK, *, hedge: bool = False
    ) -> object:
        """The result. `hedge`: ask a second node too if the first is slow. Raises RpcError, RpcSilent."""
        return await self._ask_in_turn(lambda endpoint: endpoint.call(method, params, priority), hedge)

    async def batch(
        self, requests: Sequence[tuple[str, Params]], priority: Priority = Priority.MARK, *, hedge: bool = False
    ) -> list[object]:
        """All from one node: a result, RpcError or RpcSilent each. Raises RpcSilent if nothing was answered."""
        return await self._ask_in_turn(lambda endpoint: endpoint.batch(requests, priority), hedge)

    async def genesis_hash(self) -> str:
        """Which chain this is. Raises RpcError, RpcSilent."""
        answer = await self.call("getGenesisHash", (), Priority.STATUS)
        if not isinstance(answer, str):
            raise RpcSilent("the nodes' genesis hash is not a text")
        return answer

    async def _ask_in_turn(self, ask: Callable[[Endpoint], Coroutine[object, object, T]], hedge: bool) -> T:
        # Among equals, in the configured order.
        healthy = sorted(self.endpoints, key=lambda one: (one.health.resting, one.health.avoided))
        if hedge and len(healthy) > 1:
            return await self._hedged(ask, healthy)
        silences = []
        for endpoint in healthy:
            try:
                return await ask(endpoint)
            except RpcSilent as silent:
                silences.append(str(silent))
        raise RpcSilent("; ".join(silences))

    async def _hedged(
        self, ask: Callable[[Endpoint], Coroutine[object, object, T]], endpoints: Sequence[Endpoint]
    ) -> T:
        """The first good answer. Asks two nodes at a time, the second once the first is slower than usual."""
        waiting = list(reversed(endpoints))
        asking: dict[asyncio.Future[T], Endpoint] = {}
        silences: list[str] = []
        try:
            while waiting or asking:
                if waiting and len(asking) < 2:
                    endpoint = waiting.pop()
                    asking[asyncio.ensure_future(ask(endpoint))] = endpoint
                patience_s = self._patience_s(endpoint) if waiting and len(asking) < 2 else None
                done, _ = await asyncio.wait(asking, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
                for task in [task for task in asking if task in done]:
                    silent = task.exception()
                    if not isinstance(silent, RpcSilent):
                        _note_slower(asking, task)
                        return task.result()
                    silences.append(str(silent))
                    del asking[task]
        finally:
            await _cancelled(asking)
        raise RpcSilent("; ".join(silences))

    def _patience_s(self, endpoint: Endpoint) -> float:
        slow_s = endpoint.health.slow_s()
        return self._hedge_after_s if slow_s is None else min(max(slow_s, HEDGE_MIN_S), self._hedge_after_s)


def _names(addresses: Sequence[Address]) -> list[str]:
    """Display names. Two nodes of one host, with different API keys say, get their place in the list as a suffix."""
    names = [address.name for address in addresses]
    return [name if names.count(name) == 1 else f"{name} (node {at})" for at, name in enumerate(names, 1)]


def _note_slower(asking: Mapping[asyncio.Future[T], Endpoint], first: asyncio.Future[T]) -> None:
    """Notes which earlier requests a later one overtook, so that a node that hangs loses its first place."""
    for task, endpoint in asking.items():
        if task is first:
            return
        endpoint.health.overtaken()


async def _cancelled(tasks: Iterable[asyncio.Future[T]]) -> None:
    losers = list(tasks)
    for task in losers:
        task.cancel()
    await asyncio.gather(*losers, return_exceptions=True)
