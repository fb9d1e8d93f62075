"""Every way we know to lose money with a transaction that looks like a move of our own: refused, with a reason.

What passes and simulates to a settled move changes what is ours by exactly that move, its fee and its rent; and what a
node tells of a landing is believed to the lamport or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from tests.solana.test_firewall import (
    MEMO_PROGRAM,
    NAME,
    NONCE,
    OURS,
    RENT_SYSVAR,
    THEIRS,
    U64_MAX,
    US,
    USDC_MINT,
    Change,
    Instructions,
    changes,
    compute,
    create,
    first,
    instead,
    plus,
    system,
    token,
    units,
)
from tests.support.effort import examples
from tests.support.hostile_transactions import (
    BLOCKHASH,
    BONK,
    FEE_MAX,
    LISTED,
    MAKER,
    NEW,
    OWNER,
    RENT_MAX,
    SOL_TOKEN,
    THIEF,
    USDC,
    OwnedAssets,
    TrialChain,
    address,
    budget,
    cosigned,
    key,
    message_bytes,
    offered,
    pay,
    program,
    raw,
    side_address,
)

from overmind.core.model.enums import MoveKind
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Move
from overmind.core.model.outcome import Cause, Failed, Filled, Rejected
from overmind.ports import Effects, TokenBalance
from overmind.solana import tokens
from overmind.solana.firewall import verify_move
from overmind.solana.settlement import Unsettled
from overmind.solana.tokens import ATA_PROGRAM, SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, TOKEN_PROGRAM
from overmind.solana.transactions import BadTransaction, parse
from overmind.solana.transfers import UNIT_PRICE_MICRO, UNITS, account_of, build, settle_move

UNITS_MOVED = 70 * 10**6
NEWCOMER = key("newcomer")  # a wallet without any account
THEM, SOMEBODY = MAKER.pubkey(), THIEF.pubkey()


def move(kind: MoveKind, money: Money, receiver: Keypair = MAKER, **changes: Any) -> Move:
    made = Move(
        id=OrderId(f"move:{kind}:7"),
        kind=kind,
        wallet_id=WalletId("w1"),
        money=money,
        to_address=str(receiver.pubkey()),
        to_wallet=WalletId("w2"),
        notional_micros=1,
        fee_max_lamports=FEE_MAX,
        rent_max_lamports=RENT_MAX,
        placed_ns=0,
        not_before_ns=0,
        expires_at_ns=0,
        reason="a test",
    )
    return msgspec.structs.replace(made, **changes)


IN_USDC = move(MoveKind.REBALANCE, Money(UNITS_MOVED, USDC.mint))
TO_A_NEWCOMER = move(MoveKind.SWEEP, Money(UNITS_MOVED, USDC.mint), NEWCOMER)
IN_SOL = move(MoveKind.TOP_UP, Money(UNITS_MOVED, SOL))
CLOSING = move(MoveKind.RECLAIM, Money(0, BONK.mint), OWNER)
CLOSING_NEW = move(MoveKind.RECLAIM, Money(0, NEW.mint), OWNER)
OUT_OF_THE_DESK = move(MoveKind.WITHDRAWAL, Money(UNITS_MOVED, USDC.mint), NEWCOMER, to_wallet=None)
SOL_OUT_OF_THE_DESK = move(MoveKind.WITHDRAWAL, Money(UNITS_MOVED, SOL), NEWCOMER, to_wallet=None)
WRAPPED_BACK = move(MoveKind.RECLAIM, Money(0, SOL), OWNER)
HONEST = {
    "quote currency": IN_USDC,
    "quote currency, to a wallet without an account": TO_A_NEWCOMER,
    "lamports": IN_SOL,
    "an empty account": CLOSING,
    "an empty account of the newer program": CLOSING_NEW,
    "out of the desk": OUT_OF_THE_DESK,
    "lamports out of the desk": SOL_OUT_OF_THE_DESK,
}


def good(wanted: Move) -> Instructions:
    """The instructions of `build`, to be changed: budget, (account), and the transfer."""
    mint, target = wanted.money.mint, Pubkey.from_string(wanted.to_address)
    if mint == SOL:
        return [*budget(), tokens.system_transfer(US, target, wanted.money.units)]
    listed = LISTED[mint]
    if wanted.kind is MoveKind.RECLAIM:
        return [*budget(), tokens.close_account(address(listed), US, US, program(listed))]
    theirs = tokens.ata(target, Pubkey.from_string(mint), program(listed))
    return [
        *budget(),
        tokens.create_ata_idempotent(US, target, Pubkey.from_string(mint), program(listed)),
        pay(OWNER, theirs, listed, wanted.money.units),
    ]


def refusal(wanted: Move, transaction: bytes) -> str:
    refused = verify_move(wanted, NAME, LISTED, parse(transaction))
    assert isinstance(refused, Rejected), "it passed"
    assert refused.cause is Cause.NOT_VERIFIED
    return refused.detail


# Correct moves.


@pytest.mark.parametrize("name", HONEST)
def test_what_we_build_passes_and_does_what_was_asked_for(name: str) -> None:
    wanted, trial_chain = HONEST[name], TrialChain("emptied")
    transaction = parse(build(wanted, NAME, LISTED, str(BLOCKHASH)))
    assert verify_move(wanted, NAME, LISTED, transaction) is None
    fee, after = trial_chain.attempt(transaction.raw)
    assert after is not None
    fill = settle_move(trial_chain.effects(transaction.raw), wanted, NAME, LISTED)
    assert isinstance(fill, Filled)
    assert fee == fill.fee_lamports <= FEE_MAX
    assert (fill.rent_lamports > 0) == (wanted.to_address == str(NEWCOMER.pubkey()) and wanted.money.mint != SOL)
    assert surprise(wanted, fill, trial_chain.before, after) is None


@pytest.mark.parametrize("name", HONEST)
def test_the_transactions_that_tests_spoil_are_valid_before(name: str) -> None:
    wanted = HONEST[name]
    for legacy in (False, True):
        assert verify_move(wanted, NAME, LISTED, offered(good(wanted), legacy=legacy)) is None


def test_equal_moves_on_one_blockhash_are_two_transactions() -> None:
    """Otherwise one landing would be booked as two."""
    twins = [msgspec.structs.replace(IN_USDC, id=OrderId(f"move:rebalance:{number}")) for number in range(64)]
    built = {build(one, NAME, LISTED, str(BLOCKHASH)) for one in twins}
    assert len(built) == len(twins)
    assert build(twins[0], NAME, LISTED, str(BLOCKHASH)) in built
    assert build(twins[0], NAME, LISTED, str(Hash(bytes(32)))) not in built


# Attacks.

ANYHOW = ""  # each kind has its own text for it
HERE, BEFORE = -1, -2  # places of the transfer and of the receiver's new account
OF_ANY: dict[str, tuple[Change, str]] = {
    "no compute limit": (lambda all_: all_[1:], "no compute limit"),
    "an absurd price": (lambda all_: [*budget(200_000, U64_MAX), *all_[2:]], "the fee at its compute limit is"),
    "one lamport too much": (lambda all_: [*budget(100_000, 950_001), *all_[2:]], "is 100001 lamports, at most 100000"),
    "a limit twice": (plus(compute(2, b"\1\0\0\0")), "an unknown or repeated"),
    "a heap": (plus(compute(1, b"\0\0\4\0")), "an unknown or repeated"),
    "a price that cannot be decoded": (instead(1, compute(3, b"\1")), "cannot be decoded"),
    "nothing moves": (instead(HERE), "it moves 0 times, not once"),
    "a memo": (plus(raw(MEMO_PROGRAM, b"hello")), "an instruction of"),
    "an unknown program": (plus(raw(SOMEBODY, b"\1", US)), "an instruction of"),
    "our key as a program": (plus(raw(US, b"\1")), "an instruction of"),
    "an empty instruction of a token program": (plus(raw(TOKEN_PROGRAM, b"", US)), "an instruction of"),
    "an empty instruction of the system": (plus(raw(SYSTEM_PROGRAM, b"", US)), "an instruction of"),
    "advance a nonce": (first(system(4, b"", NONCE, RENT_SYSVAR, US)), "an instruction of"),
    "withdraw from a nonce": (plus(system(5, units(1), NONCE, THEM, RENT_SYSVAR, RENT_SYSVAR, US)), "instruction of"),
    "assign": (plus(system(1, bytes(SOMEBODY), US)), "an instruction of"),
    "allocate": (plus(system(8, units(9), US)), "an instruction of"),
    "create account": (plus(system(0, units(1) + units(0) + bytes(32), US, NONCE)), "an instruction of"),
    "approve": (plus(token(4, units(U64_MAX), OURS, SOMEBODY, US)), "an instruction of"),
    "approve checked": (plus(token(13, units(1) + b"\6", OURS, USDC_MINT, SOMEBODY, US)), "an instruction of"),
    "set authority: owner": (plus(token(6, b"\2\1" + bytes(SOMEBODY), OURS, US)), "an instruction of"),
    "set authority: close": (plus(token(6, b"\3\1" + bytes(SOMEBODY), OURS, US)), "an instruction of"),
    "burn": (plus(token(8, units(1), OURS, USDC_MINT, US)), "an instruction of"),
    "unchecked transfer": (plus(token(3, units(1), OURS, THEIRS, US)), "an instruction of"),
    "close another account": (plus(tokens.close_account(OURS, US, US, TOKEN_PROGRAM)), "an instruction of"),
    "sync native": (plus(tokens.sync_native(address(SOL_TOKEN))), "an instruction of"),
    "a tip": (plus(tokens.system_transfer(US, SOMEBODY, 1)), ANYHOW),
    "an account for somebody else": (
        plus(tokens.create_ata_idempotent(US, SOMEBODY, USDC_MINT, TOKEN_PROGRAM)),
        ANYHOW,
    ),
    "an account for another token": (
        plus(tokens.create_ata_idempotent(US, THEM, tokens.NATIVE_MINT, TOKEN_PROGRAM)),
        ANYHOW,
    ),
    "another token leaves too": (plus(pay(OWNER, MAKER, NEW, 1)), ANYHOW),
    "somebody else's money moves too": (plus(pay(MAKER, THIEF, USDC, 1)), ANYHOW),
}  # fmt: skip
OF_UNITS: dict[str, tuple[Change, str]] = {
    "one unit more": (instead(HERE, pay(OWNER, MAKER, USDC, UNITS_MOVED + 1)), "it moves 70000001 base units"),
    "one unit less": (instead(HERE, pay(OWNER, MAKER, USDC, UNITS_MOVED - 1)), "it moves 69999999 base units"),
    "nothing": (instead(HERE, pay(OWNER, MAKER, USDC, 0)), "it moves 0 base units"),
    "all there is": (instead(HERE, pay(OWNER, MAKER, USDC, U64_MAX)), "base units, and the order is"),
    "twice": (plus(pay(OWNER, MAKER, USDC, UNITS_MOVED)), "it moves 2 times, not once"),
    "in two parts": (
        instead(HERE, pay(OWNER, MAKER, USDC, UNITS_MOVED - 1), pay(OWNER, MAKER, USDC, 1)),
        "it moves 69999999 base units",
    ),
    "to a thief": (instead(HERE, pay(OWNER, THIEF, USDC, UNITS_MOVED)), f"no transfer to {THEM}"),
    "to ourselves": (instead(HERE, pay(OWNER, OWNER, USDC, UNITS_MOVED)), "no transfer to"),
    "to the wallet itself": (instead(HERE, pay(OWNER, THEM, USDC, UNITS_MOVED)), "no transfer to"),
    "from our second account": (
        instead(HERE, pay(OWNER, MAKER, USDC, UNITS_MOVED, side_address(USDC))),
        "no transfer to",
    ),
    "another token": (instead(HERE, pay(OWNER, MAKER, BONK, UNITS_MOVED)), "no transfer to"),
    "as another mint": (
        instead(HERE, token(12, units(UNITS_MOVED) + b"\6", OURS, Pubkey.from_string(BONK.mint), THEIRS, US)),
        "no transfer to",
    ),
    "by a delegate": (instead(HERE, pay(THIEF, MAKER, USDC, UNITS_MOVED, OURS)), "it is signed by"),
    "by the other token program": (
        instead(HERE, token(12, units(UNITS_MOVED) + b"\6", OURS, USDC_MINT, THEIRS, US, program=TOKEN_2022_PROGRAM)),
        "no transfer to",
    ),
    "with further accounts": (
        instead(HERE, token(12, units(UNITS_MOVED) + b"\6", OURS, USDC_MINT, THEIRS, US, SOMEBODY)),
        "no transfer to",
    ),
    "without its authority": (
        instead(HERE, token(12, units(UNITS_MOVED) + b"\6", OURS, USDC_MINT, THEIRS)),
        "no transfer to",
    ),
    "without its decimals": (instead(HERE, token(12, units(UNITS_MOVED), OURS, USDC_MINT, THEIRS, US)), "decoded"),
    "with more data": (
        instead(HERE, token(12, units(UNITS_MOVED) + b"\6\0", OURS, USDC_MINT, THEIRS, US)),
        "cannot be decoded",
    ),
    "unchecked": (instead(HERE, token(3, units(UNITS_MOVED), OURS, THEIRS, US)), "cannot be decoded"),
    "as lamports": (instead(HERE, tokens.system_transfer(US, THEM, UNITS_MOVED)), "cannot be decoded"),
    "the account of another owner": (
        instead(BEFORE, create(US, THEIRS, SOMEBODY, USDC_MINT)),
        "it makes us pay for an account",
    ),
    "another account": (instead(BEFORE, create(US, OURS, THEM, USDC_MINT)), "it makes us pay for an account"),
    "the account, of another mint": (
        instead(BEFORE, create(US, THEIRS, THEM, Pubkey.from_string(BONK.mint))),
        "it makes us pay for an account",
    ),
    "an account that another one pays for": (instead(BEFORE, create(THEM, THEIRS, THEM, USDC_MINT)), "makes us pay"),
    "recover nested": (instead(BEFORE, create(US, THEIRS, THEM, USDC_MINT, b"\2")), "it makes us pay for an account"),
    "the account by another program": (
        instead(BEFORE, raw(ATA_PROGRAM, b"\1", US, THEIRS, THEM, USDC_MINT, SYSTEM_PROGRAM, SOMEBODY)),
        "it makes us pay for an account",
    ),
}  # fmt: skip
OF_LAMPORTS: dict[str, tuple[Change, str]] = {
    "one lamport more": (instead(HERE, tokens.system_transfer(US, THEM, UNITS_MOVED + 1)), "it moves 70000001"),
    "one lamport less": (instead(HERE, tokens.system_transfer(US, THEM, UNITS_MOVED - 1)), "it moves 69999999"),
    "all there is": (instead(HERE, tokens.system_transfer(US, THEM, U64_MAX)), "base units, and the order is"),
    "twice": (plus(tokens.system_transfer(US, THEM, UNITS_MOVED)), "it moves 2 times"),
    "to a thief": (instead(HERE, tokens.system_transfer(US, SOMEBODY, UNITS_MOVED)), f"no transfer to {THEM}"),
    "to ourselves": (instead(HERE, tokens.system_transfer(US, US, UNITS_MOVED)), "no transfer to"),
    "of somebody else": (instead(HERE, tokens.system_transfer(SOMEBODY, THEM, UNITS_MOVED)), "it is signed by"),
    "with a further account": (instead(HERE, system(2, units(UNITS_MOVED), US, THEM, US)), "no transfer to"),
    "with seed": (instead(HERE, system(11, units(UNITS_MOVED) + bytes(40), NONCE, US, THEM)), "cannot be decoded"),
    "as an assignment": (instead(HERE, system(8, units(UNITS_MOVED), US, THEM)), "no transfer to"),
    "by another program": (
        instead(HERE, raw(SOMEBODY, b"\2\0\0\0" + units(UNITS_MOVED), US, THEM)),
        "no transfer to",
    ),
    "with token instructions": (
        plus(token(12, units(1) + b"\6", OURS, USDC_MINT, THEIRS, US)),
        "cannot be decoded",
    ),
    "wrapped": (instead(HERE, pay(OWNER, MAKER, SOL_TOKEN, UNITS_MOVED)), "cannot be decoded"),
    "with an account for wrapped SOL": (
        plus(tokens.create_ata_idempotent(US, THEM, tokens.NATIVE_MINT, TOKEN_PROGRAM)),
        "SOL needs no token account",
    ),
}  # fmt: skip
ACCOUNT = address(BONK)
OF_CLOSING: dict[str, tuple[Change, str]] = {
    "another account": (instead(HERE, tokens.close_account(OURS, US, US, TOKEN_PROGRAM)), "does not close"),
    "our second account": (
        instead(HERE, tokens.close_account(side_address(BONK), US, US, TOKEN_PROGRAM)),
        "does not close",
    ),
    "in favour of a thief": (
        instead(HERE, tokens.close_account(ACCOUNT, SOMEBODY, US, TOKEN_PROGRAM)),
        "in our favour",
    ),
    "in favour of itself": (instead(HERE, tokens.close_account(ACCOUNT, ACCOUNT, US, TOKEN_PROGRAM)), "in our favour"),
    "by another authority": (
        instead(HERE, tokens.close_account(ACCOUNT, US, SOMEBODY, TOKEN_PROGRAM)),
        "it is signed by",
    ),
    "by the other program": (
        instead(HERE, tokens.close_account(ACCOUNT, US, US, TOKEN_2022_PROGRAM)),
        "does not close",
    ),
    "for a multisig": (instead(HERE, token(9, b"", ACCOUNT, US, SOMEBODY, US)), "does not close"),
    "with more data": (instead(HERE, token(9, b"\0", ACCOUNT, US, US)), "does not close"),
    "a batch": (instead(HERE, token(255, b"\3\1\11", ACCOUNT, US, US)), "does not close"),
    "twice": (plus(tokens.close_account(ACCOUNT, US, US, TOKEN_PROGRAM)), "it moves 2 times"),
    "and opens it again": (
        plus(tokens.create_ata_idempotent(US, US, Pubkey.from_string(BONK.mint), TOKEN_PROGRAM)),
        "does not close",
    ),
    "empties it first": (first(pay(OWNER, THIEF, BONK, 5)), "does not close"),
    "burns it first": (first(token(8, units(5), ACCOUNT, Pubkey.from_string(BONK.mint), US)), "does not close"),
    "with lamports": (plus(tokens.system_transfer(US, SOMEBODY, 1)), "does not close"),
}  # fmt: skip
ATTACKS = [
    *((wanted, f"{of}: {name}", *row) for of, wanted in HONEST.items() for name, row in OF_ANY.items()),
    *((IN_USDC, f"units: {name}", *row) for name, row in OF_UNITS.items()),
    *((IN_SOL, f"lamports: {name}", *row) for name, row in OF_LAMPORTS.items()),
    *((CLOSING, f"closing: {name}", *row) for name, row in OF_CLOSING.items()),
]


@pytest.mark.parametrize(
    ("wanted", "change", "words"), [(a, c, d) for a, _, c, d in ATTACKS], ids=[row[1] for row in ATTACKS]
)
def test_it_is_refused_and_says_why(wanted: Move, change: Change, words: str) -> None:
    for legacy in (False, True):
        message = message_bytes(change(good(wanted)), legacy=legacy)
        assert words in refusal(wanted, cosigned(message))


def test_wrapped_sol_is_never_a_move() -> None:
    """Wrapped SOL exists only inside a swap, so it is neither moved nor reclaimed."""
    account = address(SOL_TOKEN)
    for instruction in (
        tokens.close_account(account, US, US, TOKEN_PROGRAM),
        tokens.system_transfer(US, US, 0),
        tokens.sync_native(account),
    ):
        assert "SOL needs no token account" in refusal(WRAPPED_BACK, cosigned(message_bytes([*budget(), instruction])))


@pytest.mark.parametrize("name", HONEST)
def test_another_fee_payer_or_signer_is_refused(name: str) -> None:
    """Another payer's signature would be the id, and a second signer could delay it."""
    wanted = HONEST[name]
    for payer in (MAKER, THIEF):
        assert "it is signed by" in refusal(wanted, cosigned(message_bytes(good(wanted), payer)))
    budgeted, *rest = good(wanted)
    second = Instruction(budgeted.program_id, bytes(budgeted.data), [AccountMeta(SOMEBODY, True, False)])
    assert "it is signed by" in refusal(wanted, cosigned(message_bytes([second, *rest])))


