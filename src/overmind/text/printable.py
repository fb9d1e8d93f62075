"""How text from outside is shown: nothing in it moves a cursor, colours, hides, or turns the order of letters."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from overmind.text.amount import Amount


def printable(text: str, keep: str = "") -> str:
    """With an escape such as \\x1b for each character that is not seen, but for those to keep."""
    return _replaced(text, keep, lambda letter: letter.encode("unicode_escape").decode())


def json_bytes(value: object) -> bytes:
    """JSON that a terminal may show. A decoder reads the same value as from any other JSON of it."""
    encoded = msgspec.json.encode(value, enc_hook=_exact)
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return _replaced(encoded.decode(), "", _json_escape).encode()


def _exact(value: object) -> str:
    """An amount is told with every digit. A JSON number would lose the last ones of a large one."""
    if isinstance(value, Amount):
        return value.exact
    raise TypeError(f"{type(value).__name__} is nothing that JSON tells")


def _replaced(text: str, keep: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in keep else escape(letter) for letter in text)


def _json_escape(letter: str) -> str:
    units = letter.encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
