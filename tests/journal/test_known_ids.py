"""An id that the journal has is never taken for a new one, whatever is sealed while the ids are read."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from bench.desks import START_NS
from hypothesis import given
from hypothesis import strategies as st
from tests.support.sealing import open_journal, seal, traded, write
from tests.support.stepping_clock import SteppingClock

from overmind.core.model.ids import SignalId
from overmind.journal.chain import decided
from overmind.journal.id_filter import IDS_MIN, IdFilter
from overmind.journal.known_ids import Pages
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal

ENTRIES = traded(700)
IDS = [signal_id for entry in ENTRIES if (signal_id := decided(entry.event)) is not None]
LATER = len(ENTRIES) - 60  # written while the ids are read


@given(st.lists(st.text(), max_size=50), st.lists(st.text(), max_size=50))
def test_no_is_certain(added: list[str], asked: list[str]) -> None:
    found = IdFilter()
    found.add(added)
    assert all(found.may_have(one) for one in added)
    assert all(one in added for one in asked if found.may_have(one))  # At so few ids no two are taken for each other.


def test_it_grows_and_stays_right() -> None:
    """In several layers it forgets nothing, and takes few new ids for known ones: 1.2 % in each, when it is full."""
    found, added = IdFilter(), [f"signal-{number}" for number in range(IDS_MIN * 2)]
    found.add(added)
    assert all(found.may_have(one) for one in added)
    taken = sum(found.may_have(f"other-{number}") for number in range(20_000))
    assert 100 <= taken <= 20_000 * 0.04  # None at all would mean that it was not asked.


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    asyncio.run(write(tmp_path, ENTRIES[:LATER], (400, 500)))
    asyncio.run(seal(tmp_path, 150))
    return tmp_path


@pytest.mark.parametrize("seed", range(4))
def test_every_id_is_met_while_the_journal_is_written_and_sealed(tmp_path: Path, seed: int) -> None:
    random = Random(seed)

    async def run() -> None:
        await write(tmp_path, ENTRIES[:LATER], (400, 500))
        pages, met, left = Pages(tmp_path / "overmind.db", 7), list[str](), list(ENTRIES[LATER:])
        with closing(open_journal(tmp_path)) as journal, closing(pages):
            for segment in sealed_segments(tmp_path / "overmind.db", 1, 150):
                await journal.adopt(segment)
            while page := pages.next():
                met += page
                if random.random() < 0.2:
                    await journal.release()
                if left and random.random() < 0.3:
                    await journal.append([left.pop(0)])
        assert set(met) >= {decided(entry.event) for entry in ENTRIES[:LATER]} - {None}

    asyncio.run(run())


async def _all_read(journal: SqliteJournal) -> None:
    clock = SteppingClock(START_NS)
    reading = asyncio.create_task(journal.ids.read(clock))
    while not reading.done():
        await asyncio.sleep(0)
        if (due_ns := clock.next_due_ns()) is not None:
            clock.advance_to(due_ns)
    await reading


def test_known_ids_are_found_and_new_ones_are_not_looked_up(desk: Path) -> None:
    """Sealed, in the table, or written after the ids were read."""

    async def run() -> None:
        with closing(open_journal(desk)) as journal:
            assert not journal.ids.complete
            assert journal.find(IDS[0]) is not None
            await _all_read(journal)
            assert journal.ids.complete
            await journal.append(ENTRIES[LATER:])
            found = {one: journal.find(one) for one in IDS}
            assert found == {decided(entry.event): entry.seq for entry in ENTRIES if decided(entry.event)}
            new = [SignalId(f"new-{number}") for number in range(2_000)]
            assert [journal.find(one) for one in new] == [None] * len(new)
            assert sum(journal.ids.may_have(one) for one in new) < 100

    asyncio.run(run())


def test_ids_that_cannot_be_read_are_looked_up(desk: Path) -> None:
    async def run() -> None:
        with closing(open_journal(desk)) as journal:
            moved = desk / "elsewhere"
            (desk / "overmind.db").rename(moved)
            await journal.ids.read(SteppingClock(START_NS))
            moved.rename(desk / "overmind.db")
            assert not journal.ids.complete
            assert all(journal.find(one) is not None for one in IDS[:100])
            assert journal.find(SignalId("new")) is None

    asyncio.run(run())


def test_a_reader_without_a_writer_looks_everything_up(desk: Path) -> None:
    with closing(SqliteJournal.open_read_only(desk / "overmind.db")) as journal:
        assert journal.ids.may_have(SignalId("anything"))
        assert journal.find(IDS[3]) is not None