def test_lookup_tables_are_not_read_at_all() -> None:
    raw_move = bytearray(build(IN_USDC, NAME, LISTED, str(BLOCKHASH)))
    assert raw_move[-1] == 0, "no tables"
    with pytest.raises(BadTransaction, match="lookup tables"):
        parse(bytes(raw_move[:-1]) + b"\1" + bytes(THEM) + b"\1\0\0")


# Property: a transaction that passes cannot do harm.


def surprise(wanted: Move, fill: Filled, before: OwnedAssets, after: OwnedAssets) -> str | None:
    """Changes of all our assets, except the move, its fee and its rent."""
    if after.strangers:
        return f"{after.strangers} may dispose of what is ours"
    moved = wanted.money.units
    lamports = -fill.fee_lamports - fill.rent_lamports - (moved if wanted.money.mint == SOL else 0)
    expected = {mint: held - (moved if mint == wanted.money.mint else 0) for mint, held in before.units.items()}
    if after.lamports - before.lamports != lamports:
        return f"{after.lamports - before.lamports} lamports, expected were {lamports}"
    found = {mint: after.units.get(mint, 0) for mint in expected}
    return None if found == expected and set(after.units) <= set(expected) else f"{found}, expected was {expected}"


CAGES: dict[str, TrialChain] = {}


