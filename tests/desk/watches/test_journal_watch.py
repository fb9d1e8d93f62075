"""A full disk, another program's lock and a lost folder: what the desk still does, and what its log says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import structlog
from bench.desks import START_NS, bench_wallets, buy, opening
from msgspec import structs
from tests.desk.watches.test_timers import OTHER, Desk, running

from overmind.clock.virtual import run_virtual
from overmind.core.control.holds import DISK_FULL
from overmind.core.model.commands import ChangeMints, EmergencyStop, LiftHold, RecordTicket
from overmind.core.model.controls import MintVerb, Scope
from overmind.core.model.enums import TradeAction
from overmind.core.model.events import Entry, OrderPlaced, PricesMarked, SignalRefused
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.money import Mark
from overmind.core.model.order import Ticket
from overmind.core.model.signal import Signal
from overmind.desk.engine import DiskFull, Engine
from overmind.desk.watches.journal_watch import ALARM_EVERY_S, ALARM_S, TOLD_EVERY_BYTES, JournalWatch
from overmind.desk.watches.timers import FULL_MARK_EVERY_S
from overmind.journal.database import RESERVE_BYTES
from overmind.journal.memory import MemoryJournal
from overmind.ports import JournalFailed, Storage

DAY_S = 86_400


class Troubled(MemoryJournal):
    """A journal on a disk whose state a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.full: str | None = None
        self.reserve_bytes = RESERVE_BYTES
        self.locked: str | None = None
        self.gone: str | None = None
        self._unlocked = asyncio.Event()

    async def append(self, entries: Sequence[Entry]) -> None:
        if self.locked:
            await self._unlocked.wait()
        await super().append(entries)

    def unlock(self) -> None:
        self.locked = None
        self._unlocked.set()

    def storage(self) -> Storage:
        if self.gone:
            raise JournalFailed(self.gone)
        return Storage(self.locked, self.reserve_bytes if self.full else None)

    @property
    def degraded(self) -> str | None:
        return self.full


@asynccontextmanager
async def bought(tmp_path: Path) -> AsyncIterator[tuple[Desk, Troubled]]:
    """A desk that has bought $100 of a token at 150, with a stop at 5 %."""
    journal = Troubled()
    async with running(journal, tmp_path) as desk:
        await desk.buy()
        yield desk, journal


async def fill(desk: Desk, journal: Troubled) -> None:
    journal.full = "the disk is full"
    await desk.clock.sleep(2)
    assert DISK_FULL in desk.engine.state.holds


def watch_of(desk: Desk) -> JournalWatch:
    return JournalWatch(desk.engine, desk.journal, desk.seen, desk.clock)


def sale(name: str, desk: Desk, mint: Mint = OTHER) -> Signal:
    """A sale of the strategy that has bought."""
    bought = buy(1, mint, desk.clock.now_ns()).signal
    return structs.replace(
        bought, id=SignalId(name), action=TradeAction.MARKET_SELL, notional_micros=None, quantity=Decimal("0.1")
    )


# A full disk


def test_a_signal_on_a_full_disk_is_no_decision_and_its_id_stays_free(tmp_path: Path) -> None:
    async def play() -> None:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            seq, signal = desk.engine.state.seq, buy(7, OTHER, desk.clock.now_ns()).signal
            for _ in range(3):
                with pytest.raises(DiskFull, match="make room"):
                    await desk.engine.submit(signal)
            assert desk.engine.state.seq == seq, "nothing was spent on it"
            assert (await desk.engine.submit(buy(1, OTHER, START_NS).signal)).duplicate, "known answers are still given"

    run_virtual(play())


def test_a_sale_of_what_is_held_is_taken_on_a_full_disk_and_one_of_nothing_is_not(tmp_path: Path) -> None:
    async def play() -> None:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            answer = await desk.engine.submit(sale("some", desk))
            assert isinstance(answer.events[0], OrderPlaced)
            unheld = next(mint for mint in desk.engine.state.settings.tokens if mint != OTHER)
            with pytest.raises(DiskFull, match="would be refused"):
                await desk.engine.submit(sale("nothing", desk, unheld))
            assert not any(isinstance(entry.event, SignalRefused) for entry in desk.journal.read())

    run_virtual(play())


def test_stops_are_taken_on_a_full_disk_and_what_can_wait_is_not(tmp_path: Path) -> None:
    async def play() -> None:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            with pytest.raises(DiskFull):
                await desk.engine.handle(ChangeMints(MintVerb.BLOCK, OTHER, "ops", "why not"))
            assert await desk.engine.handle(EmergencyStop("the disk is full"))

    run_virtual(play())


