"""From where a request comes: the address of its sender, and whether its way is encrypted.

Behind a proxy both stand in headers. They are believed of the proxies that the configuration names, and of nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.core.model.value import Value

CALLER: Final = "caller"  # its name in the state of a request's scope


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
    proxies_only: bool = False  # nobody else may connect, because the way from elsewhere is not encrypted

    def caller(self, headers: Mapping[bytes, bytes], peer: str) -> Caller:
        host = headers.get(b"host", b"").decode("latin-1")
        if peer not in self.proxies:
            return Caller(peer, self.tls, host)
        # The proxy has added the last one. Those before it are what the sender claims.
        told = headers.get(b"x-forwarded-for", b"").decode("latin-1").rpartition(",")[2].strip()
        scheme = headers.get(b"x-forwarded-proto", b"").strip().lower()
        return Caller(told[:64] or peer, self.tls or scheme == b"https", host)


def loopback_front(port: int) -> Front:
    # DNS rebinding: a page can point its own host name at us, but it cannot change this header.
    return Front(port, loopback_hosts(port))


def loopback_hosts(port: int) -> frozenset[bytes]:
    return frozenset(f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost", "[::1]"))