def judge(wanted: Move, transaction_of: Callable[[], bytes], kind: str) -> str:
    """The outcome. Asserts that what we would sign does only the move."""
    try:
        transaction = parse(transaction_of())
    except BadTransaction:
        return "no transaction"
    if verify_move(wanted, NAME, LISTED, transaction) is not None:
        return "refused"
    trial_chain = CAGES.setdefault(kind, TrialChain(kind))
    fee, after = trial_chain.attempt(transaction.raw)
    assert fee <= wanted.fee_max_lamports
    try:
        fill = settle_move(trial_chain.effects(transaction.raw), wanted, NAME, LISTED)
    except Unsettled:
        return "unsettled"
    assert (after is None) == isinstance(fill, Failed)
    if after is None or isinstance(fill, Failed):
        return "failed"
    assert surprise(wanted, fill, trial_chain.before, after) is None
    return "passed"


wanted_moves, kinds = st.sampled_from(list(HONEST.values())), st.sampled_from(("stocked", "bare", "wrapped", "emptied"))


@settings(max_examples=examples(500), suppress_health_check=list(HealthCheck))
@given(st.data(), wanted_moves, kinds, st.integers(0, 3), st.booleans())
def test_no_transaction_that_passes_takes_more_than_ordered(
    data: st.DataObject, wanted: Move, kind: str, count: int, legacy: bool
) -> None:
    tried = good(wanted)
    for _ in range(count):
        tried = data.draw(changes(tried))
    try:
        message = message_bytes(tried, legacy=legacy)
    except ValueError:
        return  # It does not fit the format.
    event(judge(wanted, lambda: cosigned(message), kind))


