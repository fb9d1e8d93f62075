"""A withdrawal between its request and its payment: what rejects it, what it waits for, and that its ticket is
followed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bench.desks import USDC, bench_desk
from msgspec import structs
from tests.desk.test_executor import Desk, running

from overmind.core.model.commands import AddHold, CancelMove, Command, ConfigureDesk, LiftHold, Withdraw
from overmind.core.model.controls import Scope
from overmind.core.model.desk_settings import Desk as Settings
from overmind.core.model.events import MoveClosed, TicketRecorded
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.money import Money
from overmind.core.model.outcome import Cause, Expired, Filled, Outcome, Rejected
from overmind.core.model.units import MICROS, NS
from overmind.desk.executor import POLL_S, RESEND_S

DELAY_S = 60
HOUR_S = 3_600  # how long it lives after its delay
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
NOT_LISTED = "bank is not in OVERMIND_WITHDRAW_ADDRESSES now: list it, then ask again"
CAP_IS_0 = "OVERMIND_WITHDRAW_DAY_MAX_USD is 0 now: set it, then ask again"


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


def test_a_withdrawal_is_paid_after_its_delay() -> None:
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
def test_changed_settings_reject_a_waiting_withdrawal(settings: Settings, why: str) -> None:
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
def test_a_sent_withdrawal_is_followed_and_not_sent_again(outcome: Outcome) -> None:
    """A sent transaction may still land, so no change of the settings decides its outcome."""

    async def check(desk: Desk) -> None:
        await desk.pass_s(DELAY_S)
        await does(desk, ConfigureDesk(UNLISTED))
        await desk.pass_s(10 * RESEND_S)
        assert (len(desk.venue.sends), ended(desk)) == (1, [])
        desk.venue.outcomes[MOVE] = outcome
        await desk.pass_s(POLL_S)
        assert ended(desk) == [outcome]

    play(check)


def test_a_restart_does_not_decide_the_outcome_of_a_ticket() -> None:
    """It may have been sent just before the process died."""

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


@pytest.mark.parametrize("scope", [Scope(), Scope(W0)])
@pytest.mark.parametrize("lifted_s", [DELAY_S - 10, DELAY_S + 10, DELAY_S + HOUR_S - 2])
def test_a_held_withdrawal_is_paid_when_the_hold_ends(scope: Scope, lifted_s: int) -> None:
    async def check(desk: Desk) -> None:
        await does(desk, AddHold(scope, "operator", "lunch"))
        await desk.pass_s(lifted_s)
        assert (desk.venue.signed, ended(desk)) == (0, [])
        await does(desk, LiftHold(scope, "operator", "back"))
        await desk.pass_s(max(1, DELAY_S - lifted_s))
        assert len(desk.venue.sends) == 1

    play(check)


def test_a_held_withdrawal_expires() -> None:
    async def check(desk: Desk) -> None:
        await does(desk, AddHold(Scope(W0), "operator", "lunch"))
        await desk.pass_s(DELAY_S + HOUR_S - 1)
        assert ended(desk) == []
        await desk.pass_s(1)
        assert ended(desk) == [Rejected(Cause.SIGNAL_EXPIRED, "expired while held by wallet0: operator")]
        assert desk.venue.signed == 0

    play(check)


@pytest.mark.parametrize(
    ("scope", "cause"),
    [(Scope(), "deficit:wallet1"), (Scope(), "unknown_signature:wallet0"), (Scope(W0), "quarantine")],
)
def test_a_possible_theft_rejects_a_withdrawal_at_once(scope: Scope, cause: str) -> None:
    async def check(desk: Desk) -> None:
        await does(desk, AddHold(Scope(), "operator", "lunch"), AddHold(scope, cause, "looks odd"))
        await desk.pass_s(1)
        (outcome,) = ended(desk)
        assert isinstance(outcome, Rejected)
        assert (outcome.cause, cause in outcome.detail) == (Cause.STOPPED, True)

    play(check)


def test_a_stop_file_rejects_a_withdrawal_at_once() -> None:
    async def check(desk: Desk) -> None:
        desk.stop_file = True
        await desk.pass_s(1)
        assert ended(desk) == [Rejected(Cause.STOPPED, "STOP file")]

    play(check)


def test_a_held_withdrawal_can_be_cancelled() -> None:
    async def check(desk: Desk) -> None:
        await does(desk, AddHold(Scope(W0), "operator", "lunch"))
        await desk.pass_s(2 * DELAY_S)
        await does(desk, CancelMove(MOVE, "a mistake"), LiftHold(Scope(W0), "operator", "back"))
        await desk.pass_s(DELAY_S)
        assert ended(desk) == [Rejected(Cause.CANCELLED, "a mistake")]
        assert desk.venue.signed == 0

    play(check)


def test_a_hold_that_comes_while_it_is_signed_makes_it_wait_and_it_is_signed_anew() -> None:
    async def check(desk: Desk) -> None:
        desk.venue.while_signing = lambda: desk.engine.handle(AddHold(Scope(W0), "operator", "lunch"))
        await desk.pass_s(DELAY_S)
        assert (desk.venue.signed, signed(desk)) == (1, False)
        await does(desk, LiftHold(Scope(W0), "operator", "back"))
        await desk.pass_s(1)
        assert (desk.venue.signed, len(desk.venue.sends)) == (2, 1)

    play(check)


def test_a_hold_that_comes_after_it_was_signed_ends_sending_and_not_following() -> None:
    async def check(desk: Desk) -> None:
        await desk.pass_s(DELAY_S)
        await does(desk, AddHold(Scope(W0), "operator", "lunch"))
        await desk.pass_s(10 * RESEND_S)
        assert (len(desk.venue.sends), ended(desk)) == (1, [])
        desk.venue.outcomes[MOVE] = FILLED
        await desk.pass_s(POLL_S)
        assert ended(desk) == [FILLED]

    play(check)


def test_a_silent_venue_and_a_hold_do_not_add_up() -> None:
    async def check(desk: Desk) -> None:
        desk.venue.silent = True
        await desk.pass_s(DELAY_S + 10)
        await does(desk, AddHold(Scope(), "operator", "lunch"))
        desk.venue.silent = False
        await desk.pass_s(10)
        assert (desk.venue.signed, ended(desk)) == (0, [])
        await does(desk, LiftHold(Scope(), "operator", "back"))
        await desk.pass_s(1)
        assert len(desk.venue.sends) == 1

    play(check)
