"""Appends, snapshots, sealing, releases and crashes in any order: the journal always reads as what was appended."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.support.bad_disks import SmallDisk, mounted
from tests.support.effort import examples
from tests.support.sealing import folded, open_journal, traded, write

from overmind.core.books.state import encode_state, state_hash
from overmind.core.model.events import Entry
from overmind.desk.engine import recover
from overmind.journal.chain import decided
from overmind.journal.database import Disk
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot
from overmind.views.verify import verify

ENTRIES = traded(1_000)
STEPS = 30


class Desk:
    """One journal on disk, and what it must read as."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self._folder = folder
        self._chance = chance
        self._journal = open_journal(folder)
        self._segment: Sealed | None = None  # written, and not listed yet
        self.entries: list[Entry] = []

    async def step(self) -> None:
        steps = (self.append, self.append, self.save, self.write_segment, self.adopt, self.release, self.crash)
        await self._chance.choice(steps)()

    async def append(self) -> None:
        more = ENTRIES[len(self.entries) : len(self.entries) + self._chance.randint(1, 120)]
        await self._journal.append(more)
        self.entries += more

    async def save(self) -> None:
        await self._journal.save_snapshot(Snapshot(len(self.entries), encode_state(folded(self.entries))))

    async def write_segment(self) -> None:
        size = self._chance.randint(1, 200)
        self._segment = next(sealed_segments(self._folder / "overmind.db", size, size), None)

    async def adopt(self) -> None:
        if self._segment is not None:
            await self._journal.adopt(self._segment)
        self._segment = None

    async def release(self) -> None:
        await self._journal.release()

    async def crash(self) -> None:
        """The next process knows nothing of a segment that was not listed."""
        self._journal.close()
        self._segment = None
        self._journal = open_journal(self._folder)

    def require_whole(self) -> None:
        journal, entries = self._journal, self.entries
        after = self._chance.randint(0, len(entries))
        assert list(journal.read(after)) == entries[after:]
        if entries:
            entry = self._chance.choice(entries)
            assert journal.entry(entry.seq) == entry
            if (signal_id := decided(entry.event)) is not None:
                assert journal.find(signal_id) == entry.seq

    def close(self) -> None:
        assert state_hash(recover(self._journal)) == state_hash(folded(self.entries))
        self._journal.close()
        assert verify(self._folder / "overmind.db").problems == []


@pytest.mark.parametrize("seed", range(examples(50)))
def test_it_reads_as_what_was_appended(seed: int, tmp_path: Path) -> None:
    async def run() -> None:
        desk = Desk(tmp_path, Random(seed))
        for _ in range(STEPS):
            await desk.step()
            desk.require_whole()
        desk.close()

    asyncio.run(run())


def test_a_disk_that_fills_while_sealing_costs_neither_entries_nor_the_desk(tmp_path: Path) -> None:
    asyncio.run(write(tmp_path, ENTRIES[:700], [500, 600]))
    small = SmallDisk(tmp_path, capacity=2**30, late=False)

    async def run(journal: SqliteJournal) -> None:
        segment = next(sealed_segments(tmp_path / "overmind.db", 400, 400))
        small.capacity = 0
        await journal.adopt(segment)
        assert not await journal.release()
        assert list(journal.read()) == ENTRIES[:700]
        small.capacity = 2**30
        await journal.append(ENTRIES[700:701])
        await journal.adopt(segment)
        small.capacity = 0
        assert not await journal.release()
        assert list(journal.read()) == ENTRIES[:701]
        small.capacity = 2**30
        while await journal.release():
            pass
        assert list(journal.read()) == ENTRIES[:701]

    with (
        mounted(small) as vfs,
        closing(SqliteJournal.open(tmp_path / "overmind.db", Disk(vfs, reserve_bytes=0))) as one,
    ):
        asyncio.run(run(one))
