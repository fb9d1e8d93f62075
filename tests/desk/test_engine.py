"""The engine's promises: no answer before it is durable, and a clear refusal when it is full (specification §7.5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest
from bench.desks import START_NS, USDC, bench_desk, bench_wallets, buy, opening
from msgspec import structs
from tests.support.stepping_clock import SteppingClock

from overmind.core.books.state import encode_state
from overmind.core.model.commands import (
    CancelMove,
    CommandRefused,
    ConfigureDesk,
    ConfigureWallet,
    MarkPrices,
    ReactivateWallet,
    SubmitSignal,
    Withdraw,
)
from overmind.core.model.enums import Split
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import SOL, OrderId, WalletId
from overmind.core.model.money import Mark, Money
from overmind.core.model.units import MICROS
from overmind.desk.engine import BOUNDS, Bounds, Engine, EngineBusy, EngineStopped
from overmind.journal.memory import MemoryJournal
from overmind.ports import JournalFailed, Snapshot

PAYING = structs.replace(bench_desk(3), withdraw_addresses=("bank",), withdraw_day_max_micros=10**9)
WISH = Withdraw("x", WalletId("wallet0"), Money(10**6, USDC.mint), "bank", "profits")


class SlowJournal(MemoryJournal):
    """Makes a batch durable when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.batches: list[int] = []
        self.broken = False

    async def append(self, entries: Sequence[Entry]) -> None:
        await self.may_write.wait()
        if self.broken:
            raise JournalFailed("the disk is gone")
        self.batches.append(len(entries))
        await super().append(entries)


@asynccontextmanager
async def running(bounds: Bounds = BOUNDS) -> AsyncIterator[tuple[Engine, SlowJournal, asyncio.Task[None]]]:
    journal = SlowJournal()
    engine = Engine(journal, SteppingClock(START_NS), bounds)
    writing = asyncio.create_task(engine.run())
    for command in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(command)
    yield engine, journal, writing
    writing.cancel()
    with suppress(asyncio.CancelledError, JournalFailed, EngineStopped):
        await writing


async def soon() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_nothing_is_told_or_published_before_it_is_durable() -> None:
    async def play() -> None:
        async with running() as (engine, journal, _):
            feed = engine.subscribe()
            journal.may_write.clear()
            told = asyncio.create_task(engine.submit(buy(1, SOL, START_NS).signal))
            seen = asyncio.create_task(engine.read(lambda state: len(state.open_orders)))
            heard = asyncio.create_task(feed.next())
            await soon()
            assert len(engine.state.open_orders) == 1, "decided at once"
            assert not any(waiting.done() for waiting in (told, seen, heard))
            journal.may_write.set()
            assert isinstance((await told).events[0], OrderPlaced)
            assert await seen == 1
            entries = await heard
            assert entries is not None
            assert [type(entry.event) for entry in entries] == [OrderPlaced]

    asyncio.run(play())


def test_a_refusal_is_told_only_after_its_facts_are_durable() -> None:
    """An operator who hears that a withdrawal failed asks again; after a crash the first one must not be open."""

    async def play() -> None:
        async with running() as (engine, journal, _):
            await engine.handle(ConfigureDesk(PAYING))
            await engine.handle(WISH)
            journal.may_write.clear()
            engine.post(CancelMove(OrderId("move:withdraw:x"), "a mistake"))
            told = asyncio.create_task(engine.handle(WISH))
            await soon()
            assert not told.done()
            journal.may_write.set()
            with pytest.raises(CommandRefused, match="ended without payment"):
                await told

    asyncio.run(play())


def test_while_one_batch_is_written_the_next_is_decided() -> None:
    async def play() -> None:
        async with running() as (engine, journal, _):
            journal.may_write.clear()
            del journal.batches[:]
            told = [asyncio.create_task(engine.submit(buy(n, SOL, START_NS).signal)) for n in range(50)]
            await soon()
            journal.may_write.set()
            await asyncio.gather(*told)
            assert sum(journal.batches) == 50
            assert len(journal.batches) <= 2

    asyncio.run(play())


