"""Signs what is sent to a source, as Standard Webhooks has it: HMAC-SHA256 over id, time and body.

Two keys are valid while one is rotated. Then a message has both signatures, and either proves it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

PREFIX: Final = "whsec_"
KEY_BYTES: Final = 32
VERSION: Final = "v1"


def new_key() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def headers_of(message_id: str, at_s: int, body: bytes, keys: Sequence[str]) -> Mapping[str, str]:
    """`keys`: at least one, the newest first. Without one nobody could tell our message from another's."""
    assert keys, "an answer is never sent without a signature"
    signed = f"{message_id}.{at_s}.".encode() + body
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"{VERSION},{_signature(key, signed)}" for key in keys),
    }


def _signature(key: str, signed: bytes) -> str:
    secret = base64.b64decode(key.removeprefix(PREFIX))
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
