"""Where answers may be sent: https, or http on the loopback; never into the private network unless it is allowed.

A name is judged by the addresses that it has when the connection is made. So a name server cannot lead an answer to a
machine that only this one can reach.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult

from overmind.config.files import InvalidValue

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_CHARS_MAX: Final = 500
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class ForbiddenAddress(OSError):
    """The host has an address that nothing may be sent to."""


def fault_of_url(url: str, allowed: Sequence[Network] = ()) -> InvalidValue | None:
    """Why nothing can be sent there. What a name leads to is looked at when something is sent."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if host is None or parts.scheme not in ("http", "https") or len(url) > URL_CHARS_MAX or not url.isprintable():
        return InvalidValue("no address of the web", "write https://HOST/PATH")
    if parts.username is not None or parts.password is not None:
        return InvalidValue("a name or a password in the address", "answers are signed: leave it out")
    if parts.scheme == "http" and not is_loopback(host):
        return InvalidValue("http to another machine, where everybody on the way reads it", "write https://HOST/PATH")
    literal = literal_of(host)
    if literal is not None and not may_reach(literal, allowed):
        return InvalidValue(f"{host} is an address of a private network", "see OVERMIND_ANSWERS_NETWORKS")
    return None


def origin_of(url: str) -> str:
    """Without its path, which may hold a secret of the target."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    literal = literal_of(host)
    return host == "localhost" if literal is None else literal.is_loopback


def literal_of(host: str) -> Address | None:
    """None: it is a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def may_reach(address: Address, allowed: Sequence[Network] = ()) -> bool:
    """An address of the public network, or of the loopback, or one that the configuration allows."""
    plain = _unwrapped(address)
    if plain.is_loopback or any(plain.version == one.version and plain in one for one in allowed):
        return True
    return plain.is_global and not plain.is_multicast


def _unwrapped(address: Address) -> Address:
    """An address of IPv4 that stands in one of IPv6 is what it is."""
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo is not None else _of_nat64(address))
    return address


def _of_nat64(address: ipaddress.IPv6Address) -> Address:
    return ipaddress.IPv4Address(address.packed[-4:]) if address in NAT64 else address


class CheckedResolver(AbstractResolver):
    """Gives out only addresses that may be reached. One that may not be spoils the whole name."""

    def __init__(self, inside: AbstractResolver, allowed: Sequence[Network] = ()) -> None:
        self._inside = inside
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError."""
        found = await self._inside.resolve(host, port, family)
        for one in found:
            require_reachable(host, one["host"], self._allowed)
        return found

    async def close(self) -> None:
        await self._inside.close()


def require_reachable(host: str, address: str, allowed: Sequence[Network]) -> None:
    """Raises ForbiddenAddress."""
    literal = literal_of(address)
    if literal is None or not may_reach(literal, allowed) or (is_loopback(address) and not is_loopback(host)):
        raise ForbiddenAddress(f"{host} leads to {address}: see OVERMIND_ANSWERS_NETWORKS")
