"""What waits for the disk, and what a full disk, a restart and a late reader must not break (specification §7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from tests.desk.test_executor import Desk, running
from tests.desk.test_paying import DELAY_S, FILLED, MOVE, SETTINGS, WISH, does
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.commands import AddHold, CancelMove, EmergencyStop, LiftHold
from overmind.core.model.controls import Scope
from overmind.core.model.events import Entry, Event, HoldLifted, OrderPlaced, TicketRecorded
from overmind.core.model.ids import SOL
from overmind.core.model.units import NS
from overmind.desk.engine import Bounds, Engine
from overmind.desk.executor import FINAL_POLL_S, POLL_S, RESEND_S
from overmind.journal.memory import MemoryJournal

HELD = AddHold(Scope(), "operator", "wait")
LIFTED = LiftHold(Scope(), "operator", "go on")


class WaitingJournal(MemoryJournal):
    """A batch with an event of the kind `waits_for` waits until the test lets one through. The disk may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.waits_for: type[Event] | None = None
        self.may_write = asyncio.Semaphore(0)
        self.full: str | None = None

    async def append(self, entries: Sequence[Entry]) -> None:
        if self.waits_for is not None and any(isinstance(entry.event, self.waits_for) for entry in entries):
            await self.may_write.acquire()
        await super().append(entries)

    @property
    def degraded(self) -> str | None:
        return self.full


def play(check: Callable[[Desk, WaitingJournal], Awaitable[None]]) -> None:
    async def run() -> None:
        journal = WaitingJournal()
        async with running(journal, settings=SETTINGS) as desk:
            await check(desk, journal)

    asyncio.run(run())


def test_nothing_is_sent_before_its_ticket_is_durable() -> None:
    async def check(desk: Desk, journal: WaitingJournal) -> None:
        journal.waits_for = TicketRecorded
        await desk.place()
        assert (desk.venue.signed, desk.venue.sends) == (1, [])
        journal.may_write.release()
        await desk.settle()
        assert len(desk.venue.sends) == 1

    play(check)


def test_a_stop_while_the_ticket_becomes_durable_ends_the_order_unsent() -> None:
    async def check(desk: Desk, journal: WaitingJournal) -> None:
        journal.waits_for = TicketRecorded
        await desk.place()
        desk.engine.post(EmergencyStop("enough"))
        journal.may_write.release()
        await desk.settle()
        assert desk.names() == ["TicketRecorded", "OrderClosed"]
        assert not desk.venue.sends

    play(check)


def test_nothing_is_sent_before_a_lifted_hold_is_durable() -> None:
    """After a crash the hold would be there again, and the send would have ignored it."""

    async def check(desk: Desk, journal: WaitingJournal) -> None:
        await desk.place()
        await does(desk, HELD)
        await desk.pass_s(2 * RESEND_S)
        assert len(desk.venue.sends) == 1
        journal.waits_for = HoldLifted
        desk.engine.post(LIFTED)
        await desk.pass_s(2 * RESEND_S)
        assert not desk.engine.state.holds
        assert len(desk.venue.sends) == 1
        journal.may_write.release()
        await desk.pass_s(2 * RESEND_S)
        assert len(desk.venue.sends) > 1

    play(check)


def test_an_answer_waits_for_its_own_batch() -> None:
    async def check(desk: Desk, journal: WaitingJournal) -> None:
        journal.waits_for = OrderPlaced
        first = asyncio.create_task(desk.place(1))
        await desk.settle()
        second = asyncio.create_task(desk.place(2))
        await desk.settle()
        journal.may_write.release()
        await first
        await desk.settle()
        assert not second.done()
        journal.may_write.release()
        await second

    play(check)


def test_a_clock_that_was_set_back_does_not_set_the_journal_back() -> None:
    async def run() -> None:
        async with running(settings=SETTINGS) as first:
            await first.place()
        async with running(first.journal, SteppingClock(START_NS - NS), settings=SETTINGS) as second:
            await does(second, HELD)
        times = [entry.at_ns for entry in first.journal.read()]
        assert len(times) > 1
        assert times == sorted(times)
        assert second.engine.state.holds.keys() == {"operator"}

    asyncio.run(run())


