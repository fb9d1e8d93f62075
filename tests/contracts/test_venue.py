"""What every venue promises, numbered. Written against the ports alone; each adapter and each fake must pass.

 1. A quote is of its order: what it spends, what it receives, at least the order's minimum, within its impact ceiling.
 2. No price: PRICE_UNAVAILABLE.
 3. More than the market holds: a cause of the market, which no other wallet could cure.
 4. More asked than the market gives: SLIPPAGE, or LIMIT_PRICE where the sender's own limit binds.
 5. A quote that does not fit its order is not signed: BAD_QUOTE.
 6. No two orders share a signature.
 7. Signing moves nothing: a ticket that nobody sent has no outcome while it may land, and then it is expired.
 8. What was sent has an outcome, at the latest when its life is over.
 9. Filled is atomic and within the order's bounds: all spent, the minimum received, fee and rent as allowed.
10. Sending twice equals sending once.
11. An outcome, once told, does not change.
12. A ticket is all that it takes: another process sends it and hears the same outcome.
13. What is sent after its life never lands.
14. What failed on chain moved nothing but a fee within the order's bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import msgspec
import pytest
from tests.stepping import SteppingClock

from overmind.core.model import (
    MICROS,
    NS,
    PICO,
    SOL,
    Cause,
    CostModel,
    Expired,
    Failed,
    Filled,
    Mint,
    Money,
    Order,
    OrderId,
    Outcome,
    Quote,
    Rejected,
    Side,
    SignalId,
    StrategyType,
    Ticket,
    Token,
    WalletId,
)
from overmind.ports import Tick, Venue
from overmind.venues.paper import PaperModel, PaperVenue

USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, "token")
BONK = Token("Bonk", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263pRPu1Sn"), 5, "token")
SOL_TOKEN = Token("SOL", SOL, 9, "token")


class World(Protocol):
    """A venue with its surroundings. Each adapter brings one."""

    venue: Venue
    life_s: float  # after which a ticket that has not landed never will

    def order(self, number: int, side: Side, **changes: object) -> Order:
        """Of a token that has a price, of a size that the market takes easily."""

    def unpriced(self) -> Order:
        """Of a token that has no price."""

    def restart(self) -> Venue:
        """Another process: it knows the configuration, and nothing else."""

    async def wait(self, seconds: float) -> None: ...


class PaperWorld:
    life_s = 60.0

    def __init__(self, model: PaperModel) -> None:
        self.clock = SteppingClock(1_750_000_000 * NS)
        self.model = model
        self.venue: Venue = self.restart()

    def ticks(self) -> Mapping[Mint, Tick]:
        return {SOL: Tick(SOL, 150 * PICO, self.clock.now_ns(), 3_000_000 * MICROS, 40)}

    def restart(self) -> Venue:
        tokens = {SOL: SOL_TOKEN, BONK.mint: BONK}
        return PaperVenue(self, self.clock, 7, self.model, USDC, tokens, CostModel(), lambda wallet, mint: False)

    def order(self, number: int, side: Side, **changes: object) -> Order:
        usdc, sol = Money(150 * MICROS, USDC.mint), Money(NS, SOL)
        order = Order(
            id=OrderId(f"s{number}.0.0"),
            signal_id=SignalId(f"s{number}"),
            wallet_id=WalletId("w1"),
            strategy=StrategyType.ARBITRAGE,
            side=side,
            spend=usdc if side is Side.BUY else sol,
            receive=SOL if side is Side.BUY else USDC.mint,
            received_min=990_000_000 if side is Side.BUY else 148_500_000,
            notional_micros=150 * MICROS,
            loss_max_micros=0,
            fee_max_lamports=100_000,
            rent_max_lamports=2_039_280,
            slippage_max_bps=100,
            mark_pico=150 * PICO,
            expires_at_ns=self.clock.now_ns() + 30 * NS,
            part=0,
            attempt=0,
        )
        return msgspec.structs.replace(order, **changes)

    def unpriced(self) -> Order:
        return self.order(0, Side.BUY, receive=BONK.mint)

    async def wait(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now_ns() + round(seconds * NS))


FACTORIES: dict[str, Callable[[], World]] = {
    "paper": lambda: PaperWorld(PaperModel()),
    "rough paper": lambda: PaperWorld(PaperModel(failure_ppm=300_000, expiry_ppm=200_000, route_down_ppm=100_000)),
}
ORDERS = 60


@pytest.fixture(params=sorted(FACTORIES))
def world(request: pytest.FixtureRequest) -> World:
    return FACTORIES[request.param]()


async def quoted(world: World, order: Order) -> Quote:
    quote = await world.venue.quote(order)
    assert isinstance(quote, Quote), quote
    return quote


async def tickets(world: World) -> list[tuple[Order, Ticket]]:
    """Some orders either way, signed, as far as the route is up."""
    signed = []
    for number in range(ORDERS):
        order = world.order(number, list(Side)[number % 2])
        ticket = await world.venue.sign(order, await quoted(world, order))
        if isinstance(ticket, Ticket):
            signed.append((order, ticket))
        else:
            assert ticket.cause.of_wallet, ticket
    assert len(signed) > ORDERS // 2
    return signed


async def ask_until_decided(world: World, ticket: Ticket) -> Outcome:
    for _ in range(int(world.life_s * 2) + 2):
        outcome = await world.venue.outcome(ticket)
        if outcome is not None:
            return outcome
        await world.wait(0.5)
    raise AssertionError("no outcome after the ticket's life")


def promise(check: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[World], None]:
    def test(world: World) -> None:
        asyncio.run(check(world))

    return test


@promise
async def test_01_a_quote_is_of_its_order(world: World) -> None:
    for number, side in enumerate(Side):
        order = world.order(number, side)
        quote = await quoted(world, order)
        assert (quote.order_id, quote.spend, quote.receive) == (order.id, order.spend, order.receive)
        assert quote.received >= quote.received_min >= order.received_min
        assert 0 <= quote.impact_bps <= order.slippage_max_bps


@promise
async def test_02_no_price_no_quote(world: World) -> None:
    assert cause(await world.venue.quote(world.unpriced())) is Cause.PRICE_UNAVAILABLE


@promise
async def test_03_more_than_the_market_holds(world: World) -> None:
    order = world.order(0, Side.BUY, spend=Money(10**12 * MICROS, USDC.mint), received_min=1)
    assert cause(await world.venue.quote(order)) in (Cause.NO_LIQUIDITY, Cause.PRICE_IMPACT)


@promise
async def test_04_more_than_the_market_gives(world: World) -> None:
    for side in Side:
        fair = world.order(0, side)
        for asked in (fair.received_min * 2, fair.received_min * 1_000):
            order = world.order(0, side, received_min=asked)
            assert cause(await world.venue.quote(order)) is Cause.LIMIT_PRICE
        drifted = fair.mark_pico * 2 if side is Side.SELL else fair.mark_pico // 2  # The market has moved since.
        by_slippage = fair.received_min * 2
        order = world.order(0, side, received_min=by_slippage, mark_pico=drifted)
        assert cause(await world.venue.quote(order)) is Cause.SLIPPAGE


@promise
async def test_05_a_quote_that_does_not_fit_is_not_signed(world: World) -> None:
    order = world.order(0, Side.BUY)
    quote = await quoted(world, order)
    for change in (
        {"order_id": OrderId("s1.0.0")},
        {"spend": Money(order.spend.units + 1, order.spend.mint)},
        {"receive": BONK.mint},
        {"received_min": order.received_min - 1},
    ):
        other = msgspec.structs.replace(quote, **change)
        assert cause(await world.venue.sign(order, other)) is Cause.BAD_QUOTE, change


@promise
async def test_06_signatures_are_unique(world: World) -> None:
    signed = await tickets(world)
    assert len({ticket.signature for _, ticket in signed}) == len(signed)
    assert all(len(ticket.signature) >= 64 for _, ticket in signed)


@promise
async def test_07_signing_moves_nothing(world: World) -> None:
    signed = await tickets(world)
    for _, ticket in signed:
        assert await world.venue.outcome(ticket) is None
    await world.wait(world.life_s)
    for _, ticket in signed:
        assert await world.venue.outcome(ticket) == Expired()


@promise
async def test_08_what_was_sent_has_an_outcome(world: World) -> None:
    signed = await tickets(world)
    for _, ticket in signed:
        await world.venue.send(ticket)
    await world.wait(world.life_s)
    outcomes = [await world.venue.outcome(ticket) for _, ticket in signed]
    assert all(isinstance(outcome, Filled | Failed | Expired) for outcome in outcomes)


@promise
async def test_09_filled_is_atomic_and_within_bounds(world: World) -> None:
    fills = 0
    for order, ticket in await tickets(world):
        await world.venue.send(ticket)
        outcome = await ask_until_decided(world, ticket)
        if isinstance(outcome, Filled):
            fills += 1
            assert outcome.spent_units == order.spend.units
            assert outcome.received_units >= order.received_min
            assert 0 < outcome.fee_lamports <= order.fee_max_lamports
            assert 0 <= outcome.rent_lamports <= order.rent_max_lamports
    assert fills


@promise
async def test_10_sending_twice_equals_sending_once(world: World) -> None:
    """The decision comes no later than after one send, and it is one."""
    signed = await tickets(world)
    for _ in range(int(world.life_s)):
        for _, ticket in signed:
            await world.venue.send(ticket)
        await world.wait(1)
    outcomes = [await world.venue.outcome(ticket) for _, ticket in signed]
    assert None not in outcomes
    assert any(isinstance(outcome, Filled) for outcome in outcomes)


@promise
async def test_11_an_outcome_does_not_change(world: World) -> None:
    for _, ticket in await tickets(world):
        await world.venue.send(ticket)
        told = await ask_until_decided(world, ticket)
        await world.venue.send(ticket)
        assert await world.venue.outcome(ticket) == told
        await world.wait(world.life_s + 1)
        await world.venue.send(ticket)
        assert await world.venue.outcome(ticket) == told


@promise
async def test_12_a_ticket_is_all_that_it_takes(world: World) -> None:
    signed = await tickets(world)
    for _, ticket in signed:
        await world.venue.send(ticket)
    journaled = [msgspec.json.encode(ticket) for _, ticket in signed]
    other = world.restart()
    restored = [msgspec.json.decode(line, type=Ticket) for line in journaled]
    for ticket in restored:
        await other.send(ticket)
    await world.wait(world.life_s)
    for ticket in restored:
        assert await other.outcome(ticket) == await world.venue.outcome(ticket)


@promise
async def test_13_what_is_sent_after_its_life_never_lands(world: World) -> None:
    signed = await tickets(world)
    await world.wait(world.life_s)
    for _, ticket in signed:
        await world.venue.send(ticket)
    await world.wait(world.life_s)
    for _, ticket in signed:
        assert await world.venue.outcome(ticket) == Expired()


@promise
async def test_14_failed_burns_no_more_than_the_fee_allowed(world: World) -> None:
    for order, ticket in await tickets(world):
        await world.venue.send(ticket)
        outcome = await ask_until_decided(world, ticket)
        if isinstance(outcome, Failed):
            assert 0 < outcome.fee_lamports <= order.fee_max_lamports


def cause(answer: Quote | Ticket | Rejected) -> Cause:
    assert isinstance(answer, Rejected), answer
    return answer.cause
