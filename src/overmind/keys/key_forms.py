"""Recognises forms of a key that are not read here, so that an error names the form and never a part of the key."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from typing import Final

SEED_BYTES: Final = 32
_WORDS: Final = re.compile(r"[a-z]{3,8}(\s+[a-z]{3,8}){10,24}", re.IGNORECASE)
_HEX: Final = re.compile(r"(0x)?(([0-9a-f]{2}){16,128})", re.IGNORECASE)
_NUMBERS: Final = re.compile(r"[0-9]{1,3}([\s,]+[0-9]{1,3}){15,}")
_ENCRYPTED: Final = frozenset({"crypto", "cipher", "ciphertext", "encrypted", "encryptedkey", "kdf", "kdfparams"})


def form_of_text(text: str) -> str | None:
    """What a text that is no key of ours seems to be."""
    if "-----BEGIN" in text:
        return "a PEM file"
    if _WORDS.fullmatch(text):
        return f"a recovery phrase (mnemonic) of {len(text.split())} words"
    if (digits := _HEX.fullmatch(text)) is not None:
        return f"hexadecimal of {_octets(len(digits[2]) // 2)}"
    if _NUMBERS.fullmatch(text):
        return "numbers without the brackets of a JSON array"
    if text.startswith("{"):
        return "a JSON object"
    decoded = _base64(text)
    return None if decoded is None else f"base64 of {_octets(len(decoded))}"


def form_of_object(names: Collection[str]) -> str:
    """What a JSON object that is neither a wallet nor a keystore of ours seems to be, by the names of its fields."""
    encrypted = not _ENCRYPTED.isdisjoint(name.lower().replace("_", "") for name in names)
    return "an encrypted keystore of another program" if encrypted else "a JSON object"


def _octets(count: int) -> str:
    return f"{count} bytes, a seed or an address" if count == SEED_BYTES else f"{count} bytes"


def _base64(text: str) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) >= SEED_BYTES else None