def test_a_stop_ends_a_send_that_waits_for_its_turn() -> None:
    """A node may make requests wait; each asks again right before it is sent."""

    async def check(desk: Desk, journal: WaitingJournal) -> None:
        await desk.place()
        assert desk.venue.allowed()
        desk.engine.post(EmergencyStop("enough"))
        assert not desk.venue.allowed()

    play(check)


def test_work_that_closed_before_it_was_heard_of_is_skipped() -> None:
    async def check(desk: Desk, journal: WaitingJournal) -> None:
        desk.engine.post(WISH)
        desk.engine.post(CancelMove(MOVE, "a mistake"))
        await desk.place()
        assert len(desk.venue.sends) == 1

    play(check)


def test_a_restart_follows_a_move_that_is_not_final() -> None:
    async def run() -> None:
        async with running(settings=SETTINGS) as first:
            await does(first, WISH)
            await first.pass_s(DELAY_S)
            first.venue.outcomes[MOVE] = FILLED
            await first.pass_s(POLL_S)
            assert MOVE in first.engine.state.provisional_moves
        async with running(first.journal, first.clock, settings=SETTINGS) as second:
            second.venue.finals[MOVE] = FILLED
            await second.pass_s(FINAL_POLL_S)
            assert MOVE not in second.engine.state.provisional_moves

    asyncio.run(run())


def test_a_full_disk_holds_all_entries() -> None:
    async def check(desk: Desk, journal: WaitingJournal) -> None:
        await desk.place()
        assert not desk.engine.state.holds
        journal.full = "no space left on the device"
        await desk.place(2)
        assert desk.engine.state.holds["disk_full"].reason == journal.full

    play(check)


def test_a_full_disk_does_not_hinder_a_shutdown() -> None:
    async def run() -> None:
        journal = WaitingJournal()
        engine = Engine(journal, SteppingClock(START_NS))
        writing = asyncio.create_task(engine.run())
        for command in opening(bench_desk(2), bench_wallets(2)):
            await engine.handle(command)
        journal.full = "no space left on the device"
        engine.post(HELD)
        await engine.close()
        await asyncio.sleep(0)
        assert not writing.done()
        assert engine.durable_seq == engine.state.seq
        writing.cancel()

    asyncio.run(run())


def test_a_duplicate_gets_its_first_answer_also_after_a_restart() -> None:
    async def run() -> None:
        async with running(settings=SETTINGS) as first:
            signal = buy(1, SOL, START_NS).signal
            answered = await first.engine.submit(signal)
            again = await first.engine.submit(signal)
            assert (again.duplicate, again.events) == (True, answered.events)
            await first.engine.close()
        async with running(first.journal, first.clock, settings=SETTINGS) as second:
            assert not second.engine.state.decided
            again = await second.engine.submit(signal)
            assert (again.duplicate, again.events) == (True, answered.events)

    asyncio.run(run())


def test_an_id_is_remembered_until_the_journal_knows_it() -> None:
    """Whatever the bound says: of two signals with one id that come at once, the second is a duplicate."""

    async def run() -> None:
        journal = WaitingJournal()
        engine = Engine(journal, SteppingClock(START_NS), Bounds(ids_kept_max=1))
        writing = asyncio.create_task(engine.run())
        for command in opening(bench_desk(2), bench_wallets(2)):
            await engine.handle(command)
        journal.waits_for = OrderPlaced
        told = []
        for batch in (range(1), range(1, 4)):
            told += [asyncio.create_task(engine.submit(buy(n, SOL, START_NS).signal)) for n in batch]
            await asyncio.sleep(0.0)
            await asyncio.sleep(0.0)
        journal.may_write.release()
        first = await told[0]
        assert list(engine.state.decided) == ["signal-1", "signal-2", "signal-3"]
        again = [asyncio.create_task(engine.submit(buy(n, SOL, START_NS).signal)) for n in range(4)]
        journal.may_write.release()
        answers = await asyncio.gather(*told, *again)
        assert [one.duplicate for one in answers] == [False] * 4 + [True] * 4
        assert [one.events for one in answers[:4]] == [one.events for one in answers[4:]]
        assert (answers[4].seq, list(engine.state.decided)) == (first.seq, ["signal-3"])
        writing.cancel()

    asyncio.run(run())
