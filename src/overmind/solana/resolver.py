"""Looks up the addresses of hosts, in threads that nobody waits for when the name server hangs.

A look-up cannot be ended. In the pools of the event loop a few that hang would keep all others waiting, and the process
from ending. A host whose look-up hangs or fails keeps the addresses that it had: who answers there still has to prove
its name by TLS, or its chain by the genesis hash.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

LOOK_UP_S: Final = 2.0  # less than any request has
CACHED_S: Final = 60  # Then an address is looked up again.

Found = tuple[socket.AddressFamily, str]
LookUp = Callable[[str, socket.AddressFamily], Sequence[Found]]

log = structlog.get_logger("rpc")


def look_up(host: str, family: socket.AddressFamily) -> Sequence[Found]:
    """Takes as long as the name server does. Raises OSError."""
    found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(family, str(address[0])) for family, _, _, _, address in found]


def connector(limit: int, resolver: AbstractResolver | None = None) -> TCPConnector:
    """`limit`: connections at once; 0: any number."""
    return TCPConnector(limit=limit, ttl_dns_cache=CACHED_S, resolver=resolver or Resolver())


class Resolver(AbstractResolver):
    """One thread at a time for each host. Hosts come from the configuration, so there are few."""

    def __init__(self, look_up: LookUp = look_up, within_s: float = LOOK_UP_S) -> None:
        self._look_up = look_up
        self._within_s = within_s
        self._looking: dict[tuple[str, socket.AddressFamily], asyncio.Future[Sequence[Found]]] = {}
        self._known: dict[tuple[str, socket.AddressFamily], Sequence[Found]] = {}
        self._told: set[str] = set()  # hosts whose look-up hangs or fails

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError."""
        found = await self._addresses(host, family)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Nobody waits for a look-up that hangs."""

    async def _addresses(self, host: str, family: socket.AddressFamily) -> Sequence[Found]:
        looking = self._looking.get((host, family))
        if looking is None:
            looking = self._looking[host, family] = self._begin(host, family)
        try:
            async with asyncio.timeout(self._within_s):
                found = await asyncio.shield(looking)
        except OSError as fault:  # TimeoutError is one.
            why = str(fault) or f"the name server has not answered within {self._within_s:g} s"
            known = self._known.get((host, family))
            self._tell(host, why, known)
            if known is None:
                raise OSError(f"{host} cannot be looked up: {why}") from fault
            return known
        self._told.discard(host)
        return found

    def _begin(self, host: str, family: socket.AddressFamily) -> asyncio.Future[Sequence[Found]]:
        loop = asyncio.get_running_loop()
        looking: asyncio.Future[Sequence[Found]] = loop.create_future()
        looking.add_done_callback(lambda done: self._end(host, family, done))

        def end(found: Sequence[Found] | OSError) -> None:
            if looking.done():
                return
            if isinstance(found, OSError):
                looking.set_exception(found)
            else:
                looking.set_result(found)

        def look() -> None:
            try:
                found: Sequence[Found] | OSError = self._look_up(host, family)
            except OSError as fault:
                found = fault
            except UnicodeError as fault:
                found = OSError(f"not a host name ({fault})")
            with suppress(RuntimeError):  # The loop has ended meanwhile.
                loop.call_soon_threadsafe(end, found)

        threading.Thread(target=look, name=f"look up {host}", daemon=True).start()
        return looking

    def _end(self, host: str, family: socket.AddressFamily, done: asyncio.Future[Sequence[Found]]) -> None:
        del self._looking[host, family]
        if not done.cancelled() and done.exception() is None and done.result():
            self._known[host, family] = done.result()

    def _tell(self, host: str, why: str, known: Sequence[Found] | None) -> None:
        """Once, until it answers again."""
        if host not in self._told:
            self._told.add(host)
            log.warning("a host cannot be looked up", host=host, why=why, its_last_address_is_used=known is not None)
