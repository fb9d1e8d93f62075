"""Every way we know to lose money with a transaction that looks like the swap that was ordered: refused, with a reason.

And whatever is not refused can do no more than was ordered: thousands of transactions that an attacker could think of,
run on an embedded chain.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import pack
from typing import Final

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from tests.support.effort import examples
from tests.support.hostile_transactions import (
    BONK,
    FEE_MAX,
    HELD_UNITS,
    LISTED,
    MAKER,
    NEW,
    OWNER,
    PAIRS,
    RECEIVE,
    SOL_TOKEN,
    SPEND,
    THIEF,
    USDC,
    TrialChain,
    address,
    budget,
    cosigned,
    harm,
    key,
    message_bytes,
    offered,
    order,
    pay,
    program,
    raw,
    side_address,
    swap,
)

from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import LAMPORTS
from overmind.solana import tokens
from overmind.solana.firewall import verify
from overmind.solana.tokens import (
    ATA_PROGRAM,
    COMPUTE_BUDGET_PROGRAM,
    NATIVE_MINT,
    SYSTEM_PROGRAM,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
)
from overmind.solana.transactions import BadTransaction, parse

Instructions = list[Instruction]
Change = Callable[[Instructions], Instructions]

US, THEM, SOMEBODY = OWNER.pubkey(), MAKER.pubkey(), THIEF.pubkey()
NAME: Final = str(US)
MEMO_PROGRAM: Final = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
OURS, THEIRS = address(USDC), address(USDC, MAKER)
USDC_MINT, BONK_MINT = Pubkey.from_string(USDC.mint), Pubkey.from_string(BONK.mint)
NONCE = key("nonce").pubkey()
RENT_SYSVAR = Pubkey.from_string("SysvarRent111111111111111111111111111111111")
U64_MAX = 2**64 - 1


def plus(*more: Instruction) -> Change:
    return lambda good: [*good, *more]


def first(*more: Instruction) -> Change:
    return lambda good: [*more, *good]


def instead(index: int, *others: Instruction) -> Change:
    """Changes the instruction at that place. After the budget a swap ends with pay in, pay out (and unwrap)."""

    def change(good: Instructions) -> Instructions:
        at = index % len(good)
        return [*good[:at], *others, *good[at + 1 :]]

    return change


def token(opcode: int, data: bytes, *accounts: Pubkey, program: Pubkey = TOKEN_PROGRAM) -> Instruction:
    return raw(program, bytes([opcode]) + data, *accounts)


def units(amount: int) -> bytes:
    return pack("<Q", amount)


def system(index: int, data: bytes, *accounts: Pubkey) -> Instruction:
    return raw(SYSTEM_PROGRAM, pack("<I", index) + data, *accounts)


def create(payer: Pubkey, account: Pubkey, owner: Pubkey, mint: Pubkey, data: bytes = b"\1") -> Instruction:
    return raw(ATA_PROGRAM, data, payer, account, owner, mint, SYSTEM_PROGRAM, TOKEN_PROGRAM)


def compute(opcode: int, data: bytes) -> Instruction:
    return Instruction(COMPUTE_BUDGET_PROGRAM, bytes([opcode]) + data, [])


IN, OUT = -2, -1  # places of the two legs in a swap of tokens
OF_TOKENS: dict[str, tuple[Change, str]] = {
    # Changes of what leaves.
    "one unit more": (instead(IN, pay(OWNER, MAKER, USDC, SPEND + 1)), "base units leave"),
    "twice": (plus(pay(OWNER, MAKER, USDC, SPEND)), "200000000 base units leave"),
    "in two parts that are too much": (plus(pay(OWNER, THIEF, USDC, 1)), "100000001 base units leave"),
    "all there is": (instead(IN, pay(OWNER, MAKER, USDC, U64_MAX)), "base units leave"),
    "nothing": (instead(IN), "0 base units leave"),
    "zero": (instead(IN, pay(OWNER, MAKER, USDC, 0)), "0 base units leave"),
    "another token of ours": (plus(pay(OWNER, MAKER, NEW, 1)), "it moves 1 of"),
    "the bought token back": (plus(pay(OWNER, MAKER, BONK, RECEIVE)), "it moves 40000000 of"),
    "from our second account": (
        instead(IN, pay(OWNER, MAKER, USDC, SPEND, side_address(USDC))),
        f"out of {side_address(USDC)}",
    ),
    "from our second account too": (plus(pay(OWNER, MAKER, USDC, 1, side_address(USDC))), "it moves 1 of"),
    "by a delegate": (plus(pay(THIEF, THIEF, USDC, 1, OURS)), f"it moves 1 of {USDC.mint} out of {OURS}"),
    "what was bought, by a delegate": (plus(pay(THIEF, THIEF, BONK, 1, address(BONK))), f"out of {address(BONK)}"),
    "out of our second account, by a delegate": (
        plus(pay(THIEF, THIEF, USDC, 1, side_address(USDC))),
        f"out of {side_address(USDC)}, not an account of its signer",
    ),
    "by the other token program": (
        instead(IN, token(12, units(SPEND) + b"\6", OURS, USDC_MINT, THEIRS, US, program=TOKEN_2022_PROGRAM)),
        "it moves 100000000 of",
    ),
    "as another mint": (instead(IN, token(12, units(SPEND) + b"\6", OURS, BONK_MINT, THEIRS, US)), "it moves"),
    "with signers of a multisig": (
        plus(token(12, units(1) + b"\6", side_address(USDC), USDC_MINT, THEIRS, SOMEBODY, US)),
        "a transfer with further accounts",
    ),
    "with accounts for a hook": (
        instead(IN, token(12, units(SPEND) + b"\6", OURS, USDC_MINT, THEIRS, US, SOMEBODY)),
        "a transfer with further accounts",
    ),
    # Other instructions of the token programs.
    "unchecked transfer": (plus(token(3, units(1), OURS, THEIRS, US)), "instruction 3 of a token program"),
    "unchecked instead of checked": (instead(IN, token(3, units(SPEND), OURS, THEIRS, US)), "instruction 3"),
    "approve": (plus(token(4, units(U64_MAX), OURS, SOMEBODY, US)), "instruction 4"),
    "revoke": (plus(token(5, b"", OURS, US)), "instruction 5"),
    "set authority: owner": (plus(token(6, b"\2\1" + bytes(SOMEBODY), OURS, US)), "instruction 6"),
    "set authority: close": (plus(token(6, b"\3\1" + bytes(SOMEBODY), OURS, US)), "instruction 6"),
    "mint to": (plus(token(7, units(1), BONK_MINT, address(BONK), US)), "instruction 7"),
    "burn": (plus(token(8, units(1), OURS, USDC_MINT, US)), "instruction 8"),
    "close": (plus(token(9, b"", address(NEW), THEM, US, program=TOKEN_2022_PROGRAM)), "it unwraps or closes"),
    "close the spent account": (plus(token(9, b"", OURS, US, US)), "it unwraps or closes"),
    "close for a multisig": (plus(token(9, b"", OURS, THEM, SOMEBODY, US)), "cannot be decoded"),
    "freeze": (plus(token(10, b"", OURS, USDC_MINT, US)), "instruction 10"),
    "thaw": (plus(token(11, b"", OURS, USDC_MINT, US)), "instruction 11"),
    "approve checked": (plus(token(13, units(1) + b"\6", OURS, USDC_MINT, SOMEBODY, US)), "instruction 13"),
    "mint to checked": (plus(token(14, units(1) + b"\5", BONK_MINT, address(BONK), US)), "instruction 14"),
    "burn checked": (plus(token(15, units(1) + b"\6", OURS, USDC_MINT, US)), "instruction 15"),
    "sync native of ours": (plus(token(17, b"", OURS)), "it unwraps or closes"),
    "sync native of others": (plus(tokens.sync_native(address(SOL_TOKEN, MAKER))), "it unwraps or closes"),
    "initialize account": (plus(token(18, bytes(SOMEBODY), NONCE, USDC_MINT)), "instruction 18"),
    "transfer checked with fee": (
        plus(token(26, b"\1" + units(1) + b"\6" + units(0), OURS, USDC_MINT, THEIRS, US, program=TOKEN_2022_PROGRAM)),
        "instruction 26",
    ),
    "reallocate": (plus(token(29, b"\7\0", address(NEW), US, program=TOKEN_2022_PROGRAM)), "instruction 29"),
    "withdraw excess lamports": (plus(token(38, b"", OURS, THEM, US)), "instruction 38"),
    "a batch": (plus(token(255, b"\3\11\3" + units(1), OURS, THEIRS, US)), "instruction 255"),
    "an empty instruction": (plus(raw(TOKEN_PROGRAM, b"", OURS, US)), "cannot be decoded"),
    "a transfer without its decimals": (instead(IN, token(12, units(SPEND), OURS, USDC_MINT, THEIRS, US)), "decoded"),
    "a transfer with more data": (
        instead(IN, token(12, units(SPEND) + b"\6\0", OURS, USDC_MINT, THEIRS, US)),
        "cannot be decoded",
    ),
    "a transfer without its authority": (plus(token(12, units(1) + b"\6", OURS, USDC_MINT, THEIRS)), "decoded"),
    # Changes of what arrives.
    "one unit less": (instead(OUT, pay(MAKER, OWNER, BONK, RECEIVE - 1)), "39999999 base units must come"),
    "nothing comes": (instead(OUT), "0 base units must come"),
    "to the maker": (instead(OUT, pay(MAKER, MAKER, BONK, RECEIVE)), "0 base units must come"),
    "to our second account": (instead(OUT, pay(MAKER, side_address(BONK), BONK, RECEIVE)), "0 base units must come"),
    "to the wallet itself": (instead(OUT, pay(MAKER, US, BONK, RECEIVE)), "0 base units must come"),
    "another token comes": (instead(OUT, pay(MAKER, OWNER, NEW, RECEIVE)), "0 base units must come"),
    "our own money comes": (
        instead(OUT, pay(THIEF, address(BONK), BONK, RECEIVE, address(BONK))),
        f"out of {address(BONK)}",
    ),
    "from our second account to our first": (
        instead(OUT, pay(OWNER, OWNER, BONK, RECEIVE, side_address(BONK))),
        f"out of {side_address(BONK)}",
    ),
    "the right account, another mint": (
        instead(OUT, raw(TOKEN_PROGRAM, b"\x0c" + units(RECEIVE) + b"\5", address(BONK, MAKER), USDC_MINT,
                         address(BONK), THEM, signers=[MAKER])),
        "not an account of its signer",
    ),
    "the right mint by the wrong program": (
        instead(OUT, raw(TOKEN_2022_PROGRAM, b"\x0c" + units(RECEIVE) + b"\5", address(BONK, MAKER), BONK_MINT,
                         address(BONK), THEM, signers=[MAKER])),
        "not an account of its signer",
    ),
    "more than there can be": (
        instead(OUT, raw(TOKEN_PROGRAM, b"\3" + units(U64_MAX), address(BONK, MAKER), address(BONK), THEM,
                         signers=[MAKER])),
        "instruction 3",
    ),
    # The system program.
    "a tip": (plus(tokens.system_transfer(US, THEM, 1)), f"it transfers 1 lamports of ours to {THEM}"),
    "lamports to ourselves": (plus(tokens.system_transfer(US, US, 1)), "lamports of ours"),
    "lamports into our account": (plus(tokens.system_transfer(US, OURS, 1)), "lamports of ours"),
    "lamports to wrap, where no SOL is swapped": (
        plus(tokens.system_transfer(US, address(SOL_TOKEN), 1)),
        "lamports of ours",
    ),
    "a transfer with a further account": (plus(system(2, units(1), US, THEM, US)), "cannot be decoded"),
    "create account": (
        plus(raw(SYSTEM_PROGRAM, pack("<IQQ", 0, LAMPORTS, 0) + bytes(32), US, THEM, signers=[OWNER, MAKER])),
        "cannot be decoded",
    ),
    "assign": (plus(system(1, bytes(SOMEBODY), US)), "cannot be decoded"),
    "create with seed": (plus(system(3, bytes(US) + pack("<Q", 1) + b"a" + bytes(48), US, NONCE)), "cannot be"),
    "advance a nonce": (first(system(4, b"", NONCE, RENT_SYSVAR, US)), "cannot be decoded"),
    "withdraw from a nonce": (
        plus(system(5, units(1), NONCE, THEM, RENT_SYSVAR, RENT_SYSVAR, US)),
        "instruction 5 of the system program",
    ),
    "authorise a nonce": (plus(system(7, bytes(SOMEBODY), NONCE, US)), "cannot be decoded"),
    "allocate": (plus(system(8, units(9), US)), "instruction 8 of the system program"),
    "transfer with seed": (plus(system(11, units(1) + bytes(40), NONCE, US, THEM)), "cannot be decoded"),
    "an index of 64 bits": (plus(raw(SYSTEM_PROGRAM, pack("<QQ", 2, 1), US, THEM)), "cannot be decoded"),
    # Accounts that we would pay for.
    "an account of the maker's": (plus(tokens.create_ata_idempotent(US, THEM, BONK_MINT, TOKEN_PROGRAM)), "pay for"),
    "an account of ours that is not needed": (
        plus(tokens.create_ata_idempotent(US, US, NATIVE_MINT, TOKEN_PROGRAM)),
        "makes us pay for the account",
    ),
    "our account, of another mint": (plus(create(US, address(BONK), US, USDC_MINT)), "makes us pay"),
    "our account, of another owner": (plus(create(US, address(BONK), THEM, BONK_MINT)), "makes us pay"),
    "our mint, another account": (plus(create(US, address(BONK, THIEF), US, BONK_MINT)), "makes us pay"),
    "our account by another program": (
        plus(raw(ATA_PROGRAM, b"\1", US, address(BONK), US, BONK_MINT, SYSTEM_PROGRAM, SOMEBODY)),
        "makes us pay",
    ),
    "with another system program": (
        plus(raw(ATA_PROGRAM, b"\1", US, address(BONK), US, BONK_MINT, SOMEBODY, TOKEN_PROGRAM)),
        "makes us pay",
    ),
    "recover nested": (plus(create(US, address(BONK), US, BONK_MINT, b"\2")), "an unknown instruction"),
    "create with more data": (plus(create(US, address(BONK), US, BONK_MINT, b"\1\0")), "an unknown instruction"),
    "create with too few accounts": (plus(raw(ATA_PROGRAM, b"\1", US, address(BONK), US)), "cannot be decoded"),
    # The fee.
    "no compute limit": (lambda good: good[1:], "no compute limit"),
    "an absurd price": (lambda good: [*budget(200_000, U64_MAX), *good[2:]], "the fee at its compute limit is"),
    "an absurd limit": (lambda good: [*budget(2**32 - 1, 50_000), *good[2:]], "the fee at its compute limit is"),
    "one lamport too much": (lambda good: [*budget(100_000, 900_001), *good[2:]], "is 100001 lamports, at most 100000"),
    "a limit twice": (plus(compute(2, pack("<I", 1))), "an unknown or repeated instruction of the compute budget"),
    "a price twice": (plus(compute(3, pack("<Q", 1))), "an unknown or repeated"),
    "a heap": (plus(compute(1, pack("<I", 256 * 1024))), "an unknown or repeated"),
    "a limit of loaded data": (plus(compute(4, pack("<I", 1))), "an unknown or repeated"),
    "the deprecated request": (plus(compute(0, pack("<II", 1, 10**6))), "an unknown or repeated"),
    "a limit of 64 bits": (instead(0, compute(2, pack("<Q", 200_000))), "cannot be decoded"),
    "an empty budget": (plus(compute(2, b"")), "an unknown or repeated"),
    # Programs and signatures.
    "an unknown program": (plus(raw(SOMEBODY, b"\1", US, OURS)), "is not on the list"),
    "our key as a program": (plus(raw(US, b"\1", OURS)), f"the program {US} is not on the list"),
    "our account as a program": (plus(raw(OURS, b"\1", US)), "is not on the list"),
    "a memo that we sign": (plus(raw(MEMO_PROGRAM, b"I owe you", US)), "a memo asks for our accounts"),
    "a memo about our account": (plus(raw(MEMO_PROGRAM, b"I owe you", OURS)), "a memo asks for our accounts"),
    "a stranger must sign too": (
        plus(raw(MEMO_PROGRAM, b"hello", NONCE, signers=[key("nonce")])),
        f"the signature of {NONCE} is missing or wrong",
    ),
}  # fmt: skip

WRAPPED = address(SOL_TOKEN)
SOLD: dict[str, tuple[Change, str]] = {  # SOL for USDC: create, transfer, sync, create, pay in, pay out, close
    "wraps one lamport more": (instead(3, tokens.system_transfer(US, WRAPPED, SPEND + 1)), "it wraps 100000001"),
    "wraps twice": (plus(tokens.system_transfer(US, WRAPPED, 1)), "it wraps 100000001 lamports"),
    "lamports past the wrapped account": (instead(3, tokens.system_transfer(US, THEM, SPEND)), "lamports of ours"),
    "wraps for the maker": (
        instead(3, tokens.system_transfer(US, address(SOL_TOKEN, MAKER), SPEND)),
        "lamports of ours",
    ),
    "pays in more than it wraps": (instead(-3, pay(OWNER, MAKER, SOL_TOKEN, SPEND + 1)), "base units leave"),
    "closes in favour of the maker": (
        instead(-1, tokens.close_account(WRAPPED, THEM, US, TOKEN_PROGRAM)),
        f"in favour of {THEM}",
    ),
    "closes by another authority": (
        instead(-1, raw(TOKEN_PROGRAM, b"\11", WRAPPED, US, THEM, signers=[MAKER])),
        "closes our account",
    ),
    "closes by the other program": (
        instead(-1, tokens.close_account(WRAPPED, US, US, TOKEN_2022_PROGRAM)),
        "it unwraps or closes",
    ),
    "closes what receives": (plus(tokens.close_account(OURS, US, US, TOKEN_PROGRAM)), "it unwraps or closes"),
    "syncs the maker's": (instead(4, tokens.sync_native(address(SOL_TOKEN, MAKER))), "it unwraps or closes"),
    "makes the maker a wrapped account": (
        instead(2, tokens.create_ata_idempotent(US, THEM, NATIVE_MINT, TOKEN_PROGRAM)),
        "makes us pay",
    ),
}
BOUGHT: dict[str, tuple[Change, str]] = {  # SOL for USDC: create, pay in, pay out, close
    "wraps of our own what should come": (plus(tokens.system_transfer(US, WRAPPED, 1)), "it wraps 1 lamports"),
    "unwraps to the maker": (
        instead(-1, tokens.close_account(WRAPPED, THEM, US, TOKEN_PROGRAM)),
        f"in favour of {THEM}",
    ),
    "comes as lamports, which nobody can take back": (
        instead(-2, tokens.system_transfer(THEM, US, RECEIVE)),
        "0 base units must come",
    ),
    "comes as wrapped SOL of the other kind": (
        instead(-2, raw(TOKEN_2022_PROGRAM, b"\x0c" + units(RECEIVE) + b"\11", address(SOL_TOKEN, MAKER), NATIVE_MINT,
                        WRAPPED, THEM, signers=[MAKER])),
        "not an account of its signer",
    ),
}  # fmt: skip
ATTACKS = [
    *((USDC, BONK, name, *row) for name, row in OF_TOKENS.items()),
    *((SOL_TOKEN, USDC, name, *row) for name, row in SOLD.items()),
    *((USDC, SOL_TOKEN, name, *row) for name, row in BOUGHT.items()),
]


@pytest.mark.parametrize(
    ("spend", "receive", "change", "words"),
    [(a, b, c, d) for a, b, _, c, d in ATTACKS],
    ids=[row[2] for row in ATTACKS],
)
def test_it_is_refused_and_says_why(spend: Token, receive: Token, change: Change, words: str) -> None:
    for legacy in (False, True):
        refused = verify(order(spend, receive), NAME, LISTED, offered(change(swap(spend, receive)), legacy=legacy))
        assert isinstance(refused, Rejected)
        assert refused.cause is Cause.NOT_VERIFIED
        assert words in refused.detail


def test_another_wallet_of_ours_is_never_named() -> None:
    """A delegate could spend it, and anything else that it is named for is no part of the order either."""
    sister = key("sister wallet")
    known = {str(sister.pubkey()), *(str(address(one, sister)) for one in LISTED.values())}
    wanted, good = order(USDC, BONK), swap(USDC, BONK)
    spent_by_delegate = pay(THIEF, THIEF, USDC, 1, address(USDC, sister))
    paid = pay(OWNER, sister, USDC, 1)
    for more, named in ((spent_by_delegate, address(USDC, sister)), (paid, address(USDC, sister))):
        refused = verify(wanted, NAME, LISTED, offered([*good, more]), known)
        assert refused == Rejected(Cause.NOT_VERIFIED, f"it names {named}, which is another wallet's of ours")
    assert verify(wanted, NAME, LISTED, offered(good), known) is None


HONEST: dict[str, Change] = {
    "as it is": lambda good: good,
    "the budget last": lambda good: [*good[2:], *good[:2]],
    "in two parts": instead(IN, pay(OWNER, MAKER, USDC, SPEND - 1), pay(OWNER, THIEF, USDC, 1)),
    "received in two parts": instead(OUT, pay(MAKER, OWNER, BONK, RECEIVE - 1), pay(THIEF, OWNER, BONK, 1)),
    "less is spent": instead(IN, pay(OWNER, MAKER, USDC, 1)),
    "more is received": instead(OUT, pay(MAKER, OWNER, BONK, RECEIVE + 1)),
    "our account for the spent token": plus(tokens.create_ata_idempotent(US, US, USDC_MINT, TOKEN_PROGRAM)),
    "with the rent sysvar of old": plus(
        raw(ATA_PROGRAM, b"\1", US, address(BONK), US, BONK_MINT, SYSTEM_PROGRAM, TOKEN_PROGRAM, RENT_SYSVAR)
    ),
    "the maker pays for accounts": plus(tokens.create_ata_idempotent(THEM, SOMEBODY, BONK_MINT, TOKEN_PROGRAM)),
    "the maker moves its own": plus(pay(MAKER, THIEF, NEW, 5), tokens.system_transfer(THEM, SOMEBODY, 5)),
    "a gift": plus(tokens.system_transfer(THEM, US, 5), pay(THIEF, OWNER, NEW, 5)),
    "a memo": plus(raw(MEMO_PROGRAM, b"hello")),
    "a memo that the maker signs": plus(raw(MEMO_PROGRAM, b"hello", THEM, signers=[MAKER])),
    "no price": lambda good: [good[0], *good[2:]],
    "a price of nothing": lambda good: [*budget(200_000, 0), *good[2:]],
    "the whole fee": lambda good: [*budget(100_000, 900_000), *good[2:]],
}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_correct_transaction_passes_and_does_what_was_ordered(name: str, legacy: bool) -> None:
    trial_chain, wanted = TrialChain(), order(USDC, BONK)
    transaction = offered(HONEST[name](swap(USDC, BONK)), legacy=legacy)
    assert verify(wanted, NAME, LISTED, transaction) is None
    fee, after = trial_chain.attempt(transaction.raw)
    assert after is not None
    assert fee <= FEE_MAX
    assert harm(wanted, trial_chain.before, after) is None


@pytest.mark.parametrize("kind", ["stocked", "bare", "wrapped"])
@pytest.mark.parametrize(("spend", "receive"), PAIRS, ids=[f"{a.symbol} to {b.symbol}" for a, b in PAIRS])
def test_the_makers_own_swaps_pass(spend: Token, receive: Token, kind: str) -> None:
    trial_chain, wanted = TrialChain(kind), order(spend, receive)
    transaction = offered(swap(spend, receive))
    assert verify(wanted, NAME, LISTED, transaction) is None
    if kind != "bare" or spend in (USDC, SOL_TOKEN):
        _, after = trial_chain.attempt(transaction.raw)
        assert after is not None
        assert harm(wanted, trial_chain.before, after) is None


def test_a_transfer_fee_token_is_found_by_the_simulation() -> None:
    """The mint withholds a fee, and no instruction shows it. The simulated amounts are compared with the order too."""
    trial_chain, wanted = TrialChain(), order(USDC, NEW)
    transaction = offered(swap(USDC, NEW))
    assert verify(wanted, NAME, LISTED, transaction) is None
    trial_chain.take_fees(NEW, 100)
    _, after = trial_chain.attempt(transaction.raw)
    assert after is not None
    assert harm(wanted, trial_chain.before, after) == f"39600000 of {NEW.mint}, allowed are {RECEIVE}"


# Fee payer and signers.


def refusal(transaction: bytes) -> str:
    refused = verify(order(USDC, BONK), NAME, LISTED, parse(transaction))
    assert refused is not None
    return refused.detail


def test_another_fee_payer() -> None:
    """The first signature would be the transaction's id, which we do not know before it is sent."""
    for payer in (MAKER, THIEF):
        assert "the fee payer is" in refusal(cosigned(message_bytes(swap(USDC, BONK), payer)))