@settings(max_examples=examples(300), suppress_health_check=list(HealthCheck))
@given(wanted_moves, kinds, st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3))
def test_no_changed_byte_passes_and_costs_us_more(wanted: Move, kind: str, flips: list[tuple[int, int]]) -> None:
    built = bytearray(build(wanted, NAME, LISTED, str(BLOCKHASH)))
    for place, value in flips:
        built[65 + place % (len(built) - 65)] = value
    event(judge(wanted, lambda: bytes(built), kind))


# Effects, read from balances.

RENT, FEE, SLOT, BALANCE = 2_039_280, 13_000, 77, 10**9
THEM_TEXT, THIEF_TEXT, NEWCOMER_TEXT = str(THEM), str(SOMEBODY), str(NEWCOMER.pubkey())
OUR_USDC, THEIR_USDC = account_of(NAME, USDC), account_of(THEM_TEXT, USDC)
NEW_USDC, OUR_BONK = account_of(NEWCOMER_TEXT, USDC), account_of(NAME, BONK)

Line = tuple[str, int]  # an account, and how many lamports more it has
Units = tuple[str, str, str, int]  # an account, its mint, its owner, and how many units more it has


def effects(*lines: Line, units: tuple[Units, ...] = (), fee: int = FEE, error: str | None = None) -> Effects:
    """The wallet's own line comes first; a token account without a line keeps its lamports."""
    gained = dict(lines)
    for account, *_ in units:
        gained.setdefault(account, 0)
    names = tuple(gained)
    before = tuple(BALANCE if name == NAME or gained[name] <= 0 else 0 for name in names)
    before = tuple(
        -gained[name] if name == OUR_BONK and gained[name] < 0 else had for name, had in zip(names, before, strict=True)
    )
    after = tuple(had + gained[name] for name, had in zip(names, before, strict=True))
    balances = tuple(
        TokenBalance(names.index(account), Mint(mint), owner, 10**12, 10**12 + more)
        for account, mint, owner, more in units
    )
    return Effects(error, fee, names, before, after, balances, SLOT)