def test_a_stop_loss_is_sold_at_once_on_a_full_disk(tmp_path: Path) -> None:
    async def play() -> list[str]:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            await desk.clock.sleep(FULL_MARK_EVERY_S // 2)
            desk.fall(12)
            await desk.clock.sleep(2)
            return desk.exits()

    assert run_virtual(play()) == [f"stop:wallet0:{OTHER}:0", "Filled"]


def test_a_price_around_its_stop_does_not_eat_the_reserve(tmp_path: Path) -> None:
    async def play() -> int:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            before = sum(isinstance(entry.event, PricesMarked) for entry in desk.journal.read())
            for percent in (12, 0) * 60:
                desk.seen.fall(OTHER, percent)  # The venue does not confirm it, so nothing is sold.
                await desk.clock.sleep(1)
            return sum(isinstance(entry.event, PricesMarked) for entry in desk.journal.read()) - before

    assert run_virtual(play()) <= 2 * (120 // FULL_MARK_EVERY_S + 1)


def test_the_reserve_lasts_a_day_of_marks(tmp_path: Path) -> None:
    """Twice what the marks of ten tokens need as JSON: a page of the journal is seldom quite full."""

    async def play() -> int:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            seq = desk.engine.state.seq
            await desk.clock.sleep(DAY_S / 24)
            return len(list(desk.journal.read(seq)))

    an_hour = run_virtual(play())
    marks = tuple(Mark(OTHER, 10**15 + n, START_NS + n) for n in range(10))
    entry_bytes = len(msgspec.json.encode(PricesMarked(marks))) + 64
    assert 3_600 // FULL_MARK_EVERY_S - 1 <= an_hour <= 3_600 // FULL_MARK_EVERY_S + 5
    assert 24 * an_hour * entry_bytes * 2 <= RESERVE_BYTES


def test_the_log_says_what_is_left_of_the_reserve(tmp_path: Path) -> None:
    async def play() -> list[int]:
        async with bought(tmp_path) as (desk, journal):
            watch, journal.full = watch_of(desk), "the disk is full"
            with structlog.testing.capture_logs() as lines:
                for _ in range(4):
                    watch.look()
                    watch.look()
                    journal.reserve_bytes -= TOLD_EVERY_BYTES
            return [line["reserve_left_kb"] for line in lines if line["event"] == "the disk is full"]

    kb = RESERVE_BYTES // 1024
    assert run_virtual(play()) == [kb, kb - 1024, kb - 2048, kb - 3072]


# Another program's lock


def levels(lines: Sequence[structlog.types.EventDict]) -> list[tuple[str, str]]:
    return [(line["log_level"], line["event"]) for line in lines if "locked" in line["event"]]


def test_a_long_lock_is_an_alarm_louder_with_an_exit_due_and_its_end_is_told(tmp_path: Path) -> None:
    async def play() -> list[tuple[str, str]]:
        async with bought(tmp_path) as (desk, journal):
            watch = watch_of(desk)
            watching = asyncio.create_task(watch.run())
            with structlog.testing.capture_logs() as lines:
                journal.locked = "another program keeps it locked"
                await desk.clock.sleep(ALARM_S - 1)
                assert levels(lines) == []
                await desk.clock.sleep(2)
                desk.fall(12)
                await desk.clock.sleep(1)
                assert len(levels(lines)) == 2
                await desk.clock.sleep(ALARM_EVERY_S)
                assert not [one for one in desk.exits() if one.startswith("stop")], "nothing was told or sent"
                journal.unlock()
                await desk.clock.sleep(5)
            watching.cancel()
            assert desk.exits() == [f"stop:wallet0:{OTHER}:0", "Filled"], "what waited went on"
            return levels(lines)

    assert run_virtual(play()) == [
        ("error", "the journal is locked"),
        ("critical", "the journal is locked and exits are due"),
        ("critical", "the journal is locked and exits are due"),
        ("warning", "the journal is not locked any more; what waited was written"),
    ]


# A lost folder


def test_a_lost_folder_ends_the_desk_and_the_log_names_what_is_under_way(tmp_path: Path) -> None:
    async def play() -> list[str]:
        async with bought(tmp_path) as (desk, journal):
            engine = Engine(MemoryJournal(), desk.clock)  # Nobody executes its orders.
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(engine.run())
                for command in opening(desk.engine.state.settings, bench_wallets(1)):
                    await engine.handle(command)
                await engine.submit(buy(8, OTHER, START_NS).signal)
                ticket = Ticket("a signature", b"bytes")
                await engine.handle(RecordTicket(next(iter(engine.state.open_orders)), ticket))
                writing.cancel()
            journal.gone = "the folder was deleted"
            watch = JournalWatch(engine, journal, desk.seen, desk.clock)
            with structlog.testing.capture_logs() as lines, pytest.raises(JournalFailed, match="was deleted"):
                watch.look()
            return [line["signature"] for line in lines if line["event"] == "under way"]

    assert run_virtual(play()) == ["a signature"]


def test_ids_are_free_again_after_a_full_disk(tmp_path: Path) -> None:
    async def play() -> str:
        async with bought(tmp_path) as (desk, journal):
            await fill(desk, journal)
            wanted = structs.replace(buy(7, OTHER, desk.clock.now_ns()).signal, id=SignalId("later"))
            with pytest.raises(DiskFull):
                await desk.engine.submit(wanted)
            journal.full = None
            await desk.engine.handle(LiftHold(Scope(), DISK_FULL, "there is room"))
            return type((await desk.engine.submit(structs.replace(wanted, at_ns=None))).events[0]).__name__

    assert run_virtual(play()) == "OrderPlaced"
