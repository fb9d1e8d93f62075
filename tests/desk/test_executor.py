"""The executor with a venue: it follows what it sent until the outcome is final, through any restart.

See specification §7.7.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest
from bench.desks import PRICE_PICO, START_NS, bench_desk, bench_wallets, buy, marks, opening
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.commands import ConfigureDesk, EmergencyStop
from overmind.core.model.desk_settings import Desk as Settings
from overmind.core.model.events import Event, OrderClosed, OrderFinal, OrderPlaced, OrderRolledBack, TicketRecorded
from overmind.core.model.ids import SOL, OrderId
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import NS, units_of
from overmind.desk.admission import AdmissionWatch
from overmind.desk.crowd import TURN_MAX
from overmind.desk.engine import Engine
from overmind.desk.executor import FINAL_POLL_S, POLL_S, RESEND_S, Executor
from overmind.desk.times import DeskTimes
from overmind.journal.memory import MemoryJournal
from overmind.ports import Allowed, VenueUnavailable, always


class Venue:
    """Fills at the mark. A test sets the outcome of an order; before that it is unknown."""

    def __init__(self, clock: SteppingClock, provisional: bool) -> None:
        self.provisional = provisional
        self.clock = clock
        self.outcomes: dict[OrderId, Outcome] = {}
        self.finals: dict[OrderId, Outcome] = {}
        self.silent = False
        self.offers: Ticket | None = None  # instead of one of its own
        self.price_pico = PRICE_PICO  # of its quotes
        self.signed = 0
        self.sends: list[tuple[int, Ticket]] = []
        self.allowed: Allowed = always  # what the newest send was given
        self.looks: list[int] = []
        self.final_looks: list[int] = []
        self.waits: list[float] = []
        self.news = asyncio.Event()
        self.while_signing: Callable[[], Awaitable[object]] | None = None  # called once while it signs

    async def quote(self, order: Order) -> Quote | Rejected:
        received = units_of(order.spend.units, self.price_pico, 9)
        return Quote(order.id, order.spend, order.receive, received, order.received_min, 0)

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        happens, self.while_signing = self.while_signing, None
        if happens is not None:
            await happens()
        self.signed += 1
        return self.offers or Ticket(f"signature of {order.id}", b"bytes")

    async def transfer(self, move: Move) -> Ticket | Rejected:
        self._speak()
        happens, self.while_signing = self.while_signing, None
        if happens is not None:
            await happens()
        self.signed += 1
        return Ticket(f"signature of {move.id}", b"bytes")

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        self.sends.append((self.clock.now_ns(), ticket))
        self.allowed = allowed
        self._speak()

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        self.looks.append(self.clock.now_ns())
        self._speak()
        return self.outcomes.get(work.id)

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        self.final_looks.append(self.clock.now_ns())
        self._speak()
        assert self.outcomes.get(work.id, booked) == booked
        return self.finals.get(work.id)

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        self.waits.append(seconds)
        sleep, news = asyncio.create_task(self.clock.sleep(seconds)), asyncio.create_task(self.news.wait())
        try:
            await asyncio.wait((sleep, news), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sleep, news):
                task.cancel()

    def _speak(self) -> None:
        if self.silent:
            raise VenueUnavailable("no answer")


class Desk:
    """Engine and executor over a journal that outlives them."""

    def __init__(
        self,
        journal: MemoryJournal,
        clock: SteppingClock,
        provisional: bool,
        wallets_max: int,
        looks: Callable[[Engine], AdmissionWatch] | None = None,
    ) -> None:
        self.journal = journal
        self.clock = clock
        self.engine = Engine(journal, clock)
        self.venue = Venue(clock, provisional)
        self.stop_file = False
        self.admission = None if looks is None else looks(self.engine)
        self.times = DeskTimes()
        self.executor = Executor(
            self.engine, self.venue, clock, wallets_max, lambda: self.stop_file, self.admission, self.times
        )

    async def place(self, number: int = 1) -> Order:
        answered = await self.engine.submit(buy(number, SOL, self.clock.now_ns()).signal)
        await self.settle()
        placed = answered.events[0]
        assert isinstance(placed, OrderPlaced), placed
        return placed.order

    async def pass_s(self, seconds: float) -> None:
        """Lets time pass and wakes each sleeper at its own time."""
        end_ns = self.clock.now_ns() + round(seconds * NS)
        await self.settle()
        while (due_ns := self.clock.next_due_ns()) is not None and due_ns <= end_ns:
            self.clock.advance_to(due_ns)
            await self.settle()
        self.clock.advance_to(end_ns)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    def told(self) -> list[Event]:
        kinds = (TicketRecorded, OrderClosed, OrderFinal, OrderRolledBack)
        return [entry.event for entry in self.journal.read() if isinstance(entry.event, kinds)]

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.told()]


@asynccontextmanager
async def running(
    journal: MemoryJournal | None = None,
    clock: SteppingClock | None = None,
    provisional: bool = True,
    settings: Settings | None = None,
    wallets_max: int = 10,
    looks: Callable[[Engine], AdmissionWatch] | None = None,
) -> AsyncIterator[Desk]:
    """Starts a desk: it is configured before the executor runs."""
    journal = journal or MemoryJournal()
    fresh = next(journal.read(), None) is None
    desk = Desk(journal, clock or SteppingClock(START_NS), provisional, wallets_max, looks)
    tasks = [asyncio.create_task(desk.engine.run())]
    settings = settings or bench_desk(2)
    for command in opening(settings, bench_wallets(2)) if fresh else [ConfigureDesk(settings)]:
        await desk.engine.handle(command)
    tasks.append(asyncio.create_task(desk.executor.run()))
    try:
        yield desk
    finally:
        for task in reversed(tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def play(check: Callable[[Desk], Awaitable[None]], provisional: bool = True) -> None:
    async def run() -> None:
        async with running(provisional=provisional) as desk:
            await check(desk)

    asyncio.run(run())


def fill(order: Order) -> Filled:
    return Filled(order.spend.units, order.received_min, 5_000, slot=7)


def test_outcomes_that_come_together_are_booked_a_few_in_a_turn() -> None:
    async def check(desk: Desk) -> None:
        orders = [await desk.place(number) for number in range(3 * TURN_MAX)]
        desk.venue.outcomes = {order.id: fill(order) for order in orders}
        desk.venue.news.set()
        left = [len(desk.engine.state.open_orders)]
        while left[-1]:
            await asyncio.sleep(0)
            left.append(len(desk.engine.state.open_orders))
        assert left[0] == 3 * TURN_MAX
        assert max(before - after for before, after in pairwise(left)) == TURN_MAX

    play(check)


def test_a_provisional_outcome_is_followed_until_it_is_final() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        desk.venue.outcomes[order.id] = fill(order)
        await desk.pass_s(POLL_S)
        assert desk.names() == ["TicketRecorded", "OrderClosed"]
        assert order.id in desk.engine.state.provisional
        await desk.pass_s(10 * FINAL_POLL_S)
        assert desk.names() == ["TicketRecorded", "OrderClosed"]
        gaps = {later - earlier for earlier, later in pairwise(desk.venue.final_looks)}
        assert gaps == {FINAL_POLL_S * NS}
        desk.venue.finals[order.id] = fill(order)
        await desk.pass_s(FINAL_POLL_S)
        assert desk.names() == ["TicketRecorded", "OrderClosed", "OrderFinal"]
        looks = len(desk.venue.final_looks)
        await desk.pass_s(10 * FINAL_POLL_S)
        assert len(desk.venue.final_looks) == looks
        assert len(desk.venue.sends) == 1

    play(check)


def test_an_outcome_that_a_fork_undid_is_rolled_back() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        desk.venue.outcomes[order.id] = fill(order)
        await desk.pass_s(POLL_S)
        desk.venue.finals[order.id] = Expired()
        await desk.pass_s(FINAL_POLL_S)
        assert desk.told()[-1] == OrderRolledBack(order.id, Expired())
        assert not desk.engine.state.provisional
        assert len(desk.venue.sends) == 1

    play(check)


def test_a_failed_outcome_is_followed_until_final() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        failed = Failed(5_000, Cause.SLIPPAGE)
        desk.venue.outcomes[order.id] = failed
        await desk.pass_s(POLL_S)
        desk.venue.finals[order.id] = failed
        await desk.pass_s(FINAL_POLL_S)
        assert desk.names() == ["TicketRecorded", "OrderClosed", "OrderFinal"]

    play(check)


def test_an_expiry_is_final_at_once() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        desk.venue.outcomes[order.id] = Expired()
        await desk.pass_s(POLL_S)
        await desk.pass_s(2 * FINAL_POLL_S)
        assert desk.told()[1] == OrderClosed(order.id, Expired(), provisional=False)
        assert not desk.venue.final_looks

    play(check)


def test_a_venue_without_forks_is_never_asked_for_the_final() -> None:
    async def check(desk: Desk) -> None:
        for number in (1, 2, 3):
            order = await desk.place(number)
            desk.venue.outcomes[order.id] = fill(order)
        await desk.pass_s(10 * FINAL_POLL_S)
        closed = [event for event in desk.told() if isinstance(event, OrderClosed)]
        assert [event.provisional for event in closed] == [False] * 3
        assert "OrderFinal" not in desk.names()
        assert not desk.venue.final_looks

    play(check, provisional=False)


def test_an_order_counts_as_sent_once_a_node_took_it() -> None:
    async def check(desk: Desk) -> None:
        desk.venue.silent = True
        order = await desk.place()
        assert len(desk.venue.sends) == 1
        assert desk.times.first_sent == {}
        desk.venue.silent = False
        await desk.pass_s(RESEND_S + POLL_S)
        (sent_ns,) = (at_ns for work_id, at_ns in desk.times.first_sent.items() if work_id == order.id)
        assert sent_ns == desk.venue.sends[-1][0]

    play(check)


def test_a_silent_venue_is_asked_again_for_the_final() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        desk.venue.outcomes[order.id] = desk.venue.finals[order.id] = fill(order)
        desk.venue.silent = True
        await desk.pass_s(3)
        desk.venue.silent = False
        await desk.pass_s(POLL_S)
        desk.venue.silent = True
        await desk.pass_s(3 * FINAL_POLL_S)
        desk.venue.silent = False
        await desk.pass_s(FINAL_POLL_S)
        assert desk.names() == ["TicketRecorded", "OrderClosed", "OrderFinal"]

    play(check)


@pytest.mark.parametrize("final", ["filled", "expired"])
def test_a_restart_takes_up_what_is_not_final(final: str) -> None:
    async def run() -> None:
        async with running() as first:
            order = await first.place()
            first.venue.outcomes[order.id] = fill(order)
            await first.pass_s(2 * FINAL_POLL_S)
            assert first.names() == ["TicketRecorded", "OrderClosed"]
        async with running(first.journal, first.clock) as second:
            await second.settle()
            assert second.venue.final_looks
            assert not (second.venue.signed)
            assert not (second.venue.sends)
            assert not (second.venue.looks)
            second.venue.finals[order.id] = fill(order) if final == "filled" else Expired()
            await second.pass_s(FINAL_POLL_S)
            assert second.names()[2:] == ["OrderFinal" if final == "filled" else "OrderRolledBack"]
        async with running(first.journal, first.clock) as third:
            await third.pass_s(FINAL_POLL_S)
            assert not third.venue.final_looks

    asyncio.run(run())


def test_a_restart_follows_what_was_signed_and_signs_nothing_again() -> None:
    async def run() -> None:
        async with running() as first:
            order = await first.place()
            await first.pass_s(POLL_S)
            ((_, sent),) = first.venue.sends
        async with running(first.journal, first.clock) as second:
            await second.pass_s(RESEND_S + POLL_S)
            assert not second.venue.signed
            assert [ticket for _, ticket in second.venue.sends] == [sent]
            second.venue.outcomes[order.id] = fill(order)
            await second.pass_s(POLL_S)
            assert second.names() == ["TicketRecorded", "OrderClosed"]

    asyncio.run(run())


def test_the_same_bytes_are_sent_again_once_a_second_and_looked_for_more_often() -> None:
    async def check(desk: Desk) -> None:
        await desk.place()
        await desk.pass_s(10)
        times = [at_ns for at_ns, _ in desk.venue.sends]
        assert 8 <= len(times) <= 11
        assert all(RESEND_S * NS <= later - earlier < 2 * RESEND_S * NS for earlier, later in pairwise(times))
        assert len({ticket for _, ticket in desk.venue.sends}) == 1
        assert len(desk.venue.looks) > 3 * len(times)
        assert set(desk.venue.waits) == {POLL_S}
        assert desk.venue.signed == 1

    play(check)


def test_a_send_that_is_not_answered_is_no_outcome() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        desk.venue.silent = True
        await desk.pass_s(20)
        assert order.id in desk.engine.state.open_orders
        assert len(desk.venue.sends) > 5
        desk.venue.silent = False
        desk.venue.outcomes[order.id] = fill(order)
        await desk.pass_s(POLL_S)
        assert order.id not in desk.engine.state.open_orders

    play(check)


def test_news_are_looked_at_before_the_time_is_up() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        at_ns = desk.clock.now_ns()
        desk.venue.outcomes[order.id] = fill(order)
        desk.venue.news.set()
        await desk.settle()
        assert desk.names() == ["TicketRecorded", "OrderClosed"]
        assert desk.clock.now_ns() == at_ns

    play(check)


def test_a_stop_and_the_end_of_its_time_end_sending_and_not_following() -> None:
    for ending in ("stop", "time"):

        async def check(desk: Desk, ending: str = ending) -> None:
            order = await desk.place()
            if ending == "stop":
                await desk.engine.handle(EmergencyStop("enough"))
            else:
                await desk.pass_s(30)
                await desk.engine.handle(marks(bench_desk(2), desk.clock.now_ns()))
            sent = len(desk.venue.sends)
            await desk.pass_s(10)
            assert len(desk.venue.sends) == sent
            desk.venue.outcomes[order.id] = fill(order)
            await desk.pass_s(POLL_S)
            desk.venue.finals[order.id] = fill(order)
            await desk.pass_s(FINAL_POLL_S)
            assert desk.names() == ["TicketRecorded", "OrderClosed", "OrderFinal"]

        play(check)


def test_idle_does_not_wait_for_the_final() -> None:
    async def check(desk: Desk) -> None:
        order = await desk.place()
        waiting = asyncio.create_task(desk.executor.idle())
        await desk.pass_s(1)
        assert not waiting.done()
        desk.venue.outcomes[order.id] = fill(order)
        await desk.pass_s(POLL_S)
        assert waiting.done()
        assert order.id in desk.engine.state.provisional

    play(check)


def test_an_expired_attempt_goes_on_in_another_wallet_and_a_rolled_back_one_does_not() -> None:
    async def check(desk: Desk) -> None:
        first = await desk.place()
        desk.venue.outcomes[first.id] = Expired()
        await desk.pass_s(POLL_S)
        (second,) = [known.order for known in desk.engine.state.open_orders.values()]
        assert second.wallet_id != first.wallet_id
        desk.venue.outcomes[second.id] = fill(second)
        await desk.pass_s(POLL_S)
        desk.venue.finals[second.id] = Expired()
        await desk.pass_s(FINAL_POLL_S)
        assert desk.names()[-1] == "OrderRolledBack"
        assert not desk.engine.state.open_orders

    play(check)


def test_the_transaction_of_another_order_is_neither_recorded_nor_sent() -> None:
    """A restart has forgotten what its venue signed; the journal has not."""

    async def run() -> None:
        async with running() as first:
            order = await first.place(1)
            first.venue.outcomes[order.id] = fill(order)
            await first.pass_s(POLL_S)
            signed = first.venue.sends[0][1]
        async with running(first.journal, first.clock) as second:
            second.venue.offers = signed
            await second.place(2)
            closed = [event for event in second.told() if isinstance(event, OrderClosed)]
            assert isinstance(closed[-1].outcome, Rejected)
            assert closed[-1].outcome.detail == f"the same transaction was recorded for order {order.id}"
            assert signed not in [ticket for _, ticket in second.venue.sends]

    asyncio.run(run())


def test_a_quote_that_is_off_the_mark_is_not_signed() -> None:
    async def check(desk: Desk) -> None:
        desk.venue.price_pico = PRICE_PICO // 2
        await desk.place()
        assert not desk.venue.signed
        (closed,) = {event.outcome.cause for event in desk.told() if isinstance(event, OrderClosed)}
        assert closed is Cause.QUOTE_OFF_MARK

    play(check)
