"""Tokens that only the name of a file of candles tells."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from base58 import b58encode

from overmind.core.model.ids import Mint
from overmind.core.model.money import Token

DECIMALS: Final = 6
SYMBOL_MAX: Final = 16


def invented(symbol: str) -> Token | None:
    """A token for a symbol that no list has, with a mint that only its name decides; None: that is no symbol."""
    if not (symbol.isascii() and symbol.isalnum() and len(symbol) <= SYMBOL_MAX):
        return None
    mint = b58encode(blake2b(symbol.encode(), digest_size=32, person=b"overmind tape").digest()).decode()
    return Token(symbol, Mint(mint), DECIMALS)