def test_a_missing_cosignature() -> None:
    good = cosigned(message_bytes(swap(USDC, BONK)))
    assert f"the signature of {THEM} is missing or wrong" in refusal(good[:65] + bytes(64) + good[129:])


def test_a_forged_cosignature() -> None:
    message = message_bytes(swap(USDC, BONK))
    good = cosigned(message)
    other = message_bytes(swap(USDC, BONK, SPEND - 1))
    for forged in (
        good[65:128] + bytes([good[128] ^ 1]),
        bytes(THIEF.sign_message(message)),
        bytes(MAKER.sign_message(other)),
        b"\xff" * 64,
    ):
        assert "missing or wrong" in refusal(good[:65] + forged + good[129:])


def test_a_signer_whose_key_is_no_point_of_the_curve() -> None:
    """Nobody can sign for it, and checking its signature must not fail."""
    memo = Instruction(MEMO_PROGRAM, b"hello", [AccountMeta(Pubkey(b"\2" * 32), True, False)])
    message = message_bytes([*swap(USDC, BONK), memo])
    blank = b"\3" + b"\1" * (3 * 64) + message
    assert "missing or wrong" in refusal(blank)


@pytest.mark.parametrize(("strangers", "words"), [(4, None), (5, "is 105000 lamports, at most 100000")])
def test_each_signature_costs(strangers: int, words: str | None) -> None:
    keypairs = [key(f"stranger {number}") for number in range(strangers)]
    memos = [raw(MEMO_PROGRAM, b"", one.pubkey(), signers=[one]) for one in keypairs]
    good = [*budget(100_000, 700_000), *swap(USDC, BONK)[3:], *memos]
    transaction = parse(cosigned(message_bytes(good), *keypairs))
    refused = verify(order(USDC, BONK), NAME, LISTED, transaction)
    assert refused is None if words is None else refused is not None and words in refused.detail


