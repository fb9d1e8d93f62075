"""Transactions from outside: parsed exactly, or refused as BadTransaction, and never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.keypair import Keypair
from solders.message import Message, MessageAddressTableLookup, MessageHeader, MessageV0, MessageV1
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from tests.support.effort import examples
from tests.support.hostile_transactions import (
    BLOCKHASH,
    BONK,
    MAKER,
    OWNER,
    USDC,
    cosigned,
    key,
    message_bytes,
    offered,
    raw,
    swap,
)

from overmind.solana.tokens import SYSTEM_PROGRAM, TOKEN_PROGRAM
from overmind.solana.transactions import (
    PACKET_BYTES_MAX,
    BadTransaction,
    account_keys,
    parse,
    signature_text,
)

GOOD = cosigned(message_bytes(swap(USDC, BONK)))
US, THEM = OWNER.pubkey(), MAKER.pubkey()
MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")


def blank(message: bytes, signers: int = 1) -> bytes:
    return bytes([signers]) + bytes(64 * signers) + message


def v0(
    keys: list[Pubkey],
    instructions: list[CompiledInstruction],
    lookups: list[MessageAddressTableLookup] | None = None,
    header: tuple[int, int, int] = (1, 0, 1),
) -> bytes:
    return b"\x80" + bytes(MessageV0(MessageHeader(*header), keys, BLOCKHASH, instructions, lookups or []))


def test_what_is_read_is_what_is_there() -> None:
    read = parse(GOOD)
    assert read.raw == GOOD
    assert read.signers == (str(US), str(THEM))
    assert read.blockhash == str(BLOCKHASH)
    assert [one.data[0] for one in read.instructions] == [2, 3, 1, 12, 12]
    assert read.message == GOOD[129:]
    assert account_keys(GOOD) == read.keys
    assert read.unsigned() == ()


@pytest.mark.parametrize("legacy", [False, True])
def test_signed_by_us_it_is_complete(legacy: bool) -> None:
    read = offered(swap(USDC, BONK), legacy=legacy)
    signature = bytes(OWNER.sign_message(read.message))
    signed = VersionedTransaction.from_bytes(read.signed_by_payer(signature))
    assert signed.verify_with_results() == [True, True]
    assert str(signed.signatures[0]) == signature_text(signature)
    assert read.signed_by_payer(signature)[129:] == read.message


LOOKUP = MessageAddressTableLookup(key("a table").pubkey(), b"\0", b"")
NOOP = CompiledInstruction(1, b"", b"")
BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "one byte": (b"\1", ""),
    "no signatures": (b"\0" + GOOD[129:], "0 signatures for 2 signers"),
    "a signature too few": (GOOD[:1] + GOOD[65:], ""),
    "a signature too few, counted so": (b"\1" + GOOD[65:], "1 signatures for 2 signers"),
    "a signature too many": (b"\3" + bytes(64) + GOOD[1:], "3 signatures for 2 signers"),
    "cut off": (GOOD[:-1], ""),
    "a byte behind it": (GOOD + b"\0", ""),
    "two transactions": (GOOD + GOOD[:100], ""),
    "too long": (GOOD + bytes(PACKET_BYTES_MAX + 1 - len(GOOD)), "1233 bytes, and a node accepts 1232"),
    "much too long": (bytes(10_000_000), "bytes, and a node accepts 1232"),
    "a count of signatures in two bytes": (b"\x82\0" + GOOD[1:], ""),
    "lookup tables": (blank(v0([US, SYSTEM_PROGRAM], [], [LOOKUP])), "lookup tables"),
    "a program from a lookup table": (blank(v0([US, MEMO], [CompiledInstruction(2, b"", b"")], [LOOKUP])), ""),
    "an account index past the keys": (blank(v0([US, MEMO], [CompiledInstruction(1, b"", b"\2")])), ""),
    "a program index past the keys": (blank(v0([US, MEMO], [CompiledInstruction(9, b"", b"")])), ""),
    "an account twice": (blank(v0([US, MEMO, US], [NOOP])), "it names an account twice"),
    "more signers than keys": (blank(v0([US, MEMO], [NOOP], header=(3, 0, 0)), 3), "signatures for 3 signers"),
    "no signer at all": (blank(v0([US, MEMO], [NOOP], header=(0, 0, 0)), 0), "0 signatures for 0 signers"),
    "no keys": (blank(v0([], [], header=(1, 0, 0))), ""),
    "version 1": (blank(b"\x81" + GOOD[130:], 2), ""),
    "version 127": (blank(b"\xff" + GOOD[130:], 2), ""),
    "noise": (bytes(range(256)) * 4, ""),
    "zeros": (bytes(1_000), ""),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused(name: str) -> None:
    sent, words = BAD[name]
    with pytest.raises(BadTransaction) as refused:
        parse(sent)
    assert words in str(refused.value) != ""


def test_a_version_after_0_is_refused() -> None:
    """Well formed, but in a version that we do not know."""
    instruction = raw(TOKEN_PROGRAM, b"\x0c", US, THEM)
    message = MessageV1.try_compile(US, [instruction], BLOCKHASH)
    transaction = VersionedTransaction(message, [OWNER])
    with pytest.raises(BadTransaction, match="MessageV1"):
        parse(bytes(transaction))


def test_the_largest_packet_is_read() -> None:
    def packed(size: int) -> bytes:
        return cosigned(message_bytes([raw(MEMO, b"m" * size, US)]))

    room = PACKET_BYTES_MAX - len(packed(500))
    assert len(parse(packed(500 + room)).raw) == PACKET_BYTES_MAX
    with pytest.raises(BadTransaction, match="1233 bytes"):
        parse(packed(501 + room))


def test_a_legacy_message_is_read() -> None:
    message = Message.new_with_blockhash([raw(MEMO, b"hi", US)], US, Hash.default())
    assert parse(blank(bytes(message))).instructions[0].accounts == (str(US),)


def test_our_own_signature_is_not_asked_for() -> None:
    """The missing signature is the maker's."""
    assert parse(GOOD[:1] + bytes(64) + GOOD[65:]).unsigned() == ()
    assert parse(GOOD[:65] + bytes(64) + GOOD[129:]).unsigned() == (str(THEM),)


@settings(max_examples=examples(300))
@given(st.binary(max_size=1_300))
def test_any_bytes(sent: bytes) -> None:
    reads_or_refuses(sent)


@settings(max_examples=examples(1_000))
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=5), st.integers(0, len(GOOD)))
def test_any_damage(flips: list[tuple[int, int]], cut: int) -> None:
    sent = bytearray(GOOD)
    for place, value in flips:
        sent[place] = value
    reads_or_refuses(bytes(sent))
    reads_or_refuses(bytes(sent[:cut]))


def reads_or_refuses(sent: bytes) -> None:
    try:
        read = parse(sent)
    except BadTransaction:
        return
    assert read.raw == sent
    assert read.signers == read.keys[: len(read.signatures)]
    read.unsigned()
    assert bytes(VersionedTransaction.from_bytes(sent)) == sent


def test_a_parsed_transaction_shows_no_secret_key() -> None:
    """No text of a transaction contains a keypair."""
    secret = Keypair()
    read = parse(cosigned(message_bytes([raw(MEMO, b"hi", secret.pubkey(), signers=[secret])], secret)))
    assert str(secret) not in repr(read)
