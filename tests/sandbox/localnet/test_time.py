"""Slots, commitment, forks and the chain's clock, stepped by hand."""

from __future__ import annotations

from typing import Any

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
    lamports_of,
    new_chain,
    refusal,
    signature_of,
    signed,
    swap_now,
    tokens_of,
    transfer,
    value,
)

from overmind.sandbox.localnet.blocks import Commitment
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.faults import Faults
from overmind.sandbox.localnet.wire import read


def land(chain: LocalChain, raw: bytes) -> str:
    return chain.send(read(raw), Commitment.PROCESSED, preflight=True)


def level(chain: LocalChain, signature: str) -> object:
    answered = call(chain, "getSignatureStatuses", [signature])
    assert isinstance(answered, dict)
    status = answered["value"][0]
    return None if status is None else (status["confirmationStatus"], status["confirmations"])


def test_commitment_is_a_matter_of_age() -> None:
    chain = new_chain()
    signature = land(chain, swap_now(chain))
    seen = []
    for _ in range(34):
        seen.append(level(chain, signature))
        advance(chain, 1)
    assert seen[0] == ("processed", 0)
    assert seen[1] == ("confirmed", 1)
    assert seen[31] == ("confirmed", 31)
    assert seen[32] == ("finalized", None)


def test_every_answer_is_of_its_commitment() -> None:
    chain = new_chain()
    before = chain.blocks.head.height
    land(chain, signed([transfer(ALICE, BOB, SOL)], (ALICE,), chain.blocks.head.blockhash))
    heights: dict[str, int] = {}
    for commitment in ("processed", "confirmed", "finalized"):
        for _ in range(100):
            answered = call(chain, "getBalance", address(BOB), {"commitment": commitment})
            assert isinstance(answered, dict)
            if answered["value"] == SOL:
                break
            assert answered["value"] == 0
            advance(chain, 1)
        heights[commitment] = chain.blocks.head.height - before
    assert heights == {"processed": 0, "confirmed": 1, "finalized": 32}


def test_heights_slots_and_blockhashes_per_commitment() -> None:
    chain = new_chain()
    advance(chain, 200)
    height: dict[str, Any] = {}
    for commitment in ("processed", "confirmed", "finalized"):
        config = {"commitment": commitment}
        height[commitment] = call(chain, "getBlockHeight", config)
        latest = call(chain, "getLatestBlockhash", config)
        assert isinstance(latest, dict)
        assert latest["value"]["lastValidBlockHeight"] == height[commitment] + 150
        assert latest["context"]["slot"] == call(chain, "getSlot", config)
    head = chain.blocks.head
    assert height == {"processed": head.height, "confirmed": head.height - 1, "finalized": head.height - 32}
    assert call(chain, "getSlot") == chain.blocks.at(head.height - 32).slot  # finalized by default
    skipped = head.slot - head.height - (chain.blocks.at(head.height - 200).slot - (head.height - 200))
    assert 0 < skipped < 50  # some slots have no block


def test_a_context_slot_that_is_not_there_yet() -> None:
    chain = new_chain()
    slot = chain.blocks.tip(Commitment.CONFIRMED).slot
    assert call(chain, "getSlot", {"commitment": "confirmed", "minContextSlot": slot}) == slot
    body = refusal(chain, "getBalance", address(ALICE), {"commitment": "confirmed", "minContextSlot": slot + 9})
    assert body == {
        "code": -32016,
        "message": "Minimum context slot has not been reached",
        "data": {"contextSlot": slot},
    }


def test_old_statuses_are_found_only_by_searching() -> None:
    chain = new_chain()
    signature = land(chain, swap_now(chain))
    advance(chain, 32 + 301)
    assert level(chain, signature) is None
    answered = call(chain, "getSignatureStatuses", [signature], {"searchTransactionHistory": True})
    assert isinstance(answered, dict)
    assert answered["value"][0]["confirmationStatus"] == "finalized"