# Property: a transaction that passes cannot do harm.

ACCOUNTS = tuple(address(one, who) for one in LISTED.values() for who in (OWNER, MAKER, THIEF)) + tuple(
    side_address(one) for one in LISTED.values()
)
WHO = (OWNER, MAKER, THIEF)
AMOUNTS = (0, 1, RECEIVE - 1, RECEIVE, RECEIVE + 1, SPEND // 2, SPEND - 1, SPEND, SPEND + 1, HELD_UNITS, 2**63, U64_MAX)
PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)
OTHERS = (*(one.pubkey() for one in WHO), *ACCOUNTS, *(Pubkey.from_string(one) for one in LISTED), *PROGRAMS)

keypairs, amounts, listed = st.sampled_from(WHO), st.sampled_from(AMOUNTS), st.sampled_from(list(LISTED.values()))
accounts, places = st.sampled_from(ACCOUNTS), st.sampled_from(OTHERS)


@st.composite
def payments(draw: st.DrawFn) -> Instruction:
    """A valid transfer between any two accounts of a token."""
    one, sender, receiver = draw(listed), draw(keypairs), draw(keypairs)
    source = draw(st.sampled_from((address(one, sender), address(one, OWNER), side_address(one))))
    target = draw(st.sampled_from((address(one, receiver), address(one, OWNER), side_address(one))))
    return pay(sender, target, one, draw(amounts), source)


