"""Buffered entries can be read at once, and the written journal is the same in the end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.support.journal_entries import T0, entries, every_kind, placed, refused, rolled, trades

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.buffered import BufferedJournal
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Journal, JournalFailed, Snapshot


def told(journal: Journal, count: int) -> object:
    names = ("hold", "no", "yes", "never", "s0", "s7", "")
    return (
        [list(journal.read(after)) for after in (0, 1, count // 2, count)],
        [journal.entry(seq) for seq in (1, (count + 1) // 2, count)],
        [journal.find(SignalId(name)) for name in names],
    )


@pytest.mark.parametrize("buffered_max", [1, 2, 5, 1_000])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_buffered_entries_are_read_like_written_ones(buffered_max: int, size: int) -> None:
    every = entries(every_kind())
    plain, base = MemoryJournal(), MemoryJournal()
    buffered = BufferedJournal(base, buffered_max)

    async def run() -> None:
        for start in range(0, len(every), size):
            for journal in (plain, buffered):
                await journal.append(every[start : start + size])
            assert told(buffered, min(len(every), start + size)) == told(plain, min(len(every), start + size))
        await buffered.write()

    asyncio.run(run())
    assert told(base, len(every)) == told(plain, len(every))
    assert base.head() == plain.head()


def test_it_writes_when_there_is_much_and_before_a_snapshot(tmp_path: Path) -> None:
    base = SqliteJournal.open(tmp_path / "overmind.db")
    buffered = BufferedJournal(base, buffered_max=6)

    async def run() -> list[int]:
        written = []
        for entry in trades(9):
            await buffered.append([entry])
            written.append(len(list(base.read())))
        await buffered.save_snapshot(Snapshot(9, b"state"))
        return [*written, len(list(base.read()))]

    assert asyncio.run(run()) == [0, 0, 0, 0, 0, 6, 6, 6, 6, 9]
    assert buffered.snapshot() == Snapshot(9, b"state")
    assert buffered.degraded is None
    base.close()


def test_an_empty_buffer_writes_nothing() -> None:
    base = MemoryJournal()
    asyncio.run(BufferedJournal(base).write())
    assert list(base.read()) == []


class Looked(MemoryJournal):
    """Counts looks at its disk."""

    looks = 0

    async def look(self) -> None:
        self.looks += 1


def test_the_disk_is_looked_at_after_a_write_alone() -> None:
    """A backtest passes days in a second; a look takes as long as in a day."""
    base = Looked()

    async def run() -> list[int]:
        buffered, counts = BufferedJournal(base), list[int]()
        for step in (buffered.look, buffered.look, buffered.write, buffered.look, buffered.look):
            await step()
            counts.append(base.looks)
        return counts

    assert asyncio.run(run()) == [1, 1, 1, 2, 2]


@pytest.mark.parametrize("bad", [[Entry(2, T0, rolled())], entries([placed("s"), refused("s")])], ids=["gap", "twice"])
def test_a_wrong_sequence_is_found_by_the_write(bad: list[Entry]) -> None:
    buffered = BufferedJournal(MemoryJournal())

    async def run() -> None:
        await buffered.append(bad)
        await buffered.write()

    with pytest.raises(JournalFailed):
        asyncio.run(run())
