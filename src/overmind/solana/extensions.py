"""The list of extensions that follows a mint or a token account of Token-2022 (solana-facts §2.5)."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from struct import Struct
from typing import Final

from overmind.solana.tokens import TOKEN_ACCOUNT_BYTES

_HEADER: Final = Struct("<HH")  # type and length


class AccountKind(enum.IntEnum):
    """The byte after an account's first 165 says what the account is."""

    MINT = 1
    ACCOUNT = 2


class Unreadable(Exception):
    """The bytes are not what they have to be; says why."""


def extensions(raw: bytes, kind: AccountKind) -> Iterator[tuple[int, bytes]]:
    """Type and content of each extension, in order. Raises Unreadable."""
    at = TOKEN_ACCOUNT_BYTES + 1
    if len(raw) < at or raw[TOKEN_ACCOUNT_BYTES] != kind:
        raise Unreadable(f"it is no {kind.name.lower()} with extensions")
    seen = set[int]()
    while at < len(raw):
        type_, length = _HEADER.unpack_from(raw, at) if at + _HEADER.size <= len(raw) else (0, 0)
        if type_ == 0:  # The rest was allocated and never used.
            if any(raw[at:]):
                raise Unreadable(f"bytes after its last extension, at {at}")
            return
        at += _HEADER.size
        if at + length > len(raw):
            raise Unreadable(f"its extension {type_} is longer than the account")
        if type_ in seen:
            raise Unreadable(f"it has the extension {type_} twice")
        seen.add(type_)
        yield type_, raw[at : at + length]
        at += length
