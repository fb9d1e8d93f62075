"""Transactions before they are signed, and their signing.

Two equal swaps on one blockhash must not become one transaction, or the chain would execute only one of them. So each
order lowers the compute unit limit and price by a step that costs nothing. The steps repeat after 65,536 orders.
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
# Two transfers and one new account, with room for the older token program (the embedded chain's program takes 24,000 at
# most) and for addresses that are hard to derive: 1,500 for each bump seed that does not fit.
SWAP_UNITS: Final = 60_000
ACCOUNT_UNITS: Final = 40_000  # for a second account: wrapped SOL comes in and a new token account goes out
SIGNATURES: Final = 2  # the trader's and the maker's
_STEPS: Final = 256  # of the unit limit, and of the unit price


class ComputeBudget(Value, frozen=True):
    """A transaction's compute unit limit and the price that it bids per unit."""

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
    """The transaction as the trader gets it: signed by the maker, not yet by the trader."""

    message: bytes
    transaction: bytes


def budget_of(swap: Swap, number: int, priority_fee_lamports: int | None) -> ComputeBudget:
    """The budget of this maker's order `number`. A priority fee that the trader names is a maximum."""
    limit = SWAP_UNITS + ACCOUNT_UNITS * (swap.given.native and swap.creates_account)
    price = UNIT_PRICE_MICRO
    if priority_fee_lamports is not None:
        price = priority_fee_lamports * UNIT_PRICE_SCALE // limit
    low, high = number % _STEPS, number // _STEPS % _STEPS
    return ComputeBudget(limit - low, max(0, price - high))


def sign(draft: Draft, keypair: Keypair, maker: Pubkey) -> Signed:
    """Signs for the maker only. All other signatures stay blank; the fee payer's is the first."""
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
    """A complete transaction of the maker's own and its signature. The first key pays the fee."""
    keys = {keypair.pubkey(): keypair for keypair in keypairs}
    message = MessageV0.try_compile(next(iter(keys)), list(instructions), [], blockhash)
    packed = to_bytes_versioned(message)
    signers = message.account_keys[: message.header.num_required_signatures]
    signatures = [keys[key].sign_message(packed) for key in signers]
    return bytes([len(signatures)]) + b"".join(map(bytes, signatures)) + packed, str(signatures[0])
