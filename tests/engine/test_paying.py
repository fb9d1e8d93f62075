"""A withdrawal between its wish and its payment: what ends it, and what no list can undo."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bench.desks import USDC, bench_desk
from msgspec import structs
from tests.engine.test_executor import Desk, running

from overmind.core.messages import Command, ConfigureDesk, MoveClosed, TicketRecorded, Withdraw
from overmind.core.model import MICROS, NS, Cause, Expired, Filled, Money, OrderId, Outcome, Rejected, WalletId
from overmind.core.model import Desk as Settings
from overmind.executor import POLL_S, RESEND_S

DELAY_S = 60
MOVE = OrderId("move:withdraw:x")
W0 = WalletId("wallet0")
WISH = Withdraw("x", W0, Money(100 * MICROS, USDC.mint), "bank", "profits")
FILLED = Filled(100 * MICROS, 100 * MICROS, 5_000, slot=7)
SETTINGS = structs.replace(
    bench_desk(2),
    withdraw_addresses=("bank", "vault"),
    withdraw_day_max_micros=1_000 * MICROS,
    withdraw_delay_ns=DELAY_S * NS,
)
UNLISTED = structs.replace(SETTINGS, withdraw_addresses=("vault",))
NO_CAP = structs.replace(SETTINGS, withdraw_day_max_micros=0)
SMALL_CAP = structs.replace(SETTINGS, withdraw_day_max_micros=1)
NOT_LISTED = "bank is not in OVERMIND_WITHDRAW_ADDRESSES now: list it, then ask anew"
CAP_IS_0 = "OVERMIND_WITHDRAW_DAY_MAX_USD is 0 now: set it, then ask anew"


def play(check: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running(provisional=False, settings=SETTINGS) as desk:
            await does(desk, WISH)
            await check(desk)

    asyncio.run(run())


async def does(desk: Desk, *commands: Command) -> None:
    for command in commands:
        await desk.engine.handle(command)
    await desk.settle()


def ended(desk: Desk) -> list[Outcome]:
    return [entry.event.outcome for entry in desk.journal.read() if isinstance(entry.event, MoveClosed)]


def signed(desk: Desk) -> bool:
    return any(isinstance(entry.event, TicketRecorded) for entry in desk.journal.read())


def test_it_is_paid_when_its_time_has_come() -> None:
    async def check(desk: Desk) -> None:
        await desk.pass_s(DELAY_S - 1)
        assert (desk.venue.signed, ended(desk)) == (0, [])
        await desk.pass_s(1)
        assert len(desk.venue.sends) == 1
        desk.venue.outcomes[MOVE] = FILLED
        await desk.pass_s(POLL_S)
        assert ended(desk) == [FILLED]

    play(check)


@pytest.mark.parametrize(("settings", "why"), [(UNLISTED, NOT_LISTED), (NO_CAP, CAP_IS_0)])
def test_what_the_settings_allow_no_more_ends_it_while_it_waits(settings: Settings, why: str) -> None:
    async def check(desk: Desk) -> None:
        await does(desk, ConfigureDesk(settings))
        await desk.pass_s(1)
        assert ended(desk) == [Rejected(Cause.NOT_ALLOWED, why)]
        await desk.pass_s(DELAY_S)
        assert (desk.venue.signed, desk.venue.sends) == (0, [])

    play(check)


@pytest.mark.parametrize(("settings", "why"), [(UNLISTED, NOT_LISTED), (NO_CAP, CAP_IS_0)])
def test_a_restart_with_other_settings_pays_nothing_of_before(settings: Settings, why: str) -> None:
    async def run() -> None:
        async with running(provisional=False, settings=SETTINGS) as first:
            await does(first, WISH)
        first.clock.advance_to(first.clock.now_ns() + 2 * DELAY_S * NS)
        async with running(first.journal, first.clock, provisional=False, settings=settings) as second:
            await second.pass_s(1)
            assert ended(second) == [Rejected(Cause.NOT_ALLOWED, why)]
            assert (second.venue.signed, second.venue.sends) == (0, [])

    asyncio.run(run())


def test_a_cap_that_was_only_lowered_ends_nothing() -> None:
    async def check(desk: Desk) -> None:
        await does(desk, ConfigureDesk(SMALL_CAP))
        await desk.pass_s(DELAY_S)
        assert len(desk.venue.sends) == 1

    play(check)


def test_nothing_is_sent_if_the_list_changes_while_it_is_signed() -> None:
    async def check(desk: Desk) -> None:
        desk.venue.while_signing = lambda: desk.engine.handle(ConfigureDesk(UNLISTED))
        await desk.pass_s(DELAY_S)
        assert desk.venue.signed == 1
        assert ended(desk) == [Rejected(Cause.NOT_ALLOWED, NOT_LISTED)]
        assert not desk.venue.sends

    play(check)


@pytest.mark.parametrize("outcome", [FILLED, Expired()])
def test_what_was_sent_is_followed_and_not_sent_again(outcome: Outcome) -> None:
    """Whoever has the bytes may land them: no list decides what became of it."""

    async def check(desk: Desk) -> None:
        await desk.pass_s(DELAY_S)
        await does(desk, ConfigureDesk(UNLISTED))
        await desk.pass_s(10 * RESEND_S)
        assert (len(desk.venue.sends), ended(desk)) == (1, [])
        desk.venue.outcomes[MOVE] = outcome
        await desk.pass_s(POLL_S)
        assert ended(desk) == [outcome]

    play(check)


def test_nor_does_a_restart_decide_what_became_of_a_ticket() -> None:
    """It may have been sent the moment before the process died."""

    async def run() -> None:
        async with running(provisional=False, settings=SETTINGS) as first:
            await does(first, WISH)
            await first.pass_s(DELAY_S)
        async with running(first.journal, first.clock, provisional=False, settings=UNLISTED) as second:
            await second.pass_s(10 * RESEND_S)
            assert (second.venue.signed, second.venue.sends, ended(second)) == (0, [], [])
            second.venue.outcomes[MOVE] = FILLED
            await second.pass_s(POLL_S)
            assert ended(second) == [FILLED]

    asyncio.run(run())