PAID: Units = (OUR_USDC, USDC.mint, NAME, -UNITS_MOVED)
GOT: Units = (THEIR_USDC, USDC.mint, THEM_TEXT, UNITS_MOVED)
NEW_GOT: Units = (NEW_USDC, USDC.mint, NEWCOMER_TEXT, UNITS_MOVED)
EMPTY: Units = (OUR_BONK, BONK.mint, NAME, 0)
US_LINE: Line = (NAME, -FEE)
READINGS: dict[str, tuple[Move, Effects, Filled | str]] = {
    "units": (IN_USDC, effects(US_LINE, units=(PAID, GOT)), Filled(UNITS_MOVED, UNITS_MOVED, FEE, 0, SLOT)),
    "units to a newcomer": (
        TO_A_NEWCOMER,
        effects((NAME, -FEE - RENT), (NEW_USDC, RENT), units=(PAID, NEW_GOT)),
        Filled(UNITS_MOVED, UNITS_MOVED, FEE, RENT, SLOT),
    ),
    "units out of the desk": (
        OUT_OF_THE_DESK,
        effects((NAME, -FEE - RENT), (NEW_USDC, RENT), units=(PAID, NEW_GOT)),
        Filled(UNITS_MOVED, UNITS_MOVED, FEE, RENT, SLOT),
    ),
    "no token changed hands": (IN_USDC, effects(US_LINE), "it changed {}"),
    "one unit too few left": (
        IN_USDC,
        effects(US_LINE, units=((OUR_USDC, USDC.mint, NAME, 1 - UNITS_MOVED), GOT)),
        "it changed",
    ),
    "one unit too many left": (
        IN_USDC,
        effects(US_LINE, units=((OUR_USDC, USDC.mint, NAME, -UNITS_MOVED - 1), GOT)),
        "it changed",
    ),
    "one unit was withheld": (
        IN_USDC,
        effects(US_LINE, units=(PAID, (THEIR_USDC, USDC.mint, THEM_TEXT, UNITS_MOVED - 1))),
        "it changed",
    ),
    "a thief got it": (
        IN_USDC,
        effects(US_LINE, units=(PAID, ("his", USDC.mint, THIEF_TEXT, UNITS_MOVED))),
        "it changed",
    ),
    "another mint came": (
        IN_USDC,
        effects(US_LINE, units=(PAID, (THEIR_USDC, BONK.mint, THEM_TEXT, UNITS_MOVED))),
        "it changed",
    ),
    "it came back": (IN_USDC, effects(US_LINE, units=(PAID, (OUR_USDC, USDC.mint, NAME, UNITS_MOVED))), "it changed"),
    "another token of ours left too": (
        IN_USDC,
        effects(US_LINE, units=(PAID, GOT, (OUR_BONK, BONK.mint, NAME, -1))),
        "it changed",
    ),
    "somebody else's moved too": (
        IN_USDC,
        effects(US_LINE, units=(PAID, GOT, ("his", BONK.mint, THIEF_TEXT, 1))),
        "it changed",
    ),
    "lamports left too": (IN_USDC, effects((NAME, -FEE - 1), units=(PAID, GOT)), "1 lamports left as rent"),
    "lamports came too": (IN_USDC, effects((NAME, 1 - FEE), units=(PAID, GOT)), "-1 lamports left as rent"),
    "a tip": (IN_USDC, effects((NAME, -FEE - 5), (THIEF_TEXT, 5), units=(PAID, GOT)), "5 lamports left as rent"),
    "the rent went elsewhere": (
        TO_A_NEWCOMER,
        effects((NAME, -FEE - RENT), ("his", RENT), units=(PAID, NEW_GOT)),
        "lamports left as rent, and 0 had to",
    ),
    "less rent than we paid": (
        TO_A_NEWCOMER,
        effects((NAME, -FEE - RENT), (NEW_USDC, RENT - 1), units=(PAID, NEW_GOT)),
        "2039280 lamports left as rent, and 2039279 had to",
    ),
    "rent of theirs came to us": (
        IN_USDC,
        effects((NAME, RENT - FEE), (THEIR_USDC, -RENT), units=(PAID, GOT)),
        f"{THEIR_USDC} lost {RENT} lamports",
    ),
    "somebody else's lamports moved": (
        IN_USDC,
        effects(US_LINE, (THIEF_TEXT, 5), units=(PAID, GOT)),
        "it changed the lamports",
    ),
    "lamports": (
        IN_SOL,
        effects((NAME, -FEE - UNITS_MOVED), (THEM_TEXT, UNITS_MOVED)),
        Filled(UNITS_MOVED, UNITS_MOVED, FEE, 0, SLOT),
    ),
    "lamports out of the desk": (
        SOL_OUT_OF_THE_DESK,
        effects((NAME, -FEE - UNITS_MOVED), (NEWCOMER_TEXT, UNITS_MOVED)),
        Filled(UNITS_MOVED, UNITS_MOVED, FEE, 0, SLOT),
    ),
    "one lamport too few": (IN_SOL, effects((NAME, -FEE - UNITS_MOVED + 1), (THEM_TEXT, UNITS_MOVED)), "lamports left"),
    "one lamport too many": (
        IN_SOL, effects((NAME, -FEE - UNITS_MOVED - 1), (THEM_TEXT, UNITS_MOVED)),
        "lamports left",
    ),
    "the fee is another one": (
        IN_SOL,
        effects((NAME, -FEE - UNITS_MOVED), (THEM_TEXT, UNITS_MOVED), fee=FEE + 1),
        "69999999 lamports left",
    ),
    "less came": (
        IN_SOL,
        effects((NAME, -FEE - UNITS_MOVED), (THEM_TEXT, UNITS_MOVED - 1)),
        "it changed the lamports",
    ),
    "a thief got the lamports": (
        IN_SOL,
        effects((NAME, -FEE - UNITS_MOVED), (THIEF_TEXT, UNITS_MOVED)),
        "it changed the lamports",
    ),
    "nothing happened": (IN_SOL, effects(US_LINE), "0 lamports left"),
    "tokens moved too": (
        IN_SOL,
        effects((NAME, -FEE - UNITS_MOVED), (THEM_TEXT, UNITS_MOVED), units=(PAID, GOT)),
        "it changed {(",
    ),
    "closed": (CLOSING, effects((NAME, RENT - FEE), (OUR_BONK, -RENT), units=(EMPTY,)), Filled(0, RENT, FEE, 0, SLOT)),
    "closed, with what somebody had sent": (
        CLOSING,
        effects((NAME, RENT + 9 - FEE), (OUR_BONK, -RENT - 9), units=(EMPTY,)),
        Filled(0, RENT + 9, FEE, 0, SLOT),
    ),
    "not closed": (CLOSING, effects(US_LINE, units=(EMPTY,)), "brought 0 lamports"),
    "closed in favour of a thief": (
        CLOSING,
        effects(US_LINE, (OUR_BONK, -RENT), (THIEF_TEXT, RENT), units=(EMPTY,)),
        "brought 0 lamports",
    ),
    "shared with a thief": (
        CLOSING,
        effects((NAME, RENT - 5 - FEE), (OUR_BONK, -RENT), (THIEF_TEXT, 5), units=(EMPTY,)),
        "it changed the lamports",
    ),
    "another account was closed": (
        CLOSING,
        effects((NAME, RENT - FEE), (OUR_USDC, -RENT), units=((OUR_USDC, USDC.mint, NAME, 0),)),
        "it changed the lamports",
    ),
    "it was not empty": (
        CLOSING,
        effects((NAME, RENT - FEE), (OUR_BONK, -RENT), units=((OUR_BONK, BONK.mint, NAME, -1),)),
        "it changed {(",
    ),
    "of a token that is not listed": (
        move(MoveKind.RECLAIM, Money(0, Mint(str(key("unlisted").pubkey()))), OWNER),
        effects((NAME, RENT - FEE), (OUR_BONK, -RENT)),
        "is not a listed token any more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READINGS)
def test_the_settled_outcome(name: str) -> None:
    wanted, changed, expected = READINGS[name]
    if isinstance(expected, Filled):
        assert settle_move(changed, wanted, NAME, LISTED) == expected
    else:
        with pytest.raises(Unsettled) as unsettled:
            settle_move(changed, wanted, NAME, LISTED)
        assert expected in str(unsettled.value)


def test_an_account_that_keeps_something_was_not_closed() -> None:
    told = effects((NAME, RENT - FEE), (OUR_BONK, -RENT), units=(EMPTY,))
    half = msgspec.structs.replace(told, pre_lamports=(BALANCE, RENT + 1), post_lamports=(BALANCE + RENT - FEE, 1))
    with pytest.raises(Unsettled, match="left 1"):
        settle_move(half, CLOSING, NAME, LISTED)


@pytest.mark.parametrize("name", HONEST)
def test_a_failure_costs_its_fee(name: str) -> None:
    failed = settle_move(effects(US_LINE, error='{"InstructionError":[2,{"Custom":1}]}'), HONEST[name], NAME, LISTED)
    assert failed == Failed(FEE, Cause.REVERTED, '{"InstructionError":[2,{"Custom":1}]}', SLOT)


def test_the_fee_fits_what_is_reserved_by_default() -> None:
    """Otherwise every move of a desk with default settings would be refused."""
    assert tokens.fee_lamports(1, UNITS, UNIT_PRICE_MICRO) <= 13_000
