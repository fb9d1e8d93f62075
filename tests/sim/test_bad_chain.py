"""The chain world over many seeds: the real venue, firewall, settlement and signer under all injected faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest
from tests.sim.forks import STORM, Chain
from tests.sim.simulate import RERUN_EVERY, simulate, simulate_twice
from tests.sim.swaps import LISTED, SimSwaps
from tests.sim.world import USDC, Death, SimClock, SimPrices

from overmind.core.model.enums import MoveKind, Side, StrategyType
from overmind.core.model.ids import SOL, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Cause, Failed
from overmind.ports import Allowed, Effects, Node, Priority, Simulation, Status, always
from overmind.solana.signer import LocalSigner
from overmind.venues.jupiter import JupiterVenue

CHUNK: Final = 25
CHUNKS: Final = 80
COUNTED: Final = range(10_000, 11_500)  # seeds whose statistics are checked

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
    *(
        f"{call} not answered"
        for call in ("blockhash", "finalized", "history", "simulate", "send", "status", "effects", "offer")
    ),
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
MOVES: Final = (
    *(f"{kind} {outcome}" for kind in MoveKind for outcome in ("Filled", "Expired", "Rejected", "final")),
    *(f"{kind} undone" for kind in MoveKind),
    "undone move Filled to Expired",
    "undone move Filled to Failed",
    "undone move Failed to Filled",
    "swap for the float",
    "own exit liquidate",
    "emergency stop at an await",
    "withdraw rejected CANCELLED",
    "withdraw rejected NOT_ALLOWED",
    "withdrawal asked for again in vain",
    "withdrawal paid after a hold",
    "withdraw rejected STOPPED",
    "rebalance rejected STOPPED",
)


@pytest.mark.parametrize("first", range(0, CHUNK * CHUNKS, CHUNK))
def test_no_money_is_lost_on_a_bad_chain(first: int) -> None:
    for seed in range(first, first + CHUNK):
        if seed % RERUN_EVERY == 0:
            simulate_twice(seed, "chain")
        else:
            simulate(seed, "chain")


def test_all_that_can_go_wrong_on_a_chain_does_go_wrong() -> None:
    """Rare faults are searched for until they are found."""
    seen: Counter[str] = Counter()
    missing = [*FAULTS, *EVENTS, *MOVES]
    for seed in COUNTED:
        seen += simulate(seed, "chain").seen
        missing = [what for what in missing if not seen[what]]
        if not missing:
            return
    raise AssertionError(f"never happened in {len(COUNTED)} seeds: {missing}")


ORDER: Final = Order(
    id=OrderId("s.0.0"),
    signal_id=SignalId("s"),
    wallet_id=WalletId("w1"),
    strategy=StrategyType.ARBITRAGE,
    side=Side.BUY,
    spend=Money(1_000_000, USDC.mint),
    receive=SOL,
    received_min=1,
    notional_micros=1_000_000,
    loss_max_micros=0,
    fee_max_lamports=100_000,
    rent_max_lamports=0,
    slippage_max_bps=100,
    mark_pico=150 * 10**12,
    expires_at_ns=0,
    part=0,
    attempt=0,
)


class TwoFaced:
    """`ports.Chain` whose statuses come from a current node, and whose transactions come from a lost branch."""

    nodes: Sequence[Node] = ()

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        raise AssertionError("nothing is to be signed")

    async def send(self, transaction: bytes, priority: Priority, allowed: Allowed = always) -> None:
        raise AssertionError("nothing is to be sent")

    async def status(self, signature: str) -> Status | None:
        return Status(slot=12, failed=True, confirmed=True, finalized=True)

    async def effects(self, signature: str) -> Effects | None:
        return Effects('"AccountNotFound"', 5_000, ("payer",), (9,), (9,), (), slot=10)

    async def wait(self, signature: str, seconds: float) -> None:
        """Returns at once."""


def test_what_happened_on_a_dead_branch_is_never_made_final() -> None:
    chain = TwoFaced()
    clock = SimClock(0)
    swaps = SimSwaps(Random(0), Chain(Random(0), STORM, Counter()), SimPrices(Random(0), {}), Death(), Counter(), 0.0)
    venue = JupiterVenue(swaps, chain, LocalSigner([]), clock, {ORDER.wallet_id: "payer"}, LISTED)
    booked = Failed(5_000, Cause.REVERTED, slot=10)
    assert asyncio.run(venue.final(ORDER, Ticket("signature", b""), booked)) is None
