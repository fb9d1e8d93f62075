"""The chain world over many seeds: the real venue, firewall, settlement and signer under all injected faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Final

import pytest
from tests.sim.chosen_seeds import Record, chunks, expect_rare_events, simulate_chunk
from tests.sim.evidence import theft_shows
from tests.sim.forks import STORM, Chain, ExternalChange
from tests.sim.swaps import LISTED, SimSwaps
from tests.sim.world import USDC, ProcessKiller, SimClock, SimPrices

from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import SOL, OrderId, SignalId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Cause, Failed
from overmind.ports import Allowed, Effects, Node, Priority, Simulation, Status, always
from overmind.solana.signer import LocalSigner
from overmind.venues.jupiter import JupiterVenue

LAST: Final = 2_000  # seeds of the long tier


@pytest.mark.parametrize("first", chunks(LAST))
def test_no_money_is_lost_on_a_bad_chain(first: int) -> None:
    simulate_chunk("chain", first)


def test_all_that_can_go_wrong_on_a_chain_does_go_wrong(record_property: Record) -> None:
    expect_rare_events("chain", record_property)


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


class InconsistentChain:
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
    chain = InconsistentChain()
    clock = SimClock(0)
    swaps = SimSwaps(
        Random(0), Chain(Random(0), STORM, Counter()), SimPrices(Random(0), {}), ProcessKiller(), Counter(), 0.0
    )
    venue = JupiterVenue(swaps, chain, LocalSigner([]), clock, {ORDER.wallet_id: "payer"}, LISTED)
    booked = Failed(5_000, Cause.REVERTED, slot=10)
    assert asyncio.run(venue.final(ORDER, Ticket("signature", b""), booked)) is None


@pytest.mark.parametrize(
    ("deposits", "adjusted", "shows"),
    [
        ([], 0, False),  # nothing was booked: what is left becomes a smaller deposit
        ([(5, 500)], 0, False),  # no more than the surplus was taken
        ([(5, 501)], 0, True),
        ([(5, 300), (7, 700)], 0, True),
        ([(9, 500)], 0, False),  # read after the theft: it is what the thief left
        ([(8, 1_000)], 0, False),  # the block with the theft
        ([(5, 500)], 1, True),  # an operator had the rest booked
    ],
)
def test_a_theft_shows_if_it_takes_what_was_booked(deposits: list[tuple[int, int]], adjusted: int, shows: bool) -> None:
    came = ExternalChange(0, "owner", SOL, 1_000)
    taken = ExternalChange(8, "owner", SOL, -500)
    assert theft_shows([came, taken], deposits, adjusted) is shows


def test_a_theft_of_what_an_order_bought_shows() -> None:
    assert theft_shows([ExternalChange(8, "owner", USDC.mint, -1)], [], 0)
