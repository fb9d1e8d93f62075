"""Parses transactions that others built. No other module does.

solders reads them. It reports unreadable bytes with a ValueError, and at worst with a Rust panic, which is a
BaseException whose class cannot be imported. Both leave this module as BadTransaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from solders.compute_budget import ID as COMPUTE_BUDGET
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta
from solders.instruction import Instruction as BuiltInstruction
from solders.message import Message as LegacyMessage
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from overmind.core.model.value import Value

T = TypeVar("T")
AnyMessage = MessageV0 | LegacyMessage

SIGNATURE_BYTES: Final = 64
PACKET_BYTES_MAX: Final = 1_232  # what a Solana node accepts as one transaction
UNITS_MAX: Final = 1_400_000  # the compute units that a transaction may use at most
_UNSIGNED: Final = bytes(SIGNATURE_BYTES)
_COMPUTE_BUDGET: Final = str(COMPUTE_BUDGET)
_SET_UNIT_LIMIT: Final = b"\x02"


class BadTransaction(Exception):
    """Bytes that are not a transaction that we can read; says why."""


class Instruction(Value, frozen=True):
    program: str
    accounts: tuple[str, ...]
    data: bytes


class Transaction(Value, frozen=True):
    """A transaction that lists all its accounts itself, without lookup tables."""

    raw: bytes
    signatures: tuple[bytes, ...]  # in the order of `signers`; zeros while one is missing
    keys: tuple[str, ...]  # the fee payer first, then the other signers
    blockhash: str
    instructions: tuple[Instruction, ...]
    writable: tuple[str, ...]

    @property
    def unit_limit(self) -> int | None:
        """The compute limit that it sets; None: it sets none."""
        for one in self.instructions:
            if one.program == _COMPUTE_BUDGET and one.data[:1] == _SET_UNIT_LIMIT and len(one.data) == 5:
                return int.from_bytes(one.data[1:], "little")
        return None

    @property
    def signers(self) -> tuple[str, ...]:
        return self.keys[: len(self.signatures)]

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return self.raw[1 + SIGNATURE_BYTES * len(self.signatures) :]

    def signed_by_payer(self, signature: bytes) -> bytes:
        """The bytes to send."""
        assert len(signature) == SIGNATURE_BYTES, len(signature)
        return self.raw[:1] + signature + self.raw[1 + SIGNATURE_BYTES :]

    def unsigned(self) -> tuple[str, ...]:
        """Signers other than the fee payer whose signature is missing or invalid."""
        pairs = zip(self.signers[1:], self.signatures[1:], strict=True)
        return tuple(key for key, signature in pairs if not _verifies(key, signature, self.message))


def parse(raw: bytes) -> Transaction:
    """Raises BadTransaction, also for lookup tables and for versions after 0, which are not decoded."""
    if len(raw) > PACKET_BYTES_MAX:
        raise BadTransaction(f"{len(raw)} bytes, and a node accepts {PACKET_BYTES_MAX}")
    return _guarded(lambda: _read(raw))


def joined(raws: Sequence[bytes], blockhash: str) -> bytes:
    """The instructions of several transactions of one fee payer in one, for a simulation: nobody has signed it.

    It has one compute limit of its own, because only one may be set. Raises BadTransaction, also if it is too long.
    """
    return _guarded(lambda: _joined([_message(VersionedTransaction.from_bytes(raw)) for raw in raws], blockhash))


def account_keys(raw: bytes) -> tuple[str, ...]:
    """The accounts that a transaction lists itself, in order. Raises BadTransaction."""
    return _guarded(lambda: tuple(map(str, VersionedTransaction.from_bytes(raw).message.account_keys)))


def signature_text(signature: bytes) -> str:
    """A signature in base58."""
    return str(Signature(signature))


def _read(raw: bytes) -> Transaction:
    transaction = VersionedTransaction.from_bytes(raw)
    message = _message(transaction)
    keys = tuple(map(str, message.account_keys))
    signatures = tuple(map(bytes, transaction.signatures))
    header = message.header
    if not 0 < header.num_required_signatures == len(signatures) <= len(keys) or bytes(transaction) != raw:
        raise BadTransaction(f"{len(signatures)} signatures for {header.num_required_signatures} signers")
    if len(set(keys)) != len(keys):
        raise BadTransaction("it names an account twice")
    instructions = tuple(
        Instruction(keys[one.program_id_index], tuple(keys[index] for index in one.accounts), bytes(one.data))
        for one in message.instructions
    )
    signed, unsigned = len(signatures), len(keys) - header.num_readonly_unsigned_accounts
    writable = keys[: signed - header.num_readonly_signed_accounts] + keys[signed:unsigned]
    return Transaction(raw, signatures, keys, str(message.recent_blockhash), instructions, writable)


def _message(transaction: VersionedTransaction) -> AnyMessage:
    message = transaction.message
    if not isinstance(message, MessageV0 | LegacyMessage):
        raise BadTransaction(f"a message of the kind {type(message).__name__}; versions legacy and 0 are read")
    if isinstance(message, MessageV0) and message.address_table_lookups:
        raise BadTransaction("it names accounts through lookup tables, which are not resolved here")
    return message


def _joined(messages: Sequence[AnyMessage], blockhash: str) -> bytes:
    instructions = [set_compute_unit_limit(UNITS_MAX), *(one for message in messages for one in _instructions(message))]
    payer = messages[0].account_keys[0]
    message = MessageV0.try_compile(payer, instructions, [], Hash.from_string(blockhash))
    signers = message.header.num_required_signatures
    raw = bytes([signers]) + _UNSIGNED * signers + to_bytes_versioned(message)
    if len(raw) > PACKET_BYTES_MAX:
        raise BadTransaction(f"together {len(raw)} bytes, and a node accepts {PACKET_BYTES_MAX}")
    return raw


def _instructions(message: AnyMessage) -> Iterator[BuiltInstruction]:
    """All but those of the compute budget."""
    keys, header = message.account_keys, message.header
    signers, unsigned_end = header.num_required_signatures, len(keys) - header.num_readonly_unsigned_accounts
    signed_end = signers - header.num_readonly_signed_accounts  # of the writable ones
    for one in message.instructions:
        if keys[one.program_id_index] == COMPUTE_BUDGET:
            continue
        metas = [
            AccountMeta(keys[at], at < signers, at < signed_end or signers <= at < unsigned_end) for at in one.accounts
        ]
        yield BuiltInstruction(keys[one.program_id_index], bytes(one.data), metas)


def _verifies(key: str, signature: bytes, message: bytes) -> bool:
    return signature != _UNSIGNED and Signature(signature).verify(Pubkey.from_string(key), message)


def _guarded(read: Callable[[], T]) -> T:
    try:
        return read()
    except (ValueError, IndexError) as fault:
        raise BadTransaction(str(fault) or type(fault).__name__) from None
    except BaseException as fault:  # A Rust panic arrives as a BaseException whose class cannot be imported.
        if type(fault).__name__ != "PanicException":
            raise
        raise BadTransaction("the parser failed on it") from None
