"""The faucet's transactions, the source of all money on a localnet."""

from __future__ import annotations

import hashlib
import struct
from typing import Final

from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams
from solders.system_program import transfer as system_transfer
from solders.transaction import VersionedTransaction

from overmind.core.model.value import Value
from overmind.sandbox.localnet.tokens import ATA, associated_address
from overmind.sandbox.localnet.wire import SYSTEM, Wire, take_apart

_UNITS: Final = 200_000
_CREATE_IDEMPOTENT, _MINT_TO = b"\1", b"\7"


class MintOrder(Value, frozen=True):
    mint: str
    program: str
    authority: str
    owner: str
    amount: int


def key_of(genesis: bytes, name: bytes) -> Keypair:
    """A key derived from the genesis: the same chain has the same key."""
    return Keypair.from_seed(hashlib.blake2b(genesis + name, digest_size=32).digest())


def transfer(payer: Keypair, address: str, lamports: int, blockhash: str, again: int) -> Wire:
    params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=Pubkey.from_string(address), lamports=lamports)
    return _signed(payer, [system_transfer(params)], blockhash, again)


def mint_to(payer: Keypair, order: MintOrder, blockhash: str, again: int) -> Wire:
    """Mints to the owner's associated account, which it creates if needed."""
    mint, program, owner = (Pubkey.from_string(text) for text in (order.mint, order.program, order.owner))
    account = Pubkey.from_string(associated_address(order.owner, order.mint, order.program))
    create = [
        AccountMeta(payer.pubkey(), True, True),
        AccountMeta(account, False, True),
        *(AccountMeta(key, False, False) for key in (owner, mint, SYSTEM, program)),
    ]
    authority = AccountMeta(Pubkey.from_string(order.authority), True, False)
    credit = [AccountMeta(mint, False, True), AccountMeta(account, False, True), authority]
    instructions = [
        Instruction(ATA, _CREATE_IDEMPOTENT, create),
        Instruction(program, _MINT_TO + struct.pack("<Q", order.amount), credit),
    ]
    return _signed(payer, instructions, blockhash, again)


def _signed(payer: Keypair, instructions: list[Instruction], blockhash: str, again: int) -> Wire:
    """`again` makes an otherwise equal transaction different, by another compute unit limit."""
    if again:
        limit = set_compute_unit_limit(_UNITS + again)
        instructions = [limit, *instructions]
    message = Message.new_with_blockhash(instructions, payer.pubkey(), Hash.from_string(blockhash))
    others = message.header.num_required_signatures - 1
    signatures = [payer.sign_message(bytes(message)), *[Signature.default()] * others]
    return take_apart(VersionedTransaction.populate(message, signatures))
