"""Fixtures of the localnet's tests: a clock that stands still, keys, and transactions of every kind."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.system_program import TransferParams
from solders.system_program import transfer as system_transfer
from solders.transaction import VersionedTransaction

from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.errors import RpcFault
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.methods import METHODS
from overmind.sandbox.localnet.node import LocalNode
from overmind.sandbox.localnet.params import RpcParams
from overmind.sandbox.localnet.tokens import TOKEN, associated_address
from overmind.sandbox.localnet.wire import read

SOL = 10**9
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
BONK = "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"
DECIMALS = {USDC: 6, BONK: 5}
START_NS = 1_750_000_000 * 10**9


class StillClock:
    def __init__(self) -> None:
        self.ns = START_NS

    def now_ns(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * 10**9)


def key(name: str) -> Keypair:
    return Keypair.from_seed(name.encode().ljust(32, b"."))


ALICE, MAKER, BOB = key("alice"), key("maker"), key("bob")


def address(keypair: Keypair) -> str:
    return str(keypair.pubkey())


def new_chain(faults: Faults | None = None, seed: int = 0) -> LocalChain:
    """A chain on which Alice and the maker have 10 SOL each, Alice 1,000 USDC and the maker 1,000 BONK; all final."""
    chain = LocalChain(StillClock(), seed=seed)
    furnish(chain)
    chain.set_faults(faults or Faults())
    return chain


def furnish(chain: LocalChain) -> None:
    for keypair in (ALICE, MAKER):
        chain.airdrop(address(keypair), 10 * SOL)
    for mint, decimals in DECIMALS.items():
        chain.create_mint(mint, decimals, TOKEN, None)
    for keypair, mint, amount in ((ALICE, USDC, 10**9), (MAKER, USDC, 0), (ALICE, BONK, 0), (MAKER, BONK, 10**8)):
        chain.mint_to(mint, address(keypair), amount)
    advance(chain, 33)


def advance(chain: LocalChain, blocks: int) -> None:
    for _ in range(blocks):
        chain.advance_slot()


def held(keypair: Keypair, mint: str) -> str:
    return associated_address(address(keypair), mint, TOKEN)


def tokens_of(chain: LocalChain, keypair: Keypair, mint: str) -> int:
    account = chain.accounts.get(held(keypair, mint))
    return 0 if account is None else int.from_bytes(account.data[64:72], "little")


def lamports_of(chain: LocalChain, keypair: Keypair) -> int:
    account = chain.accounts.get(address(keypair))
    return 0 if account is None else account.lamports


def transfer(sender: Keypair, receiver: Keypair, lamports: int) -> Instruction:
    params = TransferParams(from_pubkey=sender.pubkey(), to_pubkey=receiver.pubkey(), lamports=lamports)
    return system_transfer(params)


def move_tokens(sender: Keypair, receiver: Keypair, mint: str, amount: int) -> Instruction:
    accounts = [
        AccountMeta(Pubkey.from_string(held(sender, mint)), False, True),
        AccountMeta(Pubkey.from_string(mint), False, False),
        AccountMeta(Pubkey.from_string(held(receiver, mint)), False, True),
        AccountMeta(sender.pubkey(), True, False),
    ]
    data = b"\x0c" + struct.pack("<QB", amount, DECIMALS[mint])
    return Instruction(Pubkey.from_string(TOKEN), data, accounts)


def budget(limit: int, price_micro: int) -> list[Instruction]:
    return [
        set_compute_unit_limit(limit),
        set_compute_unit_price(price_micro),
    ]


def swap(usdc: int, bonk: int) -> list[Instruction]:
    """Alice pays USDC to the maker and gets BONK, or neither."""
    both = [move_tokens(ALICE, MAKER, USDC, usdc), move_tokens(MAKER, ALICE, BONK, bonk)]
    return [*budget(60_000, 50_000), *both]


def signed(
    instructions: Sequence[Instruction],
    signers: Sequence[Keypair],
    blockhash: str,
    *,
    legacy: bool = False,
    tables: Sequence[AddressLookupTableAccount] = (),
) -> bytes:
    payer, recent = signers[0].pubkey(), Hash.from_string(blockhash)
    if legacy:
        return bytes(VersionedTransaction(Message.new_with_blockhash(instructions, payer, recent), list(signers)))
    message = MessageV0.try_compile(payer, list(instructions), list(tables), recent)
    return bytes(VersionedTransaction(message, list(signers)))


def unsigned(raw: bytes) -> bytes:
    transaction = VersionedTransaction.from_bytes(raw)
    blank = [Signature.default()] * len(transaction.signatures)
    return bytes(VersionedTransaction.populate(transaction.message, blank))


def swap_now(chain: LocalChain, usdc: int = 10**6, bonk: int = 10**5) -> bytes:
    return signed(swap(usdc, bonk), (ALICE, MAKER), chain.blocks.head.blockhash)


def signature_of(raw: bytes) -> str:
    return read(raw).signature


def call(chain: LocalChain, method: str, *params: object) -> object:
    """Calls one method without a network. Raises RpcFault."""
    return METHODS[method](LocalNode(chain), RpcParams(list(params)))


def value(chain: LocalChain, method: str, *params: object) -> Any:
    """The value of an answer with a context."""
    answered = call(chain, method, *params)
    assert isinstance(answered, dict)
    return answered["value"]


def refusal(chain: LocalChain, method: str, *params: object) -> dict[str, object]:
    """The error body that a client gets."""
    try:
        answered = call(chain, method, *params)
    except RpcFault as error:
        return error.body()
    raise AssertionError(f"{method} was answered: {answered}")
