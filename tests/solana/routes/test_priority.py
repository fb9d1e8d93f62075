"""Priority fees by what others paid for the same accounts: percentile by urgency, capped by what the order reserves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace
from tests.support.hostile_transactions import BONK, FEE_MAX, OWNER, PAIRS, USDC, address, budget, offered, order, swap
from tests.support.scripted_nodes import Node, serving
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.order import Order
from overmind.core.model.units import NS
from overmind.ports import ChainSilent
from overmind.solana.chain import RpcChain
from overmind.solana.routes.priority import AGE_MAX_S, EVERY_S, USED_S, PriorityFees
from overmind.solana.rpc import Rpc

START_NS = 1_750_000_000 * NS
UNITS = 100_000
BUY, SALE = order(USDC, BONK), order(BONK, USDC)
ROOM = FEE_MAX - 10_000  # beside two signatures


class Samples:
    def __init__(self, prices_micro: Sequence[int]) -> None:
        self.prices_micro = prices_micro
        self.asked: list[tuple[str, ...]] = []
        self.silent = False

    async def priority_fees(self, accounts: Sequence[str]) -> Sequence[int]:
        self.asked.append(tuple(accounts))
        if self.silent:
            raise ChainSilent("no")
        return self.prices_micro


async def known(samples: Samples, clock: SteppingClock, *wanted: Order, passed_s: float = 0.0) -> PriorityFees:
    """The fees after one round of questions about these orders' pairs, and some time."""
    fees = PriorityFees(samples, clock)
    for one in wanted:
        spend, receive = (USDC, BONK) if one.side is BUY.side else (BONK, USDC)
        fees.offered(one, offered([*budget(UNITS, 1), *swap(spend, receive)[2:]]))
    asking = asyncio.create_task(fees.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock.advance_to(clock.now_ns() + round(passed_s * NS))
    asking.cancel()
    return fees


RISING = [10_000 * step for step in range(101)]  # micro-lamports; the 50th percentile is 500,000


@pytest.mark.parametrize(
    ("wanted", "prices", "tip", "bid"),
    [
        (BUY, RISING, 0, 50_000),
        (SALE, RISING, 0, 75_000),
        (SALE, RISING, 20_000, 70_000),  # the cap
        (replace(SALE, fee_max_lamports=10_000), RISING, 0, None),
        (BUY, [7], 0, 1),  # rounded up
        (BUY, [10**12], 0, ROOM),
        (BUY, [0, 0, 0, 10**6], 0, None),  # nobody pays as a rule
        (BUY, [], 0, None),
    ],
)
def test_what_is_bid(wanted: Order, prices: list[int], tip: int, bid: int | None) -> None:
    async def story() -> int | None:
        fees = await known(Samples(prices), SteppingClock(START_NS), BUY, SALE)
        return fees.bid(wanted, tip)

    assert asyncio.run(story()) == bid


def test_the_accounts_that_a_swap_writes_are_asked_about_and_never_our_wallet() -> None:
    samples = Samples(RISING)
    asyncio.run(known(samples, SteppingClock(START_NS), BUY))
    ((*accounts,),) = samples.asked
    assert {str(address(USDC)), str(address(BONK))} <= set(accounts)
    assert str(OWNER.pubkey()) not in accounts
    assert USDC.mint not in accounts


@pytest.mark.parametrize(("passed_s", "known_still"), [(AGE_MAX_S, True), (AGE_MAX_S + 1, False)])
def test_old_samples_say_nothing(passed_s: float, known_still: bool) -> None:
    async def story() -> int | None:
        fees = await known(Samples(RISING), SteppingClock(START_NS), BUY, passed_s=passed_s)
        return fees.bid(BUY, 0)

    assert (asyncio.run(story()) is not None) is known_still


def test_before_the_first_offer_and_while_nobody_answers_the_swap_server_decides() -> None:
    async def story() -> None:
        silent, clock = Samples(RISING), SteppingClock(START_NS)
        silent.silent = True
        fees = await known(silent, clock, BUY)
        assert fees.bid(BUY, 0) is None
        assert fees.bid(SALE, 0) is None

    asyncio.run(story())


def test_a_pair_that_nobody_trades_is_not_asked_about() -> None:
    async def story() -> int:
        samples, clock = Samples(RISING), SteppingClock(START_NS)
        fees = PriorityFees(samples, clock)
        fees.offered(BUY, offered(swap(USDC, BONK)))
        asking = asyncio.create_task(fees.run())
        for _ in range(4):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.advance_to(clock.now_ns() + round(max(EVERY_S, USED_S / 2) * NS) + 1)
        asking.cancel()
        return len(samples.asked)

    assert asyncio.run(story()) == 2


@pytest.mark.parametrize("pair", PAIRS)
def test_what_a_transaction_says_of_itself(pair: tuple[object, object]) -> None:
    spend, receive = pair
    assert isinstance(spend, type(USDC))
    assert isinstance(receive, type(USDC))
    read = offered(swap(spend, receive))
    assert read.unit_limit == 200_000
    assert read.signers[0] in read.writable
    assert str(address(spend)) in read.writable
    assert spend.mint not in read.writable


@pytest.mark.parametrize(
    ("told", "prices"),
    [
        ([{"slot": 1, "prioritizationFee": 5}, {"slot": 2, "prioritizationFee": 0}], [5, 0]),
        ([], []),
        (None, None),
        ([{"slot": 1}], None),
        ([{"prioritizationFee": -1}], None),
        (["no"], None),
    ],
)
def test_samples_of_a_node(told: object, prices: list[int] | None) -> None:
    async def story() -> None:
        node = Node()
        node.answers = {"getRecentPrioritizationFees": told}
        clock = SteppingClock(START_NS)
        async with serving(node), Rpc([node.url()], clock) as rpc, RpcChain(rpc, clock) as chain:
            if prices is None:
                with pytest.raises(ChainSilent):
                    await chain.priority_fees(["a"])
            else:
                assert await chain.priority_fees(["a"]) == prices
        assert node.asked == [("getRecentPrioritizationFees", [["a"]])]

    asyncio.run(story())
