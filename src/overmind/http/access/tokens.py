"""Bearer tokens for programs: 256 random bits, of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from overmind.config.secrecy import Secret
from overmind.core.model.value import Value
from overmind.http.access.names import ROLES
from overmind.http.endpoints import Role

TOKEN_BYTES: Final = 32
PREFIX: Final = "ovm_"  # so that scanners for secrets find one that was pasted somewhere


class Token(Value, frozen=True, forbid_unknown_fields=True):
    name: str
    role: str
    sha256: str
    made_at: str
    made_by: str
    source: str = ""  # whose signals it sends, and of which alone it hears; blank: of no source

    def __repr__(self) -> str:
        return f"Token({self.name}, {self.role})"

    @property
    def rank(self) -> Role:
        return ROLES[self.role]


def new_secret() -> Secret:
    return Secret(PREFIX + secrets.token_urlsafe(TOKEN_BYTES))


def digest_of(secret: bytes) -> bytes:
    """What a token is looked up by. It is no secret, so the time of the look tells nothing."""
    return hashlib.sha256(secret).digest()