def test_the_history_does_not_show_what_is_only_processed() -> None:
    chain = new_chain()
    signature = land(chain, swap_now(chain))
    config = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    assert call(chain, "getTransaction", signature, config) is None
    advance(chain, 1)
    assert call(chain, "getTransaction", signature, config) is not None
    assert call(chain, "getTransaction", signature, {"maxSupportedTransactionVersion": 0}) is None
    body = refusal(chain, "getTransaction", signature, {"commitment": "processed"})
    assert body == {"code": -32602, "message": "Method does not support commitment below `confirmed`"}
    assert refusal(chain, "getTransaction", signature, {"commitment": "confirmed"})["code"] == -32015


def test_the_signatures_of_an_address_page_by_page() -> None:
    chain = new_chain()
    sent = []
    for number in range(1, 6):
        moved = [transfer(ALICE, BOB, number * SOL // 100 + 10**6)]
        sent.append(land(chain, signed(moved, (ALICE,), chain.blocks.head.blockhash)))
        advance(chain, 1)

    def page(**config: object) -> list[object]:
        listed = call(chain, "getSignaturesForAddress", address(BOB), {"commitment": "confirmed"} | config)
        assert isinstance(listed, list)
        return [one["signature"] for one in listed]

    newest_first = sent[::-1]
    assert page() == page(limit=None, before=None, until=None) == newest_first
    assert page(limit=2) == newest_first[:2]
    assert page(before=newest_first[1], limit=2) == newest_first[2:4]
    assert page(until=newest_first[3]) == newest_first[:3]
    assert page(before="unknown") == []


def test_a_rollback_takes_back_state_statuses_and_history() -> None:
    chain = new_chain()
    advance(chain, 40)
    was = (lamports_of(chain, ALICE), tokens_of(chain, ALICE, USDC), tokens_of(chain, ALICE, BONK))
    raw = swap_now(chain)
    advance(chain, 1)
    signature = land(chain, raw)
    advance(chain, 3)
    assert level(chain, signature) == ("confirmed", 3)
    head, count = chain.blocks.head, chain.history.count
    assert chain.rollback(4, reland_ppm=0) == 4
    assert (lamports_of(chain, ALICE), tokens_of(chain, ALICE, USDC), tokens_of(chain, ALICE, BONK)) == was
    assert level(chain, signature) is None
    assert chain.history.count == count - 1
    assert call(chain, "getTransaction", signature, {"commitment": "confirmed"}) is None
    assert chain.blocks.head.slot > head.slot  # slots rise
    assert chain.blocks.head.height < head.height  # heights fall
    assert chain.blocks.born(head.blockhash) is None  # the lost fork's blockhash is unknown
    land(chain, raw)  # its own blockhash is older than the fork
    assert tokens_of(chain, ALICE, USDC) == was[1] - 10**6


def test_an_account_that_the_fork_made_is_gone_with_it() -> None:
    chain = new_chain()
    land(chain, signed([transfer(ALICE, BOB, SOL)], (ALICE,), chain.blocks.head.blockhash))
    chain.rollback(1, reland_ppm=0)
    assert chain.accounts.get(address(BOB)) is None


def test_what_was_rolled_back_can_land_again_by_itself() -> None:
    chain = new_chain(Faults(delay_slots=2))
    raw = swap_now(chain)
    advance(chain, 1)
    signature = land(chain, raw)
    chain.rollback(1)
    assert level(chain, signature) is None
    advance(chain, 2)
    assert level(chain, signature) == ("processed", 0)
    assert tokens_of(chain, MAKER, USDC) == 10**6


def test_final_blocks_stay() -> None:
    chain = new_chain()
    signature = land(chain, swap_now(chain))
    advance(chain, 32)
    root = chain.blocks.root_height
    assert chain.rollback(1_000) == 32
    assert level(chain, signature) == ("finalized", None)
    assert chain.blocks.root_height == root
    advance(chain, 40)
    assert tokens_of(chain, MAKER, USDC) == 10**6


def test_what_the_owner_of_the_chain_sets_survives_a_rollback() -> None:
    chain = new_chain()
    chain.set_account(address(BOB), chain.accounts.get(address(ALICE)))
    chain.rollback(30)
    assert lamports_of(chain, BOB) == 10 * SOL
    assert value(chain, "getBalance", address(BOB)) == 10 * SOL


def test_delayed_dropped_and_duplicated() -> None:
    chain = new_chain(Faults(delay_ppm=10**6, delay_slots=3, duplicate_ppm=10**6))
    signature = land(chain, swap_now(chain))
    levels = []
    for _ in range(5):
        levels.append(level(chain, signature))
        advance(chain, 1)
    assert levels == [None, ("processed", 0), ("confirmed", 1), ("confirmed", 2), ("confirmed", 3)]
    assert tokens_of(chain, MAKER, USDC) == 10**6
    chain.set_faults(Faults(drop_ppm=10**6))
    dropped = swap_now(chain, usdc=2)
    assert land(chain, dropped) == signature_of(dropped)
    advance(chain, 10)
    assert level(chain, signature_of(dropped)) is None


def test_statuses_that_lag_and_flap() -> None:
    chain = new_chain(Faults(status_lag_slots=2))
    signature = land(chain, swap_now(chain))
    advance(chain, 1)
    assert level(chain, signature) is None
    advance(chain, 1)
    assert level(chain, signature) == ("processed", 0)
    chain.set_faults(Faults(status_flap_ppm=500_000))
    seen = {level(chain, signature) for _ in range(50)}
    assert seen == {None, ("confirmed", 2)}


def test_a_stale_balance_is_an_old_one() -> None:
    chain = new_chain(Faults(stale_balance_ppm=10**6, stale_slots=5))
    land(chain, signed([transfer(ALICE, BOB, SOL)], (ALICE,), chain.blocks.head.blockhash))
    advance(chain, 2)
    config = {"commitment": "confirmed"}
    assert value(chain, "getBalance", address(BOB), config) == 0
    advance(chain, 5)
    assert value(chain, "getBalance", address(BOB), config) == SOL


def test_the_clock_jumps_for_blocks_and_programs() -> None:
    chain = new_chain()
    before = chain.blocks.head.at_s
    chain.jump_clock(3_600)
    advance(chain, 1)
    assert chain.blocks.head.at_s == before + 3_600
    chain.set_faults(Faults(clock_jump_ppm=10**6, clock_jump_s=-60))
    advance(chain, 1)
    assert chain.blocks.head.at_s == before + 3_540
    sysvar = chain.account_at("SysvarC1ock11111111111111111111111111111111", chain.blocks.head.height)
    assert sysvar is not None
    assert int.from_bytes(sysvar.data[32:40], "little") == before + 3_540


def test_the_same_seed_draws_the_same_faults() -> None:
    def fates(seed: int) -> list[bool]:
        chain = new_chain(Faults(seed=seed, drop_ppm=300_000, rollback_ppm=50_000))
        found = []
        for number in range(60):
            raw = swap_now(chain, usdc=number + 1)
            land(chain, raw)
            found.append(level(chain, signature_of(raw)) is None)
            advance(chain, 1)
        return found

    assert fates(7) == fates(7)
    assert fates(7) != fates(8)
    assert 5 < sum(fates(7)) < 40


def test_prices_of_recent_blocks() -> None:
    chain = new_chain()
    land(chain, swap_now(chain))
    advance(chain, 1)
    for names, price in (([held(ALICE, USDC)], 50_000), ([address(BOB)], 0), ([], 50_000)):
        fees = call(chain, "getRecentPrioritizationFees", names)
        assert isinstance(fees, list)
        assert len(fees) <= 150
        assert max(one["prioritizationFee"] for one in fees) == price
