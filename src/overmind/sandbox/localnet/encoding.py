"""Bytes as text and back: base64 and base58."""

from __future__ import annotations

import base64
import binascii

import base58


def to_base64(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode()


def of_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def to_base58(raw: bytes) -> str:
    return base58.b58encode(raw).decode()


def of_base58(text: str) -> bytes | None:
    if text != text.rstrip():  # The library drops white space at the end; a node refuses it.
        return None
    try:
        return base58.b58decode(text)
    except ValueError:
        return None
