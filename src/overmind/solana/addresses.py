"""Node addresses. They may contain credentials, so only a part of each may be shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from typing import Final

import yarl

SECRET_MIN: Final = 4  # Shorter parts of an address are words like "v1", which any message may contain.
SHOWN_MAX: Final = 200
MASK: Final = "***"
HTTP: Final = ("http", "https")
WEBSOCKET: Final = ("ws", "wss")


class Address:
    """`name` is scheme, host and port. The rest is never shown, because providers put API keys anywhere in it."""

    def __init__(self, url: str, also_secret: Iterable[str] = (), schemes: Sequence[str] = HTTP) -> None:
        parsed = _parsed(url, schemes)
        if parsed is None:
            right = " or ".join(f"{scheme}://host[:port][/path]" for scheme in schemes)
            raise ValueError(f"the address of a node is not one: it must be {right}")
        port = f":{parsed.explicit_port}" if parsed.explicit_port else ""
        self.name = f"{parsed.scheme}://{parsed.host_subcomponent}{port}"
        self.headers = _authorization(parsed)
        self.url = parsed.with_user(None)
        self._secrets = _secrets(parsed, url, also_secret)

    def __repr__(self) -> str:
        return f"Address({self.name})"

    def websocket(self) -> yarl.URL:
        """The node's WebSocket address: the next port if a port is named, as Solana's own nodes do."""
        port = self.url.explicit_port
        if self.url.scheme in WEBSOCKET:
            return self.url
        moved = self.url.with_scheme("wss" if self.url.scheme == "https" else "ws")
        return moved if port is None else moved.with_port(port + 1)

    def masked(self, text: str) -> str:
        """A node's text as it may be shown: printable, short, and without any secret part of its address."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return "".join(letter if letter.isprintable() else " " for letter in text[:SHOWN_MAX])


def _parsed(url: str, schemes: Sequence[str]) -> yarl.URL | None:
    """None if it cannot be parsed: an exception would repeat the address."""
    try:
        parsed = yarl.URL(url.strip())
        known = parsed.scheme in schemes and bool(parsed.host) and (parsed.port or 0) > 0
    except (ValueError, TypeError):
        return None
    return parsed if known else None


def _authorization(url: yarl.URL) -> dict[str, str]:
    if url.user is None and url.password is None:
        return {}
    token = base64.b64encode(f"{url.user or ''}:{url.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {token}"}


def _secrets(url: yarl.URL, text: str, others: Iterable[str]) -> list[str]:
    """All parts after the name, both as typed and as decoded, the longest first."""
    typed = re.split(r"[/?&=#:@]", text.partition("://")[2])
    read = [url.user, url.password, *url.path.split("/"), *url.query.values(), url.fragment]
    shown = {url.host, url.raw_host}
    parts = {part for part in (*typed, *read, *others) if part and len(part) >= SECRET_MIN and part not in shown}
    return sorted(parts, key=lambda part: (-len(part), part))
