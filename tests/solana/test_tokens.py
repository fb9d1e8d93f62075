"""Instructions are byte for byte what the reference library packs, and what the programs' layouts say."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from solders import compute_budget, system_program
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from spl.token import constants, models
from spl.token import instructions as reference

from overmind.solana import tokens

OWNER, MINT, OTHER, ACCOUNT = (Keypair.from_seed(bytes([seed]) * 32).pubkey() for seed in (1, 2, 3, 4))
PROGRAMS = [tokens.TOKEN_PROGRAM, tokens.TOKEN_2022_PROGRAM]
UNITS = [0, 1, 2**64 - 1]


def test_the_addresses_are_the_library_s() -> None:
    assert tokens.TOKEN_PROGRAM == constants.TOKEN_PROGRAM_ID
    assert tokens.TOKEN_2022_PROGRAM == constants.TOKEN_2022_PROGRAM_ID
    assert tokens.ATA_PROGRAM == constants.ASSOCIATED_TOKEN_PROGRAM_ID
    assert tokens.NATIVE_MINT == constants.WRAPPED_SOL_MINT
    assert tokens.SYSTEM_PROGRAM == system_program.ID
    assert tokens.COMPUTE_BUDGET_PROGRAM == compute_budget.ID
    assert tokens.TOKEN_ACCOUNT_BYTES == constants.ACCOUNT_LEN
    assert tokens.MINT_BYTES == constants.MINT_LEN


@pytest.mark.parametrize("program", PROGRAMS)
def test_associated_accounts(program: Pubkey) -> None:
    assert tokens.ata(OWNER, MINT, program) == reference.get_associated_token_address(OWNER, MINT, program)
    packed = tokens.create_ata_idempotent(OTHER, OWNER, MINT, program)
    assert packed == reference.create_idempotent_associated_token_account(OTHER, OWNER, MINT, program)


def _params(name: str, **fields: Any) -> Any:
    return getattr(models, name)(**fields)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("units", UNITS)
def test_amounts(program: Pubkey, units: int) -> None:
    transfer = _params(
        "TransferCheckedParams",
        program_id=program,
        source=ACCOUNT,
        mint=MINT,
        dest=OTHER,
        owner=OWNER,
        amount=units,
        decimals=9,
        signers=[],
    )
    packed = tokens.transfer_checked(ACCOUNT, MINT, OTHER, OWNER, units, 9, program)
    assert _same(packed, reference.transfer_checked(transfer))
    credit = _params(
        "MintToCheckedParams",
        program_id=program,
        mint=MINT,
        dest=OTHER,
        mint_authority=OWNER,
        amount=units,
        decimals=9,
        signers=[],
    )
    packed = tokens.mint_to_checked(MINT, OTHER, OWNER, units, 9, program)
    assert _same(packed, reference.mint_to_checked(credit))


@pytest.mark.parametrize("program", PROGRAMS)
def test_closing_and_syncing_an_account(program: Pubkey) -> None:
    close = _params("CloseAccountParams", program_id=program, account=ACCOUNT, dest=OTHER, owner=OWNER, signers=[])
    assert _same(tokens.close_account(ACCOUNT, OTHER, OWNER, program), reference.close_account(close))
    sync = _params("SyncNativeParams", program_id=tokens.TOKEN_PROGRAM, account=ACCOUNT)
    assert _same(tokens.sync_native(ACCOUNT), reference.sync_native(sync))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_mint(program: Pubkey) -> None:
    made = _params(
        "InitializeMint2Params", program_id=program, mint=MINT, decimals=6, mint_authority=OWNER, freeze_authority=None
    )
    packed, told = tokens.initialize_mint2(MINT, OWNER, 6, program), reference.initialize_mint2(made)
    assert packed.accounts == told.accounts
    assert bytes(packed.data).ljust(67, b"\0") == bytes(told.data)  # The library fills up the key that is not there.


@pytest.mark.parametrize("lamports", UNITS)
def test_system_instructions_are_an_index_of_four_bytes_and_their_fields(lamports: int) -> None:
    packed = tokens.system_transfer(OWNER, OTHER, lamports)
    assert packed.program_id == tokens.SYSTEM_PROGRAM
    assert packed.data == pack("<IQ", 2, lamports)
    assert packed.accounts == [AccountMeta(OWNER, True, True), AccountMeta(OTHER, False, True)]
    packed = tokens.create_account(OWNER, OTHER, lamports, 82, tokens.TOKEN_PROGRAM)
    assert packed.program_id == tokens.SYSTEM_PROGRAM
    assert packed.data == pack("<IQQ", 0, lamports, 82) + bytes(tokens.TOKEN_PROGRAM)
    assert packed.accounts == [AccountMeta(OWNER, True, True), AccountMeta(OTHER, True, True)]


@pytest.mark.parametrize("units", [0, 1, 1_400_000])
def test_compute_budget_instructions_are_an_index_of_one_byte_and_their_field(units: int) -> None:
    limit = Instruction(tokens.COMPUTE_BUDGET_PROGRAM, pack("<BI", 2, units), [])
    price = Instruction(tokens.COMPUTE_BUDGET_PROGRAM, pack("<BQ", 3, units), [])
    assert compute_budget.set_compute_unit_limit(units) == limit
    assert compute_budget.set_compute_unit_price(units) == price


@pytest.mark.parametrize(
    ("signatures", "limit", "price", "lamports"),
    [
        (2, 60_000, 50_000, 13_000),
        (1, 0, 0, 5_000),
        (1, 1, 1, 5_001),  # rounded up
        (1, 1_000_000, 1, 5_001),
        (1, 1_000_001, 1, 5_002),
        (3, 1_400_000, 0, 15_000),
    ],
)
def test_fees(signatures: int, limit: int, price: int, lamports: int) -> None:
    assert tokens.fee_lamports(signatures, limit, price) == lamports


def _same(packed: Instruction, told: Instruction) -> bool:
    """The library marks some accounts differently (an owner as writable, say); ours ask for no more than it does."""
    ours, theirs = packed.accounts, told.accounts
    return (
        packed.program_id == told.program_id
        and bytes(packed.data) == bytes(told.data)
        and [one.pubkey for one in ours] == [one.pubkey for one in theirs]
        and [one.is_signer for one in ours] == [one.is_signer for one in theirs]
        and all(mine.is_writable <= other.is_writable for mine, other in zip(ours, theirs, strict=True))
    )