def test_a_full_engine_refuses_and_decides_nothing() -> None:
    async def play() -> None:
        async with running(structs.replace(BOUNDS, inbox_max=3)) as (engine, journal, _):
            journal.may_write.clear()
            told = [asyncio.create_task(engine.submit(buy(n, SOL, START_NS).signal)) for n in range(3)]
            await soon()
            seq = engine.state.seq
            with pytest.raises(EngineBusy, match=r"3 entries are not durable yet \(at most 3\).*send it again later"):
                await engine.submit(buy(9, SOL, START_NS).signal)
            assert engine.state.seq == seq
            marked = asyncio.create_task(engine.handle(MarkPrices((Mark(SOL, 7, START_NS + 1),))))  # Never refused.
            journal.may_write.set()
            await asyncio.gather(*told, marked)
            assert not (await engine.submit(buy(9, SOL, START_NS).signal)).duplicate

    asyncio.run(play())


def test_a_journal_that_fails_stops_the_engine_for_good() -> None:
    async def play() -> None:
        async with running() as (engine, journal, writing):
            journal.may_write.clear()
            told = asyncio.create_task(engine.submit(buy(1, SOL, START_NS).signal))
            await soon()
            journal.broken = True
            journal.may_write.set()
            with pytest.raises(EngineStopped):
                await told
            with pytest.raises(JournalFailed):
                await writing
            with pytest.raises(EngineStopped):
                await engine.submit(buy(2, SOL, START_NS).signal)
            assert Engine(journal, SteppingClock(START_NS)).state.open_orders == {}

    asyncio.run(play())


def test_an_id_that_is_known_with_other_content_is_an_error() -> None:
    async def play() -> None:
        async with running() as (engine, _, _):
            first = await engine.submit(buy(1, SOL, START_NS).signal)
            again = await engine.submit(buy(1, SOL, START_NS + 5).signal)  # Only the time differs.
            assert (again.duplicate, again.events) == (True, first.events)
            other = structs.replace(first.events[0].signal, notional_micros=1)
            with pytest.raises(CommandRefused, match="known with other content"):
                await engine.submit(other)

    asyncio.run(play())


def test_a_reader_that_lags_too_far_is_told_that_it_lost_something() -> None:
    async def play() -> None:
        async with running(structs.replace(BOUNDS, feed_max=2)) as (engine, _, _):
            feed = engine.subscribe()
            for number in range(4):
                await engine.submit(buy(number, SOL, START_NS).signal)
            assert await feed.next() is None
            await engine.submit(buy(9, SOL, START_NS).signal)
            entries = await feed.next()
            assert entries is not None
            assert len(entries) == 1

    asyncio.run(play())


def test_a_refused_command_leaves_nothing_behind() -> None:
    async def play() -> None:
        async with running() as (engine, _, _):
            seq = engine.state.seq
            with pytest.raises(CommandRefused, match="no wallet 'nobody'"):
                await engine.handle(ReactivateWallet(WalletId("nobody"), "x"))
            assert engine.state.seq == seq
            assert await engine.handle(SubmitSignal(buy(1, SOL, START_NS).signal, START_NS))

    asyncio.run(play())


@pytest.mark.parametrize("foreign", [b"{}", b"not json", b'{"version":0}'])
def test_a_snapshot_of_another_version_is_replayed_instead(foreign: bytes) -> None:
    async def play() -> None:
        async with running() as (engine, journal, _):
            await engine.submit(buy(1, SOL, START_NS).signal)
            await engine.close()
            whole = encode_state(engine.state)
            await journal.save_snapshot(Snapshot(engine.state.seq, foreign))
            assert encode_state(Engine(journal, SteppingClock(START_NS)).state) == whole

    asyncio.run(play())


def test_the_parts_of_a_divided_buy_are_one_batch_and_one_answer_for_ever() -> None:
    async def play() -> None:
        async with running() as (engine, journal, _):
            for wallet in bench_wallets(2):
                limits = structs.replace(wallet.limits, position_max_micros=1_000 * MICROS)
                await engine.handle(ConfigureWallet(structs.replace(wallet, limits=limits)))
            signal = structs.replace(buy(1, SOL, START_NS).signal, notional_micros=1_500 * MICROS, split=Split.ALL)
            first = await engine.submit(signal)
            assert [event.order.id for event in first.events if isinstance(event, OrderPlaced)] == [
                "signal-1.0.0",
                "signal-1.1.0",
            ]
            assert journal.batches[-1] == 2
            again = await engine.submit(signal)
            assert (again.duplicate, again.events) == (True, first.events)
        restarted = Engine(journal, SteppingClock(START_NS))
        assert len(restarted.state.open_orders) == 2
        later = restarted.answer(restarted.begin(signal))
        assert (later.duplicate, later.events) == (True, first.events)

    asyncio.run(play())
