"""Snapshots and segments are made beside the desk; when that fails, the log says so and trading goes on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import structlog
from tests.support.sealing import folded, open_journal, traded, write

from overmind.clock.clocks import SystemClock
from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.books.state import encode_state
from overmind.core.model.commands import AddHold, CommandRefused
from overmind.core.model.controls import Scope
from overmind.core.model.events import OrderPlaced
from overmind.core.model.units import NS
from overmind.desk.app import KEPT_BESIDE
from overmind.desk.engine import Engine
from overmind.desk.keeper import LOOK_EVERY_S, RETRY_S, STATES_EVERY_S, Keeper, KeeperFailed, KeeperProcess
from overmind.journal.kept.keeping import encode_for_explaining, keep_states
from overmind.journal.kept.near import NearStates
from overmind.journal.kept.store import STATES
from overmind.journal.segments.keeper_process import state_after
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock

ENTRIES = traded(1_500)
EVERY = 300


class InProcess:
    """The same work in this process. It fails as often as a test wants."""

    def __init__(self, path: Path, failures: int = 0) -> None:
        self._path = path
        self.failures = failures
        self.asked = 0
        self.kept = 0  # times that states were to be kept

    async def state_after(self, seq: int) -> bytes:
        self._fail()
        return state_after(self._path, seq)

    async def segments(self, entries_min: int, entries_max: int) -> AsyncGenerator[Sealed, None]:
        self._fail()
        for segment in sealed_segments(self._path, entries_min, entries_max):
            yield segment

    async def keep_states(self) -> bool:
        self.kept += 1
        self._fail()
        return keep_states(self._path, EVERY)

    def _fail(self) -> None:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise KeeperFailed("killed by a test")


@asynccontextmanager
async def desk(folder: Path, clock: Clock) -> AsyncIterator[tuple[Engine, SqliteJournal]]:
    await write(folder, ENTRIES, [1_000])
    journal = open_journal(folder)
    engine = Engine(journal, clock, KEPT_BESIDE)
    running = asyncio.create_task(engine.run())
    try:
        yield engine, journal
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        journal.close()


def test_a_process_makes_snapshots_and_segments(tmp_path: Path) -> None:
    async def run() -> None:
        async with desk(tmp_path, SystemClock()) as (engine, journal):
            maker = KeeperProcess(tmp_path / "overmind.db")
            keeper = Keeper(engine, journal, maker, SystemClock(), 400, EVERY)
            assert await keeper.keep()
            kept = journal.snapshot()
            assert kept is not None
            assert (kept.seq, kept.state) == (len(ENTRIES), encode_state(engine.state))
            assert sorted(path.name for path in (tmp_path / "segments").iterdir()) == [
                "000000000001-000000000400.seg",
                "000000000401-000000000800.seg",
            ]
            assert list(journal.read()) == ENTRIES
            assert await keeper.keep(), "nothing is due"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\necho oops >&2\nexit 3\n", "oops"),
        ("#!/bin/sh\nkill -9 $$\n", "it ended with -9"),
        ("", "no process could be started"),
    ],
    ids=["fails", "killed", "cannot start"],
)
def test_a_keeper_that_dies_alarms_and_the_desk_goes_on(tmp_path: Path, script: str, why: str) -> None:
    executable = tmp_path / "python"
    executable.write_text(script)
    executable.chmod(0o700 if script else 0o600)

    async def run() -> None:
        clock = SystemClock()
        async with desk(tmp_path, clock) as (engine, journal):
            failing = KeeperProcess(tmp_path / "overmind.db", str(executable))
            keeper = Keeper(engine, journal, failing, clock, 400, EVERY)
            with structlog.testing.capture_logs() as logs:
                assert not await keeper.keep()
            assert [(one["log_level"], one["event"]) for one in logs] == [
                ("error", "the keeper failed; the journal grows")
            ]
            assert why in logs[0]["why"]
            assert why in (keeper.alarm() or "")
            await engine.handle(AddHold(Scope(), "test", "trading goes on"))
            kept = journal.snapshot()
            assert kept is not None
            assert kept.seq == 1_000

    asyncio.run(run())


def test_the_process_is_told_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERMIND_API_TOKEN", "a secret of the desk")
    executable = tmp_path / "python"
    executable.write_text(f"#!/bin/sh\nenv > {tmp_path}/env\necho $@ > {tmp_path}/words\n")
    executable.chmod(0o700)
    assert asyncio.run(KeeperProcess(tmp_path / "overmind.db", str(executable)).state_after(7)) == b""
    assert "secret" not in (tmp_path / "env").read_text() + (tmp_path / "words").read_text()
    assert sys.executable != str(executable)


def test_a_failed_try_is_repeated_and_no_snapshot_comes_early(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            maker = InProcess(tmp_path / "overmind.db", failures=3)
            keeper = Keeper(engine, journal, maker, clock, 400, EVERY)
            running = asyncio.create_task(keeper.run())
            await clock.sleep(2 * RETRY_S)
            assert maker.failures == 1
            await clock.sleep(2 * RETRY_S)
            kept, asked = journal.snapshot(), maker.asked
            assert kept is not None
            assert kept.seq == len(ENTRIES)
            assert len(list((tmp_path / "segments").iterdir())) == 2
            await engine.handle(AddHold(Scope(), "test", "one entry more"))
            await clock.sleep(100 * LOOK_EVERY_S)
            assert maker.asked == asked, "only after so many entries"
            assert encode_state(folded(list(journal.read()))) == encode_state(engine.state)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_probes_are_told_when_it_fails_twice_and_operators_at_once(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            keeper = Keeper(engine, journal, InProcess(tmp_path / "overmind.db", failures=2), clock, 400, EVERY)
            told = [(keeper.alarm(), keeper.fault())]
            for _ in range(3):
                await keeper.keep()
                told.append((keeper.alarm(), keeper.fault()))
            why = "so the journal grows and the next start takes longer: killed by a test"
            twice = f"the keeper failed 2 times in a row, {why}"
            assert told == [(None, None), (f"the keeper failed, {why}", None), (twice, twice), (None, None)]

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_states_are_kept_close_together_once_a_minute_while_there_is_news(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            maker = InProcess(tmp_path / "overmind.db")
            running = asyncio.create_task(Keeper(engine, journal, maker, clock, 0, 10**6).run())
            await clock.sleep(STATES_EVERY_S - LOOK_EVERY_S)
            assert maker.kept == 0, "nothing at the start"
            await clock.sleep(2 * LOOK_EVERY_S)
            assert (maker.kept, (tmp_path / STATES).exists()) == (1, True)
            await clock.sleep(STATES_EVERY_S)
            earlier = maker.kept
            assert earlier == 2, "the entries before the snapshot"
            await clock.sleep(10 * STATES_EVERY_S)
            assert maker.kept == earlier, "no news"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_entries_that_are_old_are_sealed_although_they_fill_no_segment(tmp_path: Path) -> None:
    hour_s = 3_600

    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            maker = InProcess(tmp_path / "overmind.db")
            keeper = Keeper(engine, journal, maker, clock, 10**6, 10**6, 3 * hour_s * NS)
            running = asyncio.create_task(keeper.run())
            await clock.sleep(2.9 * hour_s)
            assert not (tmp_path / "segments").exists()
            await clock.sleep(1.1 * hour_s)
            assert [path.name for path in (tmp_path / "segments").iterdir()] == ["000000000001-000000001000.seg"]
            asked = maker.asked
            assert list(journal.read()) == ENTRIES
            await clock.sleep(3 * hour_s)
            assert maker.asked == asked, "one try a day"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_that_no_states_are_kept_is_told_once(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            maker = InProcess(tmp_path / "overmind.db", failures=10**6)
            keeper = Keeper(engine, journal, maker, clock, 0, 10**6)
            with structlog.testing.capture_logs() as logs:
                running = asyncio.create_task(keeper.run())
                await clock.sleep(5 * STATES_EVERY_S)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
            assert maker.kept > 2
            assert [(one["log_level"], one["why"]) for one in logs] == [("warning", "killed by a test")]
            assert keeper.alarm() is None, "the journal does not grow for it"

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_a_process_keeps_states(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES, [1_000]))
    maker = KeeperProcess(tmp_path / "overmind.db")
    assert [asyncio.run(maker.keep_states()) for _ in range(2)] == [True, False]
    with closing(open_journal(tmp_path)) as journal:
        near = NearStates.beside(tmp_path / "overmind.db", journal)
        found = near.snapshot_before(999)
        assert found is not None
        assert (found.seq, found.state) == (500, encode_for_explaining(folded(ENTRIES[:500])))
        near.close()


def test_what_the_process_before_has_sealed_leaves_the_table_at_the_start(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            await journal.adopt(next(sealed_segments(tmp_path / "overmind.db", 400, 400)))  # Then it was killed.
            keeper = Keeper(engine, journal, InProcess(tmp_path / "overmind.db"), clock, 0, 10**6)
            running = asyncio.create_task(keeper.run())
            await clock.sleep(LOOK_EVERY_S)
            assert not await journal.release(), "nothing is left"
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))


def test_a_signal_whose_answer_is_archived_away_is_not_decided_again(tmp_path: Path) -> None:
    async def run(clock: Clock) -> None:
        async with desk(tmp_path, clock) as (engine, journal):
            await journal.adopt(next(sealed_segments(tmp_path / "overmind.db", 400, 400)))
            while await journal.release():
                pass
            known = next(entry.event.signal for entry in ENTRIES if isinstance(entry.event, OrderPlaced))
            assert (await engine.submit(known)).duplicate
            next((tmp_path / "segments").iterdir()).unlink()
            signals = engine.state.signals
            with pytest.raises(CommandRefused, match=r"is not decided again.*it is missing"):
                await engine.submit(known)
            assert engine.state.signals == signals

    run_virtual(run(VirtualClock(ENTRIES[-1].at_ns)))
