"""A transaction before it is signed, and the signing of it.

Two equal swaps on one blockhash must not be one transaction, or the chain would execute one of them. So the compute
budget counts: each order lowers limit and price by steps that cost nothing, and 65,536 follow before it repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey
from solders.signature import Signature

from overmind.core.model.value import Value
from overmind.sandbox.maker.legs import Swap
from overmind.solana.tokens import UNIT_PRICE_SCALE, fee_lamports

UNIT_PRICE_MICRO: Final = 50_000
# Two transfers and one new account, with room for the older token program (the embedded chain's takes 24,000 at most)
# and for addresses that are hard to derive: 1,500 for each bump that does not fit.
SWAP_UNITS: Final = 60_000
ACCOUNT_UNITS: Final = 40_000  # for a second account: wrapped SOL comes in and a new token goes out
SIGNATURES: Final = 2  # the trader's, then the maker's
_STEPS: Final = 256  # of the limit, and of the price


class ComputeBudget(Value, frozen=True):
    """What a transaction may compute and what it bids for that."""

    unit_limit: int
    unit_price_micro: int

    @property
    def priority_lamports(self) -> int:
        return fee_lamports(0, self.unit_limit, self.unit_price_micro)

    def instructions(self) -> list[Instruction]:
        return [set_compute_unit_limit(self.unit_limit), set_compute_unit_price(self.unit_price_micro)]


class Draft(Value, frozen=True):
    swap: Swap
    payer: Pubkey
    budget: ComputeBudget
    legs: tuple[Instruction, ...]
    blockhash: Hash
    cosigned: bool = True


class Signed(Value, frozen=True):
    """As the trader gets it: the maker's signature in its place, the trader's still blank."""

    message: bytes
    transaction: bytes


def budget_of(swap: Swap, number: int, priority_fee_lamports: int | None) -> ComputeBudget:
    """The `number`-th of this maker's orders. A fee that the trader names is a ceiling."""
    limit = SWAP_UNITS + ACCOUNT_UNITS * (swap.given.native and swap.creates_account)
    price = UNIT_PRICE_MICRO
    if priority_fee_lamports is not None:
        price = priority_fee_lamports * UNIT_PRICE_SCALE // limit
    low, high = number % _STEPS, number // _STEPS % _STEPS
    return ComputeBudget(limit - low, max(0, price - high))


def sign(draft: Draft, keypair: Keypair, maker: Pubkey) -> Signed:
    """Partially: every signer but the maker is left blank, the fee payer first."""
    instructions = [*draft.budget.instructions(), *draft.legs]
    message = MessageV0.try_compile(draft.payer, instructions, [], draft.blockhash)
    packed = to_bytes_versioned(message)
    signers = message.account_keys[: message.header.num_required_signatures]
    signature = keypair.sign_message(packed) if draft.cosigned else Signature.default()
    signatures = [bytes(signature if key == maker else Signature.default()) for key in signers]
    return Signed(packed, bytes([len(signatures)]) + b"".join(signatures) + packed)


def signed_alone(
    instructions: Sequence[Instruction], blockhash: Hash, keypairs: Sequence[Keypair]
) -> tuple[bytes, str]:
    """A transaction of the maker's own, complete, and its signature. The first key pays."""
    keys = {keypair.pubkey(): keypair for keypair in keypairs}
    message = MessageV0.try_compile(next(iter(keys)), list(instructions), [], blockhash)
    packed = to_bytes_versioned(message)
    signers = message.account_keys[: message.header.num_required_signatures]
    signatures = [keys[key].sign_message(packed) for key in signers]
    return bytes([len(signatures)]) + b"".join(map(bytes, signatures)) + packed, str(signatures[0])