@st.composite
def wrappings(draw: st.DrawFn) -> Instruction:
    """Instructions around wrapped SOL: accounts created and closed, lamports moved."""
    who, other, one, account = draw(keypairs), draw(keypairs), draw(listed), draw(accounts)
    mint, of = Pubkey.from_string(one.mint), program(one)
    ours = draw(st.booleans())
    return draw(
        st.sampled_from(
            (
                tokens.create_ata_idempotent(who.pubkey(), other.pubkey(), mint, of),
                create(who.pubkey(), account, other.pubkey(), mint),
                tokens.system_transfer(who.pubkey(), WRAPPED if ours else account, draw(amounts)),
                tokens.system_transfer(who.pubkey(), other.pubkey(), draw(amounts)),
                tokens.sync_native(WRAPPED if ours else account),
                tokens.close_account(WRAPPED if ours else account, US, US, of),
                tokens.close_account(account, other.pubkey(), who.pubkey(), of),
            )
        )
    )


@st.composite
def oddities(draw: st.DrawFn) -> Instruction:
    """Any instruction of a token program or of the System program, with any accounts."""
    instructed = draw(st.sampled_from((*PROGRAMS, *PROGRAMS, SYSTEM_PROGRAM, ATA_PROGRAM, MEMO_PROGRAM)))
    touched = draw(st.lists(places, min_size=1, max_size=6))
    signers = [one for one in WHO if draw(st.booleans())]
    number = draw(amounts)
    if instructed == SYSTEM_PROGRAM:
        data = pack("<I", draw(st.integers(0, 12))) + units(number)
    elif instructed in PROGRAMS:
        opcode = draw(st.sampled_from((*range(46), 255)))
        data = bytes([opcode]) + draw(st.sampled_from((b"", units(number), units(number) + b"\6", b"\1" + units(1))))
    else:
        data = draw(st.sampled_from((b"", b"\0", b"\1", b"\2")))
    return raw(instructed, data, *touched, signers=signers)


