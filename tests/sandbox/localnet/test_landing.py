"""Landing and fees of transactions, with the chain stepped by hand."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable

import numpy as np
import pytest
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateAccountParams,
    InitializeNonceAccountParams,
    advance_nonce_account,
    create_account,
    initialize_nonce_account,
)
from tests.support.transactions import (
    ALICE,
    BOB,
    BONK,
    MAKER,
    SOL,
    USDC,
    address,
    advance,
    call,
    held,
    key,
    lamports_of,
    new_chain,
    refusal,
    signature_of,
    signed,
    swap,
    swap_now,
    tokens_of,
    transfer,
    unsigned,
)

from overmind.sandbox.localnet.blocks import AGE_MAX, Commitment
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.errors import RpcFault
from overmind.sandbox.localnet.tokens import NATIVE_MINTS, is_mint
from overmind.sandbox.localnet.wire import read

SWAP_FEE = 2 * 5_000 + 3_000  # two signatures, 60,000 units at 50,000 micro-lamports


def send(chain: LocalChain, raw: bytes, *, preflight: bool = True) -> str:
    return chain.send(read(raw), Commitment.PROCESSED, preflight=preflight)


def status(chain: LocalChain, signature: str) -> object:
    answered = call(chain, "getSignatureStatuses", [signature], {"searchTransactionHistory": True})
    assert isinstance(answered, dict)
    return answered["value"][0]


def test_a_two_leg_swap_moves_both_legs_and_the_fee() -> None:
    chain = new_chain()
    signature = send(chain, swap_now(chain, usdc=25_000_000, bonk=1_000))
    landed = chain.history.find(signature)
    assert landed is not None
    assert (landed.err, landed.fee, landed.price_micro) == (None, SWAP_FEE, 50_000)
    assert (tokens_of(chain, ALICE, USDC), tokens_of(chain, MAKER, USDC)) == (975_000_000, 25_000_000)
    assert (tokens_of(chain, ALICE, BONK), tokens_of(chain, MAKER, BONK)) == (1_000, 10**8 - 1_000)
    assert lamports_of(chain, ALICE) == 10 * SOL - SWAP_FEE
    moved = {
        (one.owner, one.mint): one.amount - before.amount
        for one, before in zip(landed.tokens_post, landed.tokens_pre, strict=True)
    }
    assert moved == {
        (address(ALICE), USDC): -25_000_000,
        (address(MAKER), USDC): 25_000_000,
        (address(ALICE), BONK): 1_000,
        (address(MAKER), BONK): -1_000,
    }
    assert sum(landed.pre) - sum(landed.post) == SWAP_FEE


def test_a_failed_second_leg_undoes_the_first_and_takes_the_fee() -> None:
    chain = new_chain()
    signature = send(chain, swap_now(chain, bonk=10**9), preflight=False)
    assert status(chain, signature) == {
        "confirmationStatus": "processed",
        "confirmations": 0,
        "err": {"InstructionError": [3, {"Custom": 1}]},
        "slot": chain.blocks.head.slot,
        "status": {"Err": {"InstructionError": [3, {"Custom": 1}]}},
    }
    assert tokens_of(chain, ALICE, USDC) == 1_000_000_000
    assert lamports_of(chain, ALICE) == 10 * SOL - SWAP_FEE


@pytest.mark.parametrize(("age", "lands"), [(0, True), (AGE_MAX, True), (AGE_MAX + 1, False)])
def test_a_blockhash_is_good_for_150_blocks_after_its_own(age: int, lands: bool) -> None:
    chain = new_chain()
    raw = swap_now(chain)
    last_valid = chain.blocks.head.height + 150
    advance(chain, age)
    assert (chain.blocks.head.height <= last_valid) is lands
    signature = send(chain, raw, preflight=False)
    assert (status(chain, signature) is not None) is lands
    assert (tokens_of(chain, MAKER, USDC) > 0) is lands


def test_preflight_says_that_a_blockhash_is_not_known() -> None:
    chain = new_chain()
    raw = swap_now(chain)
    advance(chain, AGE_MAX + 1)
    body = refusal(chain, "sendTransaction", base64.b64encode(raw).decode(), B64 | {"preflightCommitment": "processed"})
    assert body == {
        "code": -32002,
        "message": "Transaction simulation failed: Blockhash not found",
        "data": NOT_RUN | body_balances(body) | {"err": "BlockhashNotFound"},
    }


B64 = {"encoding": "base64"}
NOT_RUN: dict[str, object] = {
    "logs": [],
    "accounts": None,
    "unitsConsumed": 0,
    "returnData": None,
    "innerInstructions": None,
    "replacementBlockhash": None,
    "fee": None,
    "loadedAddresses": {"writable": (), "readonly": ()},
}


def body_balances(body: dict[str, object]) -> dict[str, object]:
    """The long part of a preflight body, which other tests check."""
    data = body["data"]
    assert isinstance(data, dict)
    names = ("preBalances", "postBalances", "preTokenBalances", "postTokenBalances", "loadedAccountsDataSize")
    return {name: data[name] for name in names}


def test_preflight_at_finalized_does_not_know_a_blockhash_that_is_only_confirmed() -> None:
    chain = new_chain()
    raw = base64.b64encode(swap_now(chain)).decode()
    body = refusal(chain, "sendTransaction", raw, B64)
    assert body["message"] == "Transaction simulation failed: Blockhash not found"
    assert call(chain, "sendTransaction", raw, B64 | {"preflightCommitment": "processed"})


def test_preflight_tells_the_program_error_and_takes_no_fee() -> None:
    chain = new_chain()
    raw = base64.b64encode(swap_now(chain, bonk=10**9)).decode()
    body = refusal(chain, "sendTransaction", raw, B64 | {"preflightCommitment": "processed"})
    data = body["data"]
    assert isinstance(data, dict)
    assert body["code"] == -32002
    assert body["message"] == "Transaction simulation failed: Error processing Instruction 3: custom program error: 0x1"
    assert data["err"] == {"InstructionError": [3, {"Custom": 1}]}
    assert data["logs"][-1].endswith("failed: custom program error: 0x1")
    assert lamports_of(chain, ALICE) == 10 * SOL


def test_a_bad_signature_is_refused_by_preflight_and_vanishes_without() -> None:
    chain = new_chain()
    raw = unsigned(swap_now(chain))
    body = refusal(chain, "sendTransaction", base64.b64encode(raw).decode(), B64 | {"preflightCommitment": "processed"})
    assert body == {"code": -32003, "message": "Transaction signature verification failure"}
    assert status(chain, send(chain, raw, preflight=False)) is None
    assert lamports_of(chain, ALICE) == 10 * SOL


DOOMED: dict[str, Callable[[LocalChain], bytes]] = {
    "no blockhash of ours": lambda _chain: signed(swap(1, 1), (ALICE, MAKER), str(Hash.new_unique())),
    "a payer without money": lambda chain: signed([transfer(BOB, ALICE, 1)], (BOB,), chain.blocks.head.blockhash),
    "not signed": lambda chain: unsigned(swap_now(chain)),
}


@pytest.mark.parametrize("name", DOOMED)
def test_without_preflight_a_transaction_that_cannot_land_gets_a_signature_but_no_status(name: str) -> None:
    chain = new_chain()
    raw = DOOMED[name](chain)
    assert send(chain, raw, preflight=False) == signature_of(raw)
    advance(chain, 40)
    assert status(chain, signature_of(raw)) is None
    assert call(chain, "getTransaction", signature_of(raw), {"commitment": "confirmed"}) is None


def test_the_same_bytes_count_once() -> None:
    chain = new_chain()
    raw = swap_now(chain)
    for _ in range(3):
        assert send(chain, raw, preflight=False) == signature_of(raw)
        advance(chain, 1)
    assert tokens_of(chain, MAKER, USDC) == 10**6
    text = base64.b64encode(raw).decode()
    body = refusal(chain, "sendTransaction", text, B64 | {"preflightCommitment": "processed"})
    assert body["message"] == "Transaction simulation failed: This transaction has already been processed"
    assert body["data"] == NOT_RUN | body_balances(body) | {"err": "AlreadyProcessed"}
    fate = call(chain, "simulateTransaction", text, B64 | {"commitment": "processed"})
    assert isinstance(fate, dict)
    assert fate["value"]["err"] == "AlreadyProcessed"


def test_simulation_needs_no_signature_and_changes_nothing() -> None:
    chain = new_chain()
    text = base64.b64encode(unsigned(swap_now(chain, usdc=2_000_000, bonk=7))).decode()
    wanted = {"encoding": "base64", "addresses": [held(ALICE, BONK)]}
    answered = call(chain, "simulateTransaction", text, B64 | {"commitment": "processed", "accounts": wanted})
    assert isinstance(answered, dict)
    value = answered["value"]
    assert (value["err"], value["fee"]) == (None, SWAP_FEE)
    assert value["preBalances"][0] - value["postBalances"][0] == SWAP_FEE
    assert value["unitsConsumed"] > 0
    after = {(one["owner"], one["mint"]): one["uiTokenAmount"]["amount"] for one in value["postTokenBalances"]}
    assert after == {
        (address(ALICE), USDC): "998000000",
        (address(MAKER), USDC): "2000000",
        (address(ALICE), BONK): "7",
        (address(MAKER), BONK): "99999993",
    }
    assert int.from_bytes(base64.b64decode(value["accounts"][0]["data"][0])[64:72], "little") == 7
    assert tokens_of(chain, ALICE, BONK) == 0
    assert lamports_of(chain, ALICE) == 10 * SOL


def test_a_simulation_that_fails_shows_the_fee_that_it_would_cost() -> None:
    chain = new_chain()
    text = base64.b64encode(unsigned(swap_now(chain, bonk=10**9))).decode()
    answered = call(chain, "simulateTransaction", text, B64 | {"commitment": "processed"})
    assert isinstance(answered, dict)
    value = answered["value"]
    assert value["err"] == {"InstructionError": [3, {"Custom": 1}]}
    assert value["preBalances"][0] - value["postBalances"][0] == value["fee"] == SWAP_FEE
    assert value["preTokenBalances"] == value["postTokenBalances"]


def test_simulation_options_that_contradict_each_other() -> None:
    chain = new_chain()
    text = base64.b64encode(swap_now(chain)).decode()
    options = B64 | {"sigVerify": True, "replaceRecentBlockhash": True}
    assert refusal(chain, "simulateTransaction", text, options) == {
        "code": -32602,
        "message": "sigVerify may not be used with replaceRecentBlockhash",
    }


def test_simulation_with_a_replaced_blockhash() -> None:
    chain = new_chain()
    raw = signed(swap(1, 1), (ALICE, MAKER), str(Hash.new_unique()))
    options = B64 | {"replaceRecentBlockhash": True, "commitment": "confirmed"}
    answered = call(chain, "simulateTransaction", base64.b64encode(raw).decode(), options)
    assert isinstance(answered, dict)
    tip = chain.blocks.tip(Commitment.CONFIRMED)
    assert answered["value"]["err"] is None
    assert answered["value"]["replacementBlockhash"] == {
        "blockhash": tip.blockhash,
        "lastValidBlockHeight": tip.height + 150,
    }


def test_addresses_from_a_table_are_part_of_the_transaction() -> None:
    chain = new_chain()
    table, receivers = key("table").pubkey(), [key(f"r{number}") for number in range(3)]
    addresses = [one.pubkey() for one in receivers]
    head = struct.pack("<IQQB", 1, 2**64 - 1, 0, 0).ljust(56, b"\0")
    program = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")
    stored = Account(SOL, head + b"".join(map(bytes, addresses)), program, False, 2**64 - 1)
    chain.set_account(str(table), stored)
    moves = [transfer(ALICE, one, SOL) for one in receivers]
    raw = signed(moves, (ALICE,), chain.blocks.head.blockhash, tables=[AddressLookupTableAccount(table, addresses)])
    landed = chain.history.find(send(chain, raw))
    assert landed is not None
    assert landed.loaded == (3, 0)
    assert set(landed.keys[-3:]) == set(map(str, addresses))
    assert landed.post[-3:] == (SOL, SOL, SOL)
    assert [lamports_of(chain, one) for one in receivers] == [SOL] * 3
    shown = call(
        chain, "getTransaction", landed.signature, {"maxSupportedTransactionVersion": 0, "commitment": "confirmed"}
    )
    assert shown is None  # not yet
    advance(chain, 1)
    shown = call(
        chain, "getTransaction", landed.signature, {"maxSupportedTransactionVersion": 0, "commitment": "confirmed"}
    )
    assert isinstance(shown, dict)
    assert shown["meta"]["loadedAddresses"] == {"writable": landed.keys[-3:], "readonly": ()}


NONCE = key("nonce")


def with_nonce(chain: LocalChain) -> None:
    rent = 1_447_680
    made = CreateAccountParams(
        from_pubkey=ALICE.pubkey(), to_pubkey=NONCE.pubkey(), lamports=rent, space=80, owner=Pubkey.default()
    )
    begun = InitializeNonceAccountParams(nonce_pubkey=NONCE.pubkey(), authority=ALICE.pubkey())
    instructions = [create_account(made), initialize_nonce_account(begun)]
    send(chain, signed(instructions, (ALICE, NONCE), chain.blocks.head.blockhash))
    advance(chain, 1)


def stored_nonce(chain: LocalChain) -> str:
    account = chain.accounts.get(address(NONCE))
    assert account is not None
    return str(Hash.from_bytes(account.data[40:72]))


def with_advance(*instructions: Instruction, authority: Keypair = ALICE) -> list[Instruction]:
    params = AdvanceNonceAccountParams(nonce_pubkey=NONCE.pubkey(), authorized_pubkey=authority.pubkey())
    return [advance_nonce_account(params), *instructions]


@pytest.mark.parametrize(("lamports", "fails"), [(SOL, False), (1_000 * SOL, True)])
def test_a_durable_nonce_outlives_every_blockhash_and_works_once(lamports: int, fails: bool) -> None:
    chain = new_chain()
    with_nonce(chain)
    before = stored_nonce(chain)
    raw = signed(with_advance(transfer(ALICE, BOB, lamports)), (ALICE,), before)
    advance(chain, 400)
    landed = chain.history.find(send(chain, raw, preflight=False))
    assert landed is not None
    assert (landed.err is not None) is fails
    assert stored_nonce(chain) != before  # also when it failed, as on a cluster
    advance(chain, 400)
    again = signed(with_advance(transfer(ALICE, BOB, lamports + 1)), (ALICE,), before)
    assert status(chain, send(chain, again, preflight=False)) is None


def test_a_nonce_needs_its_authority_and_a_new_block() -> None:
    chain = new_chain()
    with_nonce(chain)
    stranger = signed(with_advance(authority=MAKER), (MAKER,), stored_nonce(chain))
    assert status(chain, send(chain, stranger, preflight=False)) is None
    send(chain, signed(with_advance(transfer(ALICE, BOB, SOL)), (ALICE,), stored_nonce(chain)))
    too_soon = signed(with_advance(transfer(ALICE, BOB, SOL)), (ALICE,), stored_nonce(chain))
    assert status(chain, send(chain, too_soon, preflight=False)) is None
    advance(chain, 1)
    assert status(chain, send(chain, too_soon, preflight=False)) is not None


def test_what_every_chain_has_at_genesis() -> None:
    chain = new_chain()
    for mint in NATIVE_MINTS:
        account = chain.accounts.get(mint)
        assert account is not None
        assert is_mint(account)
        assert account.data[44] == 9
    other = new_chain(seed=1)
    assert other.genesis_hash != chain.genesis_hash
    assert other.blocks.head.blockhash != chain.blocks.head.blockhash
    assert new_chain().blocks.head.blockhash == chain.blocks.head.blockhash
    assert chain.blocks.head.slot != chain.blocks.head.height
    assert chain.genesis_hash not in (
        "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
        "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG",
        "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY",
    )


def test_minting_for_a_foreign_authority_shows_in_the_history() -> None:
    chain = new_chain()
    mint = address(key("mint"))
    chain.create_mint(mint, 9, "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", address(BOB))
    landed = chain.history.find(chain.mint_to(mint, address(ALICE), 5))
    assert landed is not None
    assert [(one.owner, one.amount) for one in landed.tokens_post] == [(address(ALICE), 5)]
    advance(chain, 1)
    listed = call(
        chain,
        "getTokenAccountsByOwner",
        address(ALICE),
        {"programId": "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"},
        {"encoding": "jsonParsed", "commitment": "confirmed"},
    )
    assert isinstance(listed, dict)
    (only,) = listed["value"]
    assert only["account"]["data"]["parsed"]["info"]["tokenAmount"]["amount"] == "5"


def test_equal_airdrops_in_one_block_are_different_transactions() -> None:
    chain = new_chain()
    assert chain.airdrop(address(BOB), SOL) != chain.airdrop(address(BOB), SOL)
    assert lamports_of(chain, BOB) == 2 * SOL


def test_damaged_bytes_are_refused_or_never_land_and_break_nothing() -> None:
    chain = new_chain()
    whole, random = swap_now(chain), np.random.default_rng(5)
    codes: set[int] = set()
    for _ in range(500):
        raw = bytearray(whole)
        for place in random.integers(len(raw), size=3):
            raw[place] = random.integers(256)
        text = base64.b64encode(raw).decode()
        for method in ("simulateTransaction", "sendTransaction"):
            try:
                call(chain, method, text, B64 | {"skipPreflight": True, "commitment": "processed"})
            except RpcFault as error:
                codes.add(error.code)
    assert codes == {-32602}
    assert tokens_of(chain, ALICE, USDC) == 10**9
    send(chain, whole)
    assert tokens_of(chain, ALICE, USDC) == 10**9 - 10**6
