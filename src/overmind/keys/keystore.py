"""Encrypts a private key on disk: Argon2id slows down passphrase guesses, AES-256-GCM encrypts and authenticates."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Final, Literal

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overmind.core.model.value import Value
from overmind.keys.secret_key import BadKey, SecretKey, is_address, key_of_bytes

FORMAT: Final = "overmind-keystore"
MAKE_ANOTHER: Final = "make one from the key itself with `overmind keys import SOURCE FILE --keystore`"
PASSPHRASE_MIN: Final = 8  # characters; a shorter one can be guessed offline, however slow each guess is
_MEMORY_KIB: Final = 64 * 1024
_PASSES: Final = 3
_LANES: Final = 4
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Envelope(Value, frozen=True, forbid_unknown_fields=True):
    """The keystore file. If the public key in it is changed, it cannot be decrypted."""

    format: Literal["overmind-keystore"]
    version: Literal[1]
    kdf: Literal["argon2id"]
    memory_kib: int
    passes: int
    lanes: int
    salt: str
    cipher: Literal["aes-256-gcm"]
    nonce: str
    ciphertext: str
    public_key: str


def seal(key: SecretKey, passphrase: str) -> bytes:
    """The keystore file of `key`. Salt and nonce are new in each call."""
    assert len(passphrase) >= PASSPHRASE_MIN, "the caller checks the length, where it can still ask again"
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    cipher = AESGCM(_derive(passphrase, salt))
    sealed = cipher.encrypt(nonce, bytes(key.reveal()), key.public_key.encode())
    envelope = Envelope(
        format=FORMAT,
        version=1,
        kdf="argon2id",
        memory_kib=_MEMORY_KIB,
        passes=_PASSES,
        lanes=_LANES,
        salt=_text(salt),
        cipher="aes-256-gcm",
        nonce=_text(nonce),
        ciphertext=_text(sealed),
        public_key=key.public_key,
    )
    return msgspec.json.format(msgspec.json.encode(envelope), indent=2) + b"\n"


def unseal(envelope: object, passphrase: str | None) -> SecretKey | BadKey:
    """Decrypts the key of a keystore file that was parsed from JSON."""
    parsed = _envelope(envelope)
    if parsed is None:
        return BadKey("not a keystore of version 1", MAKE_ANOTHER)
    if (parsed.memory_kib, parsed.passes, parsed.lanes) != (_MEMORY_KIB, _PASSES, _LANES):
        # With other parameters one attempt could cost gigabytes, or next to nothing.
        return BadKey("the keystore's Argon2id parameters are not ours", MAKE_ANOTHER)
    if not passphrase:
        return BadKey("the keystore is sealed and no passphrase is set", "set OVERMIND_KEYSTORE_PASSPHRASE")
    secret = _decrypt(parsed, passphrase)
    if secret is None:
        return BadKey(
            "the passphrase does not open the keystore, or the file was changed",
            "check OVERMIND_KEYSTORE_PASSPHRASE, or restore the file from a backup",
        )
    return key_of_bytes(secret)


def _envelope(parsed: object) -> Envelope | None:
    try:
        envelope = msgspec.convert(parsed, Envelope)
    except msgspec.ValidationError:
        return None
    return envelope if is_address(envelope.public_key) else None


def _decrypt(envelope: Envelope, passphrase: str) -> bytes | None:
    salt, nonce, sealed = _octets(envelope.salt), _octets(envelope.nonce), _octets(envelope.ciphertext)
    if len(salt) != _SALT_BYTES or len(nonce) != _NONCE_BYTES:
        return None
    try:
        return AESGCM(_derive(passphrase, salt)).decrypt(nonce, sealed, envelope.public_key.encode())
    except InvalidTag:
        return None


def _derive(passphrase: str, salt: bytes) -> bytes:
    # A passphrase from the environment may contain bytes that are not UTF-8.
    secret = passphrase.encode("utf-8", "surrogatepass")
    return hash_secret_raw(secret, salt, _PASSES, _MEMORY_KIB, _LANES, _KEY_BYTES, Type.ID)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
