"""Adds the maker's signature to a transaction that the trader assembled from /build.

The signature covers the whole message, so the whole message is checked. The trader may add any other instruction, as
long as the maker's key appears only in the built payment out, and the built payment in is there too. A program can use
only a signature that its own instruction names, so no other instruction can move the maker's money.
"""

from __future__ import annotations

from solders.instruction import Instruction as Built
from solders.keypair import Keypair

from overmind.core.model.value import Value
from overmind.sandbox.maker import legs
from overmind.sandbox.maker.cluster import RecentBlock
from overmind.sandbox.maker.legs import Swap
from overmind.solana.transactions import SIGNATURE_BYTES, BadTransaction, Instruction, Transaction, parse


class Offer(Value, frozen=True):
    """What /build offered, with its blockhash: the offer expires together with it."""

    swap: Swap
    block: RecentBlock


class Tampered(Exception):
    """Why the maker does not sign this transaction."""


def read_offered(raw: bytes, offer: Offer) -> Transaction:
    """The transaction, if it matches the offer and costs the maker nothing more. Raises Tampered."""
    try:
        transaction = parse(raw)
    except BadTransaction as fault:
        raise Tampered(f"the transaction cannot be read: {fault}") from None
    swap = offer.swap
    maker = str(swap.maker)
    if transaction.keys[0] == maker:
        raise Tampered("the maker is the fee payer; the trader pays the fee")
    if maker not in transaction.signers:
        raise Tampered("the maker is not among the signers: the swap instruction is missing")
    if transaction.blockhash != str(offer.block.hash):
        raise Tampered("the blockhash is not that of the build; build again")
    paid_in, paid_out = _plain(legs.pay_in(swap)), _plain(legs.pay_out(swap))
    if [one for one in transaction.instructions if maker in one.accounts or one.program == maker] != [paid_out]:
        raise Tampered("the maker's key may be used only once, by the built swap instruction")
    if paid_in not in transaction.instructions:
        raise Tampered("the built payment to the maker is missing")
    return transaction


def cosign(transaction: Transaction, maker: Keypair, name: str) -> bytes:
    """The transaction's bytes with the maker's signature inserted."""
    place = 1 + SIGNATURE_BYTES * transaction.signers.index(name)
    raw = transaction.raw
    return raw[:place] + bytes(maker.sign_message(transaction.message)) + raw[place + SIGNATURE_BYTES :]


def _plain(built: Built) -> Instruction:
    return Instruction(str(built.program_id), tuple(str(one.pubkey) for one in built.accounts), bytes(built.data))