instructions = st.one_of(payments(), payments(), wrappings(), wrappings(), oddities())


@st.composite
def changes(draw: st.DrawFn, good: Instructions) -> Instructions:
    """One attack."""
    at = draw(st.integers(0, max(0, len(good) - 1)))
    if not good:
        return [draw(instructions)]
    match draw(st.sampled_from(("insert", "insert", "repeat", "drop", "swap", "replace", "redirect", "amount"))):
        case "insert":
            return [*good[:at], draw(instructions), *good[at:]]
        case "repeat":
            return [*good[:at], good[draw(st.integers(0, len(good) - 1))], *good[at:]]
        case "drop":
            return [*good[:at], *good[at + 1 :]]
        case "swap":
            other = draw(st.integers(0, len(good) - 1))
            good = list(good)
            good[at], good[other] = good[other], good[at]
            return good
        case "replace":
            return [*good[:at], draw(instructions), *good[at + 1 :]]
        case "redirect":
            return [*good[:at], redirected(good[at], draw(st.integers(0, 7)), draw(places)), *good[at + 1 :]]
        case _:
            return [*good[:at], resized(good[at], draw(amounts)), *good[at + 1 :]]


def redirected(one: Instruction, index: int, place: Pubkey) -> Instruction:
    """The instruction with another account in one place."""
    metas = list(one.accounts)
    if not metas:
        return one
    old = metas[index % len(metas)]
    metas[index % len(metas)] = AccountMeta(place, old.is_signer and place in [who.pubkey() for who in WHO], True)
    return Instruction(one.program_id, bytes(one.data), metas)


