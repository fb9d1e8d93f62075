"""The instructions that this code sends. solders packs those of System and Compute Budget; it has none for tokens.

Those are packed here: each is a few bytes whose layout its program has fixed for ever, by its own enum: SPL Token and
Token-2022 (u8 index, little-endian fields), Associated Token Account (u8). The library that has them
validates its parameters and takes many times longer; the tests compare with it byte by byte.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

from solders import compute_budget, system_program
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.system_program import CreateAccountParams, TransferParams

from overmind.core.model.ids import SOL

SYSTEM_PROGRAM: Final = system_program.ID
TOKEN_PROGRAM: Final = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM: Final = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
ATA_PROGRAM: Final = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")
COMPUTE_BUDGET_PROGRAM: Final = compute_budget.ID
NATIVE_MINT: Final = Pubkey.from_string(SOL)
TOKEN_PROGRAMS: Final = {"token": TOKEN_PROGRAM, "token-2022": TOKEN_2022_PROGRAM}  # by `Token.program`

# solana-facts §1.4: two signatures, a limit of 60,000 at 50,000 micro-lamports cost 13,000, measured.
SIGNATURE_LAMPORTS: Final = 5_000
UNIT_PRICE_SCALE: Final = 1_000_000  # micro-lamports per lamport

# Sizes as the programs allocate them. An associated account of Token-2022 always carries ImmutableOwner.
MINT_BYTES: Final = 82
TOKEN_ACCOUNT_BYTES: Final = 165
TOKEN_2022_ACCOUNT_BYTES: Final = 170  # 165 + 1 of account type + 4 of the extension's header

# The first bytes of an instruction say which it is.
ATA_CREATE_IDEMPOTENT: Final = 1
CLOSE_ACCOUNT: Final = 9
TRANSFER_CHECKED: Final = 12
APPROVE_CHECKED: Final = 13
MINT_TO_CHECKED: Final = 14
SYNC_NATIVE: Final = 17
INITIALIZE_MINT2: Final = 20

_U8_U64_U8: Final = Struct("<BQB")
_ATA_CACHE_MAX: Final = 65_536  # deriving an address is a search of tens of microseconds


@lru_cache(maxsize=_ATA_CACHE_MAX)
def ata(owner: Pubkey, mint: Pubkey, program: Pubkey) -> Pubkey:
    """The one token account of `owner` for `mint` that anybody can derive."""
    return Pubkey.find_program_address([bytes(owner), bytes(program), bytes(mint)], ATA_PROGRAM)[0]


def fee_lamports(signatures: int, unit_limit: int, unit_price_micro: int) -> int:
    """What a transaction pays, landed or reverted: by the compute *limit*, not by what it uses."""
    return SIGNATURE_LAMPORTS * signatures - (-unit_limit * unit_price_micro // UNIT_PRICE_SCALE)


def system_transfer(source: Pubkey, target: Pubkey, lamports: int) -> Instruction:
    return system_program.transfer(TransferParams(from_pubkey=source, to_pubkey=target, lamports=lamports))


def create_account(payer: Pubkey, account: Pubkey, lamports: int, size: int, owner: Pubkey) -> Instruction:
    return system_program.create_account(
        CreateAccountParams(from_pubkey=payer, to_pubkey=account, lamports=lamports, space=size, owner=owner)
    )


def create_ata_idempotent(payer: Pubkey, owner: Pubkey, mint: Pubkey, program: Pubkey) -> Instruction:
    accounts = [
        _payer(payer),
        _writable(ata(owner, mint, program)),
        _readonly(owner),
        _readonly(mint),
        _readonly(SYSTEM_PROGRAM),
        _readonly(program),
    ]
    return Instruction(ATA_PROGRAM, bytes([ATA_CREATE_IDEMPOTENT]), accounts)


def transfer_checked(
    source: Pubkey, mint: Pubkey, target: Pubkey, owner: Pubkey, units: int, decimals: int, program: Pubkey
) -> Instruction:
    accounts = [_writable(source), _readonly(mint), _writable(target), _signer(owner)]
    return Instruction(program, _U8_U64_U8.pack(TRANSFER_CHECKED, units, decimals), accounts)


def sync_native(account: Pubkey) -> Instruction:
    """Make a wrapped-SOL account's amount what its lamports say."""
    return Instruction(TOKEN_PROGRAM, bytes([SYNC_NATIVE]), [_writable(account)])


def close_account(account: Pubkey, target: Pubkey, owner: Pubkey, program: Pubkey) -> Instruction:
    """Its lamports go to `target`: the rent, and for wrapped SOL the amount."""
    return Instruction(program, bytes([CLOSE_ACCOUNT]), [_writable(account), _writable(target), _signer(owner)])


def initialize_mint2(mint: Pubkey, authority: Pubkey, decimals: int, program: Pubkey) -> Instruction:
    """Without a freeze authority: what such a mint's holders have, nobody can lock."""
    packed = bytes([INITIALIZE_MINT2, decimals]) + bytes(authority) + b"\x00"
    return Instruction(program, packed, [_writable(mint)])


def mint_to_checked(
    mint: Pubkey, target: Pubkey, authority: Pubkey, units: int, decimals: int, program: Pubkey
) -> Instruction:
    accounts = [_writable(mint), _writable(target), _signer(authority)]
    return Instruction(program, _U8_U64_U8.pack(MINT_TO_CHECKED, units, decimals), accounts)


def _payer(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, True, True)


def _signer(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, True, False)


def _writable(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, False, True)


def _readonly(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, False, False)
