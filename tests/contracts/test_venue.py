"""What every venue promises: docs/venue-specification.md, number by number. Written against the ports alone; each
adapter and each fake of `worlds.FACTORIES` must pass, and so must the maker on the localnet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pytest
from tests.contracts.chain_world import ROUGH, maker_on_localnet
from tests.contracts.worlds import BONK, FACTORIES, USDC, World

from overmind.core.model.enums import MoveKind, Side
from overmind.core.model.ids import SOL, Mint, OrderId
from overmind.core.model.money import Money
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import LAMPORTS, MICROS
from overmind.ports import Venue, VenueUnavailable

T = TypeVar("T")
SPECIFICATION: Final = Path(__file__).parents[2] / "docs" / "venue-specification.md"
LOOKS: Final = 60  # polls of an outcome per process
LIVES_MAX: Final = 20  # processes until a proof must be complete on a slow machine
WAIT_S: Final = 0.5
PATIENCE_S: Final = 60.0  # in real time, for results that should be there already

MONEY: Final = (Money(40 * MICROS, USDC.mint), Money(LAMPORTS // 10, SOL))
UNLISTED: Final = Mint("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo")

Signed = list[tuple[Work, Ticket]]


WORLDS: Final = {
    **FACTORIES,
    "maker on localnet": maker_on_localnet,
    "maker on a rough localnet": lambda: maker_on_localnet(ROUGH),
}


@pytest.fixture(params=sorted(WORLDS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def promise(check: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[str], None]:
    async def ask(name: str) -> None:
        async with WORLDS[name]() as world:
            await check(world)

    def test(name: str) -> None:
        asyncio.run(ask(name))

    return test


async def answered(world: World, ask: Callable[[], Awaitable[T]]) -> T:
    """A venue may be silent sometimes; asking again is always safe."""
    for _ in range(LOOKS):
        try:
            return await ask()
        except VenueUnavailable:
            await world.wait(world.life_s / LOOKS)
    raise AssertionError(f"silent for {world.life_s} s")


async def quoted(world: World, order: Order) -> Quote:
    quote = await answered(world, partial(world.venue.quote, order))
    assert isinstance(quote, Quote), quote
    return quote


async def tickets(world: World) -> Signed:
    """Signed orders in both directions, with a move after each pair, as far as the route is up."""
    works = [order_or_move(world, number) for number in range(world.orders)]
    signed = await signed_of(world, works)
    assert len(signed) > world.orders // 2
    return signed


def order_or_move(world: World, number: int) -> Work:
    if number % 3 < 2:
        return world.order(number, list(Side)[number % 3])
    return world.move(number, MONEY[number // 3 % len(MONEY)])


async def signed_of(world: World, works: Sequence[Work]) -> Signed:
    signed: Signed = []
    for work in works:
        ticket = await signing(world, work)
        if isinstance(ticket, Ticket):
            signed.append((work, ticket))
        else:
            assert ticket.cause.of_wallet, ticket
    return signed


async def sent_at_once(world: World, works: Sequence[Work]) -> Signed:
    """Sends each before it signs the next: an unreliable chain may pause for longer than a ticket lives."""
    signed: Signed = []
    for work in works:
        signed += await signed_of(world, [work])
        await send_all(world, signed[-1:])
    return signed


async def signing(world: World, work: Work) -> Ticket | Rejected:
    if isinstance(work, Move):
        return await answered(world, partial(world.venue.transfer, work))
    return await world.venue.sign(work, await quoted(world, work))


async def send_all(world: World, signed: Signed, venue: Venue | None = None) -> None:
    """An unanswered send may have arrived, so the test goes on."""
    for order, ticket in signed:
        try:
            await (venue or world.venue).send(order, ticket)
        except VenueUnavailable:
            continue


async def outcomes(world: World, signed: Signed, venue: Venue | None = None) -> list[Outcome]:
    """Polls until all are decided."""
    asked = venue or world.venue
    return [await until_known(world, partial(asked.outcome, *sent)) for sent in signed]


async def until_known(world: World, ask: Callable[[], Awaitable[T | None]]) -> T:
    for _ in range(LOOKS * LIVES_MAX):
        answer = await answered(world, ask)
        if answer is not None:
            return answer
        await world.wait(world.life_s / LOOKS)
    raise AssertionError("nothing decided long after the ticket's life")


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
    fair = world.order(0, Side.BUY)
    order = world.order(0, Side.BUY, spend=Money(10**12 * MICROS, fair.spend.mint), received_min=1)
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
    newest = signed[-1]  # On a chain in real time the first ticket may have expired by now.
    assert await answered(world, partial(world.venue.outcome, *newest)) is None
    assert set(await outcomes(world, signed)) == {Expired()}


@promise
async def test_08_what_was_sent_has_an_outcome(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed)
    assert all(isinstance(outcome, Filled | Failed | Expired) for outcome in await outcomes(world, signed))


@promise
async def test_09_filled_is_atomic_and_within_bounds(world: World) -> None:
    signed, fills = await tickets(world), 0
    await send_all(world, signed)
    for (order, _), outcome in zip(signed, await outcomes(world, signed), strict=True):
        if isinstance(order, Order) and isinstance(outcome, Filled):
            fills += 1
            assert outcome.spent_units == order.spend.units
            assert outcome.received_units >= order.received_min
            assert 0 < outcome.fee_lamports <= order.fee_max_lamports
            assert 0 <= outcome.rent_lamports <= order.rent_max_lamports
    assert fills


@promise
async def test_10_sending_twice_equals_sending_once(world: World) -> None:
    """The decision comes after one send at the latest, and never changes."""
    signed = await tickets(world)
    for _ in range(LOOKS):
        await send_all(world, signed)
        await world.wait(world.life_s / LOOKS)
    assert any(isinstance(outcome, Filled) for outcome in await outcomes(world, signed))


@promise
async def test_11_an_outcome_does_not_change(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed)
    await world.wait(world.life_s / 4)
    told = {sent[1].signature: await answered(world, partial(world.venue.outcome, *sent)) for sent in signed}
    decided = [sent for sent in signed if told[sent[1].signature] is not None]
    assert decided
    for seconds in (0.0, world.life_s):
        await world.wait(seconds)
        await send_all(world, signed)
        assert await outcomes(world, decided) == [told[ticket.signature] for _, ticket in decided]


@promise
async def test_12_a_ticket_is_all_that_it_takes(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed)
    journaled = [msgspec.json.encode(ticket) for _, ticket in signed]
    other = await world.restart()
    restored = [msgspec.json.decode(line, type=Ticket) for line in journaled]
    resumed = [(order, ticket) for (order, _), ticket in zip(signed, restored, strict=True)]
    await send_all(world, resumed, other)
    assert await outcomes(world, resumed, other) == await outcomes(world, signed)


@promise
async def test_13_what_is_sent_after_its_life_never_lands(world: World) -> None:
    signed = await tickets(world)
    await world.wait(world.life_s)
    await send_all(world, signed)
    await world.wait(world.life_s)
    assert set(await outcomes(world, signed)) == {Expired()}


@promise
async def test_14_failed_burns_no_more_than_the_fee_allowed(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed)
    for (order, _), outcome in zip(signed, await outcomes(world, signed), strict=True):
        if isinstance(outcome, Failed):
            assert 0 < outcome.fee_lamports <= order.fee_max_lamports


@promise
async def test_15_final_agrees_with_what_was_booked(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed)
    other = await world.restart()
    landed = [
        (*sent, booked)
        for sent, booked in zip(signed, await outcomes(world, signed), strict=True)
        if isinstance(booked, Filled | Failed)
    ]
    assert landed
    for order, ticket, booked in landed:
        if not world.venue.provisional:
            assert await world.venue.final(order, ticket, booked) == booked
        for venue in (world.venue, world.venue, other):
            final: Outcome = await until_known(world, partial(venue.final, order, ticket, booked))
            assert effect(final) == effect(booked)


@promise
async def test_16_wait_returns_no_later_than_asked(world: World) -> None:
    signed = await tickets(world)
    await send_all(world, signed[:1])
    for _, ticket in signed[:2]:
        waiting = asyncio.create_task(world.venue.wait(ticket, WAIT_S))
        await asyncio.sleep(0)  # It starts to wait.
        await world.wait(WAIT_S)
        await asyncio.wait_for(waiting, PATIENCE_S)


@promise
async def test_17_a_move_is_made_to_the_unit(world: World) -> None:
    moves = [world.move(number, MONEY[number % len(MONEY)]) for number in range(world.orders)]
    signed, fills = await sent_at_once(world, moves), 0
    for (move, _), outcome in zip(signed, await outcomes(world, signed), strict=True):
        if isinstance(move, Move) and isinstance(outcome, Filled):
            fills += 1
            assert outcome.spent_units == outcome.received_units == move.money.units
            assert 0 < outcome.fee_lamports <= move.fee_max_lamports
            assert 0 <= outcome.rent_lamports <= (0 if move.money.mint == SOL else move.rent_max_lamports)
    assert fills


@promise
async def test_18_closing_an_empty_account_brings_its_rent(world: World) -> None:
    for number in range(world.orders):
        (closed,) = await outcomes(world, await sent_at_once(world, [world.closing(number)])) or (Expired(),)
        if isinstance(closed, Filled):
            assert (closed.spent_units, closed.rent_lamports) == (0, 0)
            assert closed.received_units > 0
            return
    raise AssertionError("it never landed")


@promise
async def test_19_what_is_not_listed_is_not_moved(world: World) -> None:
    for kind in (MoveKind.REBALANCE, MoveKind.RECLAIM):
        move = world.move(0, Money(1, UNLISTED), kind=kind)
        assert cause(await answered(world, partial(world.venue.transfer, move))) is Cause.NOT_VERIFIED


def test_the_specification_and_its_tests_have_the_same_numbers() -> None:
    specified = [int(number) for number in re.findall(r"^## (\d+)\. ", SPECIFICATION.read_text(), re.MULTILINE)]
    tested = [int(found[1]) for found in (re.match(r"test_(\d\d)_", one) for one in globals()) if found is not None]
    assert specified == tested == list(range(1, len(tested) + 1))


def effect(outcome: Outcome) -> Outcome:
    """A fork may have moved it to another slot, and a failure's text may differ."""
    match outcome:
        case Filled():
            return msgspec.structs.replace(outcome, slot=0)
        case Failed():
            return msgspec.structs.replace(outcome, slot=0, detail="", cause=Cause.SLIPPAGE)
    return outcome


def cause(answer: Quote | Ticket | Rejected) -> Cause:
    assert isinstance(answer, Rejected), answer
    return answer.cause
