"""From where a request comes: the address of its sender, and whether its way is encrypted.

Behind a proxy both stand in headers. They are believed of the proxies that the configuration names, and of nobody else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final

from overmind.config.door import DoorSettings
from overmind.core.model.value import Value

CALLER: Final = "caller"  # its name in the state of a request's scope
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
PEER_CHARS_MAX: Final = 64
HTTPS: Final = 443  # which `Host` leaves out


class Caller(Value, frozen=True):
    peer: str
    secure: bool  # https, as its browser sees it
    host: str

    @property
    def origin(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.host}"


class Front(Value, frozen=True):
    """How requests reach this service."""

    port: int
    hosts: frozenset[bytes]  # that `Host` may name
    tls: bool = False
    proxies: frozenset[str] = frozenset()
    guarded: bool = False  # nobody but the proxies and this machine may connect: the way is not encrypted

    def lets_in(self, peer: str) -> bool:
        return not self.guarded or peer in self.proxies or _is_loopback(peer)

    def caller(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if peer not in self.proxies:
            return Caller(peer, self.tls, host)
        # The proxy has added the last one. Those before it are what the sender claims.
        told = headers.get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip()
        scheme = headers.get(b"x-forwarded-proto", b"").strip().lower()
        return Caller(told[:PEER_CHARS_MAX] or peer, self.tls or scheme == b"https", host)


def front_of(door: DoorSettings, port: int) -> Front:
    """A page can point its own host name at us (DNS rebinding), but it cannot change the header `Host`."""
    names = [f"{name}:{port}" for name in (*LOOPBACK_NAMES, _named(door.bind))]
    if door.tls is not None and port == HTTPS:
        names += [*LOOPBACK_NAMES, _named(door.bind)]
    return Front(
        port=port,
        hosts=frozenset(name.encode() for name in (*names, *door.hosts)),
        tls=door.tls is not None,
        proxies=frozenset(door.proxies),
        guarded=not door.is_loopback and door.tls is None,
    )


def url_of(door: DoorSettings, port: int) -> str:
    """Where other commands of this machine find the service."""
    address = ipaddress.ip_address(door.bind)
    here = _named("127.0.0.1" if address.version == 4 else "::1") if address.is_unspecified else _named(door.bind)
    return f"{'http' if door.tls is None else 'https'}://{here}:{port}"


def _named(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
