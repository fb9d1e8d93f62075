"""A persisted chain: after any end the same chain continues, and it never goes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.transactions import (
    ALICE,
    BOB,
    BONK,
    MAKER,
    SOL,
    USDC,
    StillClock,
    address,
    advance,
    call,
    furnish,
    held,
    lamports_of,
    signed,
    swap_now,
    tokens_of,
    transfer,
)

from overmind.sandbox.localnet.blocks import Commitment
from overmind.sandbox.localnet.chain import LocalChain
from overmind.sandbox.localnet.persistence import FILE, RESERVED_BLOCKS, StateFile, StateUnusable
from overmind.sandbox.localnet.wire import read


def opened(directory: Path, seed: int = 0) -> tuple[LocalChain, StateFile]:
    chain, state = LocalChain(StillClock(), seed=seed), StateFile(directory)
    try:
        state.restore(chain)
    except StateUnusable:
        state.close()
        raise
    return chain, state


def land(chain: LocalChain, raw: bytes) -> str:
    return chain.send(read(raw), Commitment.PROCESSED, preflight=True)


def books(chain: LocalChain) -> tuple[object, ...]:
    tokens = [tokens_of(chain, who, mint) for who in (ALICE, MAKER) for mint in (USDC, BONK)]
    return (*tokens, lamports_of(chain, ALICE), lamports_of(chain, BOB), [one.signature for one in chain.history])


def traded(directory: Path) -> tuple[LocalChain, bytes]:
    """A chain with a history: swaps, a rollback, an account that was set. Also returns its last swap."""
    chain, state = opened(directory)
    furnish(chain)
    for number in range(1, 4):
        land(chain, swap_now(chain, usdc=number * 10**6))
        advance(chain, 2)
    chain.rollback(3, reland_ppm=0)
    chain.set_account(held(BOB, USDC), chain.accounts.get(held(ALICE, USDC)))
    raw = swap_now(chain, usdc=77)
    land(chain, raw)
    state.close()
    return chain, raw


def test_a_restart_finds_accounts_history_heights_and_blockhashes(tmp_path: Path) -> None:
    before, raw = traded(tmp_path)
    after, state = opened(tmp_path)
    assert after.genesis_hash == before.genesis_hash
    assert books(after) == books(before)
    assert after.accounts.get(held(BOB, USDC)) == before.accounts.get(held(BOB, USDC))
    assert 0 <= after.blocks.head.height - before.blocks.head.height <= RESERVED_BLOCKS
    assert after.blocks.head.slot >= before.blocks.head.slot
    head = before.blocks.head
    assert after.blocks.at(head.height).blockhash == head.blockhash
    assert after.blocks.at(head.height).slot == head.slot
    listed = call(
        after,
        "getTokenAccountsByOwner",
        address(MAKER),
        {"mint": BONK},
        {"commitment": "processed", "encoding": "base64"},
    )
    assert isinstance(listed, dict)
    assert len(listed["value"]) == 1
    # it has landed already, so it does not land again
    assert after.send(read(raw), Commitment.PROCESSED, preflight=False)
    assert books(after) == books(before)
    land(after, signed([transfer(ALICE, BOB, SOL)], (ALICE,), head.blockhash))  # a blockhash from before the restart
    assert lamports_of(after, BOB) == SOL
    state.close()


@pytest.mark.parametrize("torn", [1, 7, 100])
def test_a_torn_last_record_is_cut_off(tmp_path: Path, torn: int) -> None:
    before, _ = traded(tmp_path)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-torn])
    after, state = opened(tmp_path)
    assert len(list(after.history)) == len(list(before.history)) - 1
    land(after, swap_now(after, usdc=5))
    state.close()
    again, state = opened(tmp_path)
    assert books(again) == books(after)
    state.close()


def test_a_restart_never_goes_back(tmp_path: Path) -> None:
    height = slot = 0
    for blocks in (1, 50, 0, 7):
        chain, state = opened(tmp_path)
        assert chain.blocks.head.height >= height
        assert chain.blocks.head.slot >= slot
        advance(chain, blocks)
        height, slot = chain.blocks.head.height, chain.blocks.head.slot
        state.close()


def test_a_state_of_another_seed_or_in_use_is_refused(tmp_path: Path) -> None:
    _, state = opened(tmp_path)
    with pytest.raises(StateUnusable, match="in use"):
        StateFile(tmp_path)
    state.close()
    with pytest.raises(StateUnusable, match="another seed"):
        opened(tmp_path, seed=1)
