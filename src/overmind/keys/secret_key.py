"""A wallet's private key: reads the usual formats, and cannot be printed, formatted or pickled."""

from __future__ import annotations

import json
from typing import Final, NoReturn

import base58
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from overmind.core.model.value import Value
from overmind.keys.dumps import forbid_dumps
from overmind.keys.key_forms import SEED_BYTES, form_of_text
from overmind.text.characters import trimmed

SECRET_BYTES: Final = 64  # 32 of seed, then the 32 of the public key that follows from it
_TEXT_MAX: Final = 4_096  # an array of 64 numbers, generously spaced
_BASE58_MAX: Final = 128  # 64 bytes take 88 characters at most
_HOW: Final = "give the whole 64-byte key, as a JSON array of 64 numbers or as base58 of 64 bytes"
_EXPORT: Final = f"{_HOW}; wallets tell it as base58 under `export private key`"


class BadKey(Value, frozen=True):
    """Why a key was refused, and how to fix it. Never contains a part of the key."""

    problem: str
    fix: str


class SecretKey:
    """Holds a Solana keypair. Printing and formatting show the public key; only `reveal` gives access to the secret."""

    __slots__ = ("_keypair", "_public_key")

    def __init__(self, keypair: Keypair) -> None:
        forbid_dumps()
        self._keypair = keypair
        self._public_key = str(keypair.pubkey())

    @classmethod
    def generate(cls) -> SecretKey:
        return cls(Keypair())

    @property
    def public_key(self) -> str:
        return self._public_key

    def reveal(self) -> Keypair:
        """For the signer and the keystore only. Note that str() of the returned keypair is the secret itself."""
        return self._keypair

    def __repr__(self) -> str:
        return f"SecretKey({self._public_key})"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretKey) and self._public_key == other._public_key

    def __hash__(self) -> int:
        return hash(self._public_key)

    def __copy__(self) -> SecretKey:
        return self

    def __deepcopy__(self, _memo: object) -> SecretKey:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a SecretKey is never pickled")


def read_key(text: str) -> SecretKey | BadKey:
    """Reads a private key: a JSON array of 64 bytes or base58 of 64 bytes, also in quotes."""
    text = _unquoted(trimmed(text))
    if not text:
        return BadKey("the private key is empty", _HOW)
    if len(text) > _TEXT_MAX:
        return BadKey("the private key is far too long", _HOW)
    if not text.startswith("["):
        return _from_base58(text)
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError):
        return BadKey("the private key begins like a JSON array, but is not valid JSON", _HOW)
    return key_of_array(parsed)


def key_of_array(numbers: object) -> SecretKey | BadKey:
    """Reads a parsed JSON array, the format of the Solana command line."""
    if not isinstance(numbers, list):
        return BadKey("the private key is not an array", _HOW)
    if not all(type(number) is int and 0 <= number <= 255 for number in numbers):
        return BadKey("the private key's array holds something other than whole numbers from 0 to 255", _HOW)
    return key_of_bytes(bytes(numbers))


def key_of_bytes(secret: bytes) -> SecretKey | BadKey:
    if len(secret) != SECRET_BYTES:
        seed = ": a seed or an address alone" if len(secret) == SEED_BYTES else ""
        return BadKey(f"the private key has {len(secret)} bytes, not {SECRET_BYTES}{seed}", _HOW)
    keypair = _keypair(secret)
    if keypair is None or bytes(keypair.pubkey()) != secret[32:]:
        return BadKey(
            "the public half of the private key does not match its secret half",
            "use a generated key (`overmind keys new FILE`); an invented or damaged one cannot sign",
        )
    return SecretKey(keypair)


def public_key_fault(key: SecretKey, stated: str) -> BadKey | None:
    """Why a stated `public_key` does not match the private key; None: it matches."""
    if stated == key.public_key:
        return None
    return BadKey(
        f"public_key does not belong to the private key, whose public key is {key.public_key}",
        f"set public_key to {key.public_key}, or put in the private key that you meant",
    )


def is_address(text: str) -> bool:
    """Whether this is base58 of 32 bytes: a public key or a mint."""
    try:
        Pubkey.from_string(text)
    except ValueError:
        return False
    return True


def _from_base58(text: str) -> SecretKey | BadKey:
    try:
        secret = base58.b58decode(text) if len(text) <= _BASE58_MAX else None
    except ValueError:  # Its text shows a letter of the key.
        secret = None
    if secret is not None and len(secret) in (SEED_BYTES, SECRET_BYTES):
        return key_of_bytes(secret)
    if (form := form_of_text(text)) is not None:
        return BadKey(f"the private key is neither a JSON array nor base58: it is {form}", _EXPORT)
    if secret is None:
        return BadKey("the private key is neither a JSON array nor base58", _EXPORT)
    return key_of_bytes(secret)


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return trimmed(text[1:-1]) if quoted else text


def _keypair(secret: bytes) -> Keypair | None:
    """The only call of the key library's parser. A parse error or a panic becomes None."""
    try:
        return Keypair.from_bytes(secret)
    except ValueError:
        return None
    except BaseException as fault:  # A Rust panic arrives as a BaseException whose class cannot be imported.
        if type(fault).__name__ != "PanicException":
            raise
        return None
