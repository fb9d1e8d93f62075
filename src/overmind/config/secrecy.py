"""Hides secrets: a wrapper for them, and masks for texts that may contain one by mistake."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import SplitResult, parse_qsl, urlsplit

MASK: Final = "***"
_ECHO_MAX: Final = 120
# Long runs without a separator may be keys, seeds or tokens, pasted in the wrong place.
_KEY_LIKE: Final = re.compile(r"[A-Za-z0-9+=_-]{40,}")
_ARRAY_LIKE: Final = re.compile(r"\[[0-9\s,]*\]?|(?:[0-9]{1,3}\s*,\s*){4,}[0-9]{0,3}")
# Providers put tokens into the path too. Real path segments are shorter, or plain words.
_TOKEN_SEGMENT: Final = re.compile(r"[^/]{16,}")


class Secret:
    """A text that prints as its mask. Only `reveal` gives the text, so every use is easy to find."""

    __slots__ = ("_shown", "_text")

    def __init__(self, text: str, shown: str = MASK) -> None:
        self._text = text
        self._shown = shown

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"Secret({self._shown})"

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


def shown(text: str) -> str:
    """A text as a message may repeat it: printable, short, and without anything that could be a key."""
    printable = masked(text)
    return printable if len(printable) <= _ECHO_MAX else printable[:_ECHO_MAX] + "…"


def shown_path(path: Path) -> str:
    """A path as a message names it: absolute and in full, but for what could be a key."""
    return masked(str(path.absolute()))


def masked(text: str) -> str:
    """The text, printable, without anything that could be a key."""
    safe = _KEY_LIKE.sub(MASK, _ARRAY_LIKE.sub(MASK, text))
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in safe)


def shown_url(url: str) -> str:
    """A URL without credentials: no user, password, query values or long path segments."""
    try:
        parts = urlsplit(url)
        place = _place(parts)
    except ValueError:
        return MASK
    path = _TOKEN_SEGMENT.sub(MASK, parts.path)
    query = "&".join(f"{shown(name)}={MASK}" for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    if parts.query and not query:
        query = MASK
    return f"{parts.scheme}://{place}{path}{'?' if query else ''}{query}{'#' + MASK if parts.fragment else ''}"


def shown_urls(text: str) -> str:
    """The same for a comma list of addresses."""
    return ", ".join(shown_url(url.strip()) for url in text.split(",") if url.strip())


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _place(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port is None else f":{parts.port}"
    return f"{MASK}@{host}{port}" if "@" in parts.netloc else f"{host}{port}"
