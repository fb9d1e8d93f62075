"""Decodes transactions from clients; rejects malformed ones with a node's error messages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from solders import compute_budget
from solders.message import Message, MessageV0, MessageV1, from_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from overmind.core.model.value import Value
from overmind.sandbox.localnet.encoding import of_base58, of_base64
from overmind.sandbox.localnet.errors import invalid
from overmind.sandbox.localnet.guard import guarded

PACKET_BYTES: Final = 1_232
_BASE58_MAX, _BASE64_MAX = 1_683, 1_644
_TYPE: Final = "solana_transaction::versioned::VersionedTransaction"
COMPUTE_BUDGET: Final = compute_budget.ID
SYSTEM: Final = Pubkey.default()
_ADVANCE_NONCE: Final = struct.pack("<I", 4)
_SET_PRICE: Final = 3


class Wire(Value, frozen=True):
    """The parts of a transaction that the chain needs, read once from the library's object."""

    transaction: VersionedTransaction
    raw: bytes
    signature: str
    signed: int  # the number of required signatures
    version: int | None
    keys: tuple[str, ...]  # without the keys that it loads from tables
    blockhash: str
    writable: tuple[int, ...]
    lookups: tuple[tuple[str, bytes, bytes], ...]  # table, writable indexes, read-only indexes
    nonce_account: str | None  # of a transaction that begins with AdvanceNonceAccount
    price_micro: int


def decode(text: object, encoding: str) -> Wire:
    """Raises RpcFault -32602 with a node's message."""
    if not isinstance(text, str):
        raise invalid("Invalid params: invalid type: expected a string")
    if encoding not in ("base58", "base64"):
        raise invalid(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    limit = _BASE58_MAX if encoding == "base58" else _BASE64_MAX
    if len(text) > limit:
        raise invalid(
            f"{encoding} encoded {_TYPE} too large: {len(text)} bytes (max: encoded/raw {limit}/{PACKET_BYTES})"
        )
    raw = of_base58(text) if encoding == "base58" else of_base64(text)
    if raw is None:
        raise invalid(f"invalid {encoding} encoding: InvalidByte(0, 0)")
    if len(raw) > PACKET_BYTES:
        raise invalid(f"decoded {_TYPE} too large: {len(raw)} bytes (max: {PACKET_BYTES} bytes)")
    return read(raw)


def read(raw: bytes) -> Wire:
    """Raises RpcFault -32602."""
    try:
        transaction = guarded(lambda: VersionedTransaction.from_bytes(raw))
    except ValueError as error:
        raise invalid(f"failed to deserialize {_TYPE}: {error}") from None
    if transaction is None or not _is_sane(transaction):
        raise invalid("invalid transaction: Transaction failed to sanitize accounts offsets correctly")
    return take_apart(transaction)


def of_message(raw: bytes) -> Wire:
    """Reads a message without its signatures. Raises RpcFault -32602."""
    try:
        message = guarded(lambda: from_bytes_versioned(raw))
    except ValueError as error:
        raise invalid(f"failed to deserialize solana_message::versions::VersionedMessage: {error}") from None
    if message is None:
        raise invalid("failed to deserialize solana_message::versions::VersionedMessage")
    unsigned = [Signature.default()] * message.header.num_required_signatures
    transaction = VersionedTransaction.populate(message, unsigned)
    if not _is_sane(transaction):
        raise invalid("invalid transaction message: index out of bounds")
    return take_apart(transaction)


def take_apart(transaction: VersionedTransaction) -> Wire:
    message = transaction.message
    keys = message.account_keys
    return Wire(
        transaction=transaction,
        raw=bytes(transaction),
        signature=str(transaction.signatures[0]),
        signed=message.header.num_required_signatures,
        version=None if isinstance(message, Message) else 1 if isinstance(message, MessageV1) else 0,
        keys=tuple(map(str, keys)),
        blockhash=str(message.recent_blockhash),
        writable=tuple(_writable(message, len(keys))),
        lookups=_lookups(message),
        nonce_account=_nonce_account(message, keys),
        price_micro=_price(message, keys),
    )


def _is_sane(transaction: VersionedTransaction) -> bool:
    """Whether all indexes in the message are in range. Nothing else is read from a message that fails this."""
    message = transaction.message
    header, count = message.header, len(message.account_keys)
    needed = header.num_required_signatures
    if not 0 < needed == len(transaction.signatures) or needed + header.num_readonly_unsigned_accounts > count:
        return False
    if header.num_readonly_signed_accounts >= needed:
        return False
    loaded = sum(len(write) + len(read_) for _, write, read_ in _lookups(message))
    return all(
        0 < one.program_id_index < count and all(index < count + loaded for index in one.accounts)
        for one in message.instructions
    )


def _writable(message: Message | MessageV0 | MessageV1, count: int) -> Iterator[int]:
    """Writable indexes by the header. The VM may write fewer: some accounts are never writable."""
    header = message.header
    signed = header.num_required_signatures
    yield from range(signed - header.num_readonly_signed_accounts)
    yield from range(signed, count - header.num_readonly_unsigned_accounts)


def _lookups(message: Message | MessageV0 | MessageV1) -> tuple[tuple[str, bytes, bytes], ...]:
    if not isinstance(message, MessageV0):
        return ()
    return tuple(
        (str(one.account_key), bytes(one.writable_indexes), bytes(one.readonly_indexes))
        for one in message.address_table_lookups
    )


def _nonce_account(message: Message | MessageV0 | MessageV1, keys: list[Pubkey]) -> str | None:
    first = next(iter(message.instructions), None)
    if first is None or keys[first.program_id_index] != SYSTEM or not first.data.startswith(_ADVANCE_NONCE):
        return None
    accounts = first.accounts
    return str(keys[accounts[0]]) if accounts and accounts[0] < len(keys) else None


def _price(message: Message | MessageV0 | MessageV1, keys: list[Pubkey]) -> int:
    """The price that the transaction bids, in micro-lamports per compute unit."""
    if COMPUTE_BUDGET not in keys:
        return 0
    program = keys.index(COMPUTE_BUDGET)
    for one in message.instructions:
        if one.program_id_index == program and len(one.data) == 9 and one.data[0] == _SET_PRICE:
            return int.from_bytes(one.data[1:], "little")
    return 0
