"""The bytes of mints and token accounts, with any extensions, as the token programs write them."""

from __future__ import annotations

from struct import Struct, pack

from solders.keypair import Keypair
from solders.pubkey import Pubkey

from overmind.ports import AccountBytes
from overmind.solana.tokens import TOKEN_2022_PROGRAM

MINT = Struct("<I32sQBBI32s")
ACCOUNT = Struct("<32s32sQI32sBIQQI32s")
NOBODY = bytes(32)


def address(name: str) -> Pubkey:
    return Keypair.from_seed(name.encode().ljust(32, b".")).pubkey()


def extension(kind: int, content: bytes = b"") -> bytes:
    return pack("<HH", kind, len(content)) + content


def option(holder: Pubkey | None) -> tuple[int, bytes]:
    return (0, NOBODY) if holder is None else (1, bytes(holder))


def mint_bytes(
    extensions: bytes = b"",
    mint: Pubkey | None = None,
    freeze: Pubkey | None = None,
    decimals: int = 6,
    supply: int = 10**15,
) -> bytes:
    base = MINT.pack(*option(mint), supply, decimals, 1, *option(freeze))
    return base if not extensions else base.ljust(165, b"\0") + b"\1" + extensions


def mint_of_2022(*extensions: bytes, mint: Pubkey | None = None, freeze: Pubkey | None = None) -> AccountBytes:
    return AccountBytes(str(TOKEN_2022_PROGRAM), mint_bytes(b"".join(extensions), mint, freeze))


def fee_config(older_bps: int, newer_bps: int, setter: bytes = NOBODY) -> bytes:
    """The newer fee counts from a later epoch on."""
    return extension(1, pack("<32s32sQQQHQQH", setter, NOBODY, 0, 5, 2**64 - 1, older_bps, 7, 2**64 - 1, newer_bps))


def account_bytes(
    mint: Pubkey,
    owner: Pubkey,
    units: int = 5,
    delegate: Pubkey | None = None,
    close: Pubkey | None = None,
    state: int = 1,
    extensions: bytes = b"",
) -> bytes:
    delegated = units if delegate is not None else 0
    raw = ACCOUNT.pack(bytes(mint), bytes(owner), units, *option(delegate), state, 0, 0, delegated, *option(close))
    return raw if not extensions else raw + b"\2" + extensions
