"""The bytes of mints and token accounts, and amounts as a node shows them."""

from __future__ import annotations

import functools
import struct
from typing import Final

from solders.account import Account
from solders.pubkey import Pubkey

from overmind.core.model.value import Value

TOKEN: Final = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"
TOKEN_2022: Final = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
ATA: Final = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
NATIVE_MINTS: Final = {
    "So11111111111111111111111111111111111111112": TOKEN,
    "9pan9bMn5HatX4EJdBwg9VgCa7Uz5HL8N1m5D3NdXej9": TOKEN_2022,
}
TOKEN_PROGRAM: Final = Pubkey.from_string(TOKEN)
TOKEN_2022_PROGRAM: Final = Pubkey.from_string(TOKEN_2022)
PROGRAMS: Final = {TOKEN_PROGRAM: TOKEN, TOKEN_2022_PROGRAM: TOKEN_2022}
RENT_EPOCH: Final = 2**64 - 1  # what a node shows for every rent-exempt account
ACCOUNT_BYTES: Final = 165
KEYS_KEPT: Final = 16_384
MINT_BYTES: Final = 82
_MINT: Final = struct.Struct("<I32sQBBI32s")
_ACCOUNT: Final = struct.Struct("<32s32sQI32sBIQQI32s")
_KIND_MINT, _KIND_ACCOUNT = 1, 2  # Token-2022 marks the account's kind in the byte after the 165th


class MintState(Value, frozen=True):
    authority: str | None
    supply: int
    decimals: int
    initialized: bool
    freeze_authority: str | None


class TokenState(Value, frozen=True):
    mint: str
    owner: str
    amount: int
    delegate: str | None
    frozen: bool
    native_reserve: int | None  # the rent that a wrapped SOL account keeps back
    delegated_amount: int
    close_authority: str | None


class LocalTokenBalance(Value, frozen=True):
    """One entry of preTokenBalances or postTokenBalances."""

    index: int
    mint: str
    owner: str
    program: str
    amount: int
    decimals: int


def is_token_account(account: Account) -> bool:
    if account.owner not in PROGRAMS:
        return False
    data = account.data
    if len(data) == ACCOUNT_BYTES:
        return data[108] != 0
    return len(data) > ACCOUNT_BYTES and data[ACCOUNT_BYTES] == _KIND_ACCOUNT and data[108] != 0


def is_mint(account: Account) -> bool:
    if account.owner not in PROGRAMS:
        return False
    data = account.data
    return len(data) == MINT_BYTES or (len(data) > ACCOUNT_BYTES and data[ACCOUNT_BYTES] == _KIND_MINT)


def read_mint(account: Account) -> MintState:
    has, authority, supply, decimals, initialized, freezes, freezer = _MINT.unpack_from(account.data)
    return MintState(
        authority=key_text(authority) if has else None,
        supply=supply,
        decimals=decimals,
        initialized=bool(initialized),
        freeze_authority=key_text(freezer) if freezes else None,
    )


def read_token_account(account: Account) -> TokenState:
    mint, owner, amount, has, delegate, state, native, reserve, delegated, closes, closer = _ACCOUNT.unpack_from(
        account.data
    )
    return TokenState(
        mint=key_text(mint),
        owner=key_text(owner),
        amount=amount,
        delegate=key_text(delegate) if has else None,
        frozen=state == 2,
        native_reserve=reserve if native else None,
        delegated_amount=delegated,
        close_authority=key_text(closer) if closes else None,
    )


def mint_account(decimals: int, program: str, authority: str | None, supply: int, lamports: int) -> Account:
    key = bytes(Pubkey.from_string(authority)) if authority is not None else bytes(32)
    data = _MINT.pack(int(authority is not None), key, supply, decimals, 1, 0, bytes(32))
    return Account(lamports, data, Pubkey.from_string(program), False, RENT_EPOCH)


def associated_address(owner: str, mint: str, program: str) -> str:
    seeds = [bytes(Pubkey.from_string(part)) for part in (owner, program, mint)]
    return str(Pubkey.find_program_address(seeds, ATA)[0])


def ui_amount(amount: int, decimals: int) -> dict[str, object]:
    return {
        "amount": str(amount),
        "decimals": decimals,
        "uiAmount": amount / 10**decimals,
        "uiAmountString": _decimal(amount, decimals),
    }


def _decimal(amount: int, decimals: int) -> str:
    if decimals == 0:
        return str(amount)
    digits = str(amount).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")


@functools.lru_cache(KEYS_KEPT)
def key_text(raw: bytes) -> str:
    """The same few mints and owners recur."""
    return str(Pubkey.from_bytes(raw))