def resized(one: Instruction, amount: int) -> Instruction:
    """The instruction with another amount, if it has one."""
    data, at = bytes(one.data), 4 if one.program_id == SYSTEM_PROGRAM else 1
    changed = data[:at] + units(amount) + data[at + 8 :] if len(data) >= at + 8 else data
    return Instruction(one.program_id, changed, list(one.accounts))


CAGES: dict[str, TrialChain] = {}


def trial_chain_of(kind: str) -> TrialChain:
    return CAGES.setdefault(kind, TrialChain(kind))


def judge(wanted: Order, message: bytes, kind: str) -> str:
    """The outcome. Asserts that a transaction that passes the firewall does only what was ordered."""
    try:
        transaction = parse(cosigned(message))
    except BadTransaction:
        return "no transaction"
    if verify(wanted, NAME, LISTED, transaction) is not None:
        return "refused"
    trial_chain = trial_chain_of(kind)
    fee, after = trial_chain.attempt(transaction.raw)
    assert fee <= wanted.fee_max_lamports
    if after is None:
        return "failed"
    assert harm(wanted, trial_chain.before, after) is None
    return "passed"


pairs, kinds = st.sampled_from(PAIRS), st.sampled_from(("stocked", "bare", "wrapped"))


@settings(max_examples=examples(600), suppress_health_check=list(HealthCheck))
@given(st.data(), pairs, kinds, st.integers(0, 4), st.booleans())
def test_no_transaction_that_passes_takes_more_than_ordered(
    data: st.DataObject, pair: tuple[Token, Token], kind: str, count: int, legacy: bool
) -> None:
    tried = swap(*pair)
    for _ in range(count):
        tried = data.draw(changes(tried))
    try:
        message = message_bytes(tried, legacy=legacy)
    except ValueError:
        return  # It does not fit the format.
    event(judge(order(*pair), message, kind))


@settings(max_examples=examples(300), suppress_health_check=list(HealthCheck))
@given(pairs, kinds, st.booleans(), st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3))
def test_no_changed_byte_passes_and_costs_us_more(
    pair: tuple[Token, Token], kind: str, legacy: bool, flips: list[tuple[int, int]]
) -> None:
    message = bytearray(message_bytes(swap(*pair), legacy=legacy))
    for place, value in flips:
        message[place % len(message)] = value
    event(judge(order(*pair), bytes(message), kind))
