"""A swap as instructions: the trader pays in and the maker pays out, in one transaction or not at all.

Native SOL goes through a wrapped SOL account that exists for this transaction only, as with Jupiter's
`wrapAndUnwrapSol`. The trader pays the fee, and therefore the rent of new accounts too.
"""

from __future__ import annotations

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from overmind.core.model.value import Value
from overmind.sandbox.localnet.relay import TIP_ACCOUNTS
from overmind.sandbox.maker.listing import Listed
from overmind.solana import tokens
from overmind.solana.tokens import ata


class Swap(Value, frozen=True):
    taker: Pubkey
    maker: Pubkey
    given: Listed
    wanted: Listed
    in_units: int
    out_units: int
    creates_account: bool  # the trader has no token account for `wanted` yet

    @property
    def taker_gives_from(self) -> Pubkey:
        return ata(self.taker, self.given.mint, self.given.program)

    @property
    def taker_gets_into(self) -> Pubkey:
        return ata(self.taker, self.wanted.mint, self.wanted.program)


def setup(swap: Swap) -> list[Instruction]:
    """Instructions that create the accounts that the payments need."""
    taker, given, wanted = swap.taker, swap.given, swap.wanted
    made = []
    if given.native:
        wrapped = swap.taker_gives_from
        made += [
            tokens.create_ata_idempotent(taker, taker, given.mint, given.program),
            tokens.system_transfer(taker, wrapped, swap.in_units),
            tokens.sync_native(wrapped),
        ]
    if wanted.native or swap.creates_account:
        made.append(tokens.create_ata_idempotent(taker, taker, wanted.mint, wanted.program))
    return made


def pay_in(swap: Swap) -> Instruction:
    given = swap.given
    return tokens.transfer_checked(
        swap.taker_gives_from,
        given.mint,
        given.vault,
        swap.taker,
        swap.in_units,
        given.token.decimals,
        given.program,
    )


def pay_out(swap: Swap) -> Instruction:
    """The payment out, the only instruction that the maker's signature authorises."""
    wanted = swap.wanted
    return tokens.transfer_checked(
        wanted.vault,
        wanted.mint,
        swap.taker_gets_into,
        swap.maker,
        swap.out_units,
        wanted.token.decimals,
        wanted.program,
    )


def cleanup(swap: Swap) -> Instruction | None:
    """Unwraps SOL: the wrapped account's rent and balance go to the trader."""
    if swap.given.native:
        return tokens.close_account(swap.taker_gives_from, swap.taker, swap.taker, swap.given.program)
    if swap.wanted.native:
        return tokens.close_account(swap.taker_gets_into, swap.taker, swap.taker, swap.wanted.program)
    return None


def tip(taker: Pubkey, number: int, lamports: int) -> list[Instruction]:
    """The trader's tip to one of the relay's accounts, a different one for each order; none for no lamports."""
    account = Pubkey.from_string(TIP_ACCOUNTS[number % len(TIP_ACCOUNTS)])
    return [tokens.system_transfer(taker, account, lamports)] if lamports else []


def legs(swap: Swap) -> list[Instruction]:
    """All instructions of the swap, without its compute budget."""
    last = cleanup(swap)
    return [*setup(swap), pay_in(swap), pay_out(swap), *([] if last is None else [last])]
