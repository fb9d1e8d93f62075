"""Signs with keys in memory."""

from __future__ import annotations

from collections.abc import Iterable

from overmind.keys.secret_key import SecretKey


class LocalSigner:
    """`ports.Signer` over private keys in memory."""

    def __init__(self, keys: Iterable[SecretKey]) -> None:
        self._keys = {key.public_key: key for key in keys}

    def add(self, key: SecretKey) -> None:
        self._keys[key.public_key] = key

    async def sign(self, public_key: str, message: bytes) -> bytes:
        return bytes(self._keys[public_key].reveal().sign_message(message))
