"""Durable nonces: when a stored nonce replaces a blockhash, and how it advances when its transaction fails."""

from __future__ import annotations

import hashlib

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey

from overmind.sandbox.localnet.wire import SYSTEM, Wire

_AUTHORITY, _NONCE = slice(8, 40), slice(40, 72)
_BYTES = 80
_INITIALIZED = b"\1\0\0\0"


def is_usable(wire: Wire, account: Account | None) -> bool:
    """Whether the account stores the nonce that the transaction names, and its authority signs."""
    if account is None or account.owner != SYSTEM or len(account.data) != _BYTES or account.data[4:8] != _INITIALIZED:
        return False
    authority = str(Pubkey.from_bytes(account.data[_AUTHORITY]))
    return authority in wire.keys[: wire.signed] and str(Hash.from_bytes(account.data[_NONCE])) == wire.blockhash


def differ(before: Account | None, after: Account | None) -> bool:
    if before is None or after is None:
        return before is not after
    return before.data[_NONCE] != after.data[_NONCE]


def advanced(account: Account) -> Account:
    """The account with the next nonce, derived from the one before as LiteSVM does."""
    following = hashlib.sha256(b"DURABLE_NONCE" + account.data[_NONCE]).digest()
    data = account.data[: _NONCE.start] + following + account.data[_NONCE.stop :]
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
