"""Reads our own token accounts: who else could dispose of one, and whether it can be used at all."""

from __future__ import annotations

from struct import Struct
from typing import Final

from solders.pubkey import Pubkey

from overmind.ports import AccountBytes
from overmind.solana.extensions import AccountKind, Unreadable, extensions
from overmind.solana.tokens import SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_ACCOUNT_BYTES

# Mint, owner, amount, delegate, state, native, delegated amount, close authority.
_ACCOUNT: Final = Struct("<32s32sQI32sBIQQI32s")
_INITIALIZED, _FROZEN = 1, 2
_MEMO_TRANSFER: Final = 8
# What an account may carry: fee withheld, confidential balance and fee, owner that cannot change, memo, guard against
# calls by programs, and the marks of a mint that is not transferable, has a hook, or can be paused.
_KNOWN: Final = frozenset({2, 5, 7, _MEMO_TRANSFER, 11, 13, 15, 17, 27})


def flaw_of(account: AccountBytes | None, owner: str, mint: str, program: str) -> str:
    """Why the owner's token account must not be used; blank: nothing is wrong with it, or it does not exist yet."""
    if account is None or (account.owner == str(SYSTEM_PROGRAM) and not account.raw):
        return ""
    if account.owner != program:
        return f"it belongs to the program {account.owner}, not to {program}"
    try:
        return "; ".join(_flaws(account, owner, mint))
    except Unreadable as unreadable:
        return str(unreadable)


def _flaws(account: AccountBytes, owner: str, mint: str) -> list[str]:
    raw = account.raw
    if len(raw) < TOKEN_ACCOUNT_BYTES:
        raise Unreadable(f"{len(raw)} bytes, and a token account has at least {TOKEN_ACCOUNT_BYTES}")
    of, holder, _units, has, delegate, state, _native, _, delegated, closes, closer = _ACCOUNT.unpack_from(raw)
    found = []
    if str(Pubkey(of)) != mint:
        found.append(f"it is an account of {Pubkey(of)}, not of {mint}")
    if str(Pubkey(holder)) != owner:
        found.append(f"its owner is {Pubkey(holder)}")
    if has:
        found.append(f"{Pubkey(delegate)} may take {delegated} base units out of it as its delegate")
    if closes and str(Pubkey(closer)) != owner:
        found.append(f"{Pubkey(closer)} may close it")
    if state != _INITIALIZED:
        found.append("it is frozen" if state == _FROZEN else "it is not initialized")
    return found + _extension_flaws(account)


def _extension_flaws(account: AccountBytes) -> list[str]:
    if len(account.raw) == TOKEN_ACCOUNT_BYTES:
        return []
    if account.owner != str(TOKEN_2022_PROGRAM):
        raise Unreadable(f"{len(account.raw)} bytes, and an account of this program has {TOKEN_ACCOUNT_BYTES}")
    carried = dict(extensions(account.raw, AccountKind.ACCOUNT))
    found = [f"its extension {kind} is not known" for kind in carried if kind not in _KNOWN]
    if any(carried.get(_MEMO_TRANSFER, b"")):
        found.append("it refuses what comes without a memo")
    return found
