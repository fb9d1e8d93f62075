"""The bad chain over many seeds: the real venue, firewall, settlement and signer against all that can go wrong."""

from __future__ import annotations

from collections import Counter
from typing import Final

import pytest
from tests.sim.simulate import RERUN_EVERY, simulate, simulate_twice

CHUNK: Final = 25
CHUNKS: Final = 80
COUNTED: Final = range(10_000, 11_500)  # seeds whose statistics are looked at

FAULTS: Final = (
    "split",
    "fork died",
    "height fell",
    "rolled back",
    "landed again",
    "kept back",
    "lost",
    "arrived too late",
    "duplicate arrived",
    "lagged",
    "node away",
    "status forgotten",
    "history begins too late",
    "history not there yet",
    "blockhash not known",
    "simulation failed",
    "send dropped in silence",
    "send accepted, answer lost",
    "arrived after death",
    "resent",
    "balances too old",
    "old blockhash",
    "wrong claim",
    "effects of a dead branch",
    *(f"{call} not answered" for call in ("finalized", "history", "simulate", "send", "status", "effects", "offer")),
    "offer refused",
    "offer below the minimum",
    "death",
    "death after a write",
    "death with a ticket under way",
    "death with an order and no ticket",
    "shut down",
    "recovered from a snapshot",
    "journal failed before the write",
    "journal failed after the write",
    "disk full",
    "venue silent",
    "clock stepped back",
    "clock stepped forward",
    "midnight",
)
THEFTS: Final = (
    "approves a delegate",
    "closes an account of ours",
    "drains lamports",
    "drains the spent token",
    "empties a nonce account",
    "gives the account away",
    "has an absurd fee",
    "has another fee payer",
    "has no compute limit",
    "is durable by a nonce",
    "is not signed by the maker",
    "makes us pay for a stranger's account",
    "pays a stranger",
    "pays another token out",
    "pays nothing",
    "pays too little",
    "repeats its compute limit",
    "runs an unknown program",
    "takes another token",
    "takes more",
    "unwraps to a stranger",
    "wraps for a stranger",
)
LIES: Final = (
    "contradicts itself",
    "guarantees too little",
    "high impact",
    "no transaction",
    "other amount",
    "other input",
    "other output",
    "truncated",
)
EVENTS: Final = (
    "order",
    "closed Filled",
    "closed Failed",
    "closed Expired",
    "closed Rejected",
    "failover after Expired",
    "failover after Rejected",
    "final",
    "rent paid",
    "undone Filled to Expired",
    "undone Filled to Failed",
    "undone Failed to Filled",
    "quarantined",
    "quarantine accepted",
    "theft",
    "deficit held",
    "deficit accepted",
    "credit",
    "meddled",
    "sale in parts",
    "duplicate",
    "emergency stop",
    "reactivated",
    "STOP file",
    "rejected STOPPED",
    "rejected NOT_VERIFIED",
    "rejected BAD_QUOTE",
    "rejected NO_PROTECTED_ROUTE",
    "rejected REVERTED",
    *(f"offer: {what}" for what in THEFTS),
    *(f"description: {what}" for what in LIES),
)


@pytest.mark.parametrize("first", range(0, CHUNK * CHUNKS, CHUNK))
def test_no_money_is_lost_on_a_bad_chain(first: int) -> None:
    for seed in range(first, first + CHUNK):
        if seed % RERUN_EVERY == 0:
            simulate_twice(seed, "chain")
        else:
            simulate(seed, "chain")


def test_all_that_can_go_wrong_on_a_chain_does_go_wrong() -> None:
    """Some of it is rare: it is looked for until it is found."""
    seen: Counter[str] = Counter()
    missing = [*FAULTS, *EVENTS]
    for seed in COUNTED:
        seen += simulate(seed, "chain").seen
        missing = [what for what in missing if not seen[what]]
        if not missing:
            return
    raise AssertionError(f"never happened in {len(COUNTED)} seeds: {missing}")
