"""The disk fills up: the reserve leaves room for a stop and exits, then the journal fails. No acknowledged entry is
lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.bad_disks import SmallDisk, mounted
from tests.support.journal_entries import trades

from overmind.core.model.events import Entry, PricesMarked
from overmind.core.model.ids import Mint, SignalId
from overmind.core.model.money import Mark
from overmind.desk.watches.timers import FULL_MARK_EVERY_S
from overmind.journal.database import RESERVE_BYTES, Disk
from overmind.journal.reserve import SLICE_BYTES
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import JournalFailed, Snapshot

RESERVE = 262_144
BATCHES_MAX = 10_000


def fill(journal: SqliteJournal, chance: random.Random, until_degraded: bool) -> int:
    """Appends until it fails, or until the journal is degraded. Returns the number of acknowledged entries."""

    async def run() -> int:
        seq = 0
        for _ in range(BATCHES_MAX):
            if until_degraded and journal.degraded:
                return seq
            size = chance.randint(1, 20)
            try:
                await journal.append(trades(size, after=seq))
            except JournalFailed:
                return seq
            seq += size
        raise AssertionError("the disk never filled up")

    return asyncio.run(run())


def survivors(path: Path) -> int:
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        assert journal.degraded is None
        found = list(journal.read())
    assert found == trades(len(found))
    return len(found)


@pytest.mark.parametrize("late", [False, True], ids=["found on write", "found on sync"])
@pytest.mark.parametrize("seed", range(20))
def test_the_reserve_buys_time_and_then_the_journal_fails(tmp_path: Path, seed: int, late: bool) -> None:
    chance, path = random.Random(seed), tmp_path / "overmind.db"
    small = SmallDisk(tmp_path, capacity=RESERVE + chance.randint(150_000, 500_000), late=late)
    with mounted(small) as vfs:
        disk = Disk(vfs=vfs, reserve_bytes=RESERVE, checkpoint_pages=chance.choice((10, 1_000)))
        with contextlib.closing(SqliteJournal.open(path, disk)) as journal:
            warned = fill(journal, chance, until_degraded=True)
            assert journal.degraded is not None
            assert (tmp_path / "reserve").stat().st_size == 0
            asyncio.run(journal.append(trades(1, after=warned)))  # An exit can still be booked.
            with pytest.raises(JournalFailed):
                asyncio.run(journal.append(trades(2_000, after=warned + 1)))
            with pytest.raises(JournalFailed):
                asyncio.run(journal.append(trades(1, after=warned + 1)))
            assert journal.find(SignalId("s0")) == 1, "reads go on"
    assert survivors(path) in (warned + 1, warned + 2_001)
    assert (tmp_path / "reserve").stat().st_size >= RESERVE, "the next open reserves anew"


def test_the_reserve_is_freed_slice_by_slice_and_lasts(tmp_path: Path) -> None:
    """An hour of marks of ten tokens, one append each: a day of them fits, since the log is reused early."""
    path, reserve = tmp_path / "overmind.db", 4 * SLICE_BYTES
    hour = 3_600 // FULL_MARK_EVERY_S
    marks = tuple(Mark(Mint(f"{number:044}"), 10**15 + number, 10**18) for number in range(10))
    with (
        mounted(SmallDisk(tmp_path, capacity=reserve + 300_000)) as vfs,
        contextlib.closing(SqliteJournal.open(path, Disk(vfs=vfs, reserve_bytes=reserve))) as journal,
    ):
        seq, lefts = fill(journal, random.Random(1), until_degraded=True), set[int]()
        at_ns = journal.entry(seq).at_ns
        for number in range(1, hour + 1):
            asyncio.run(journal.append([Entry(seq + number, at_ns, PricesMarked(marks))]))
            lefts.add(journal.storage().reserve_bytes or 0)
        assert max(lefts) == reserve - SLICE_BYTES, "one slice was enough at first"
        assert (reserve - min(lefts)) * 24 <= RESERVE_BYTES


@pytest.mark.parametrize("seed", range(10))
def test_without_a_reserve_the_first_full_write_is_the_end(tmp_path: Path, seed: int) -> None:
    chance, path = random.Random(seed), tmp_path / "overmind.db"
    small = SmallDisk(tmp_path, capacity=chance.randint(100_000, 400_000))
    with (
        mounted(small) as vfs,
        contextlib.closing(SqliteJournal.open(path, Disk(vfs=vfs, reserve_bytes=0))) as journal,
    ):
        acknowledged = fill(journal, chance, until_degraded=False)
        assert acknowledged > 0
    assert survivors(path) == acknowledged


def test_a_full_disk_costs_a_snapshot_and_not_the_reserve(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    with (
        mounted(SmallDisk(tmp_path, capacity=RESERVE + 300_000)) as vfs,
        contextlib.closing(SqliteJournal.open(path, Disk(vfs=vfs, reserve_bytes=RESERVE))) as journal,
    ):
        asyncio.run(journal.append(trades(9)))
        asyncio.run(journal.save_snapshot(Snapshot(9, b"small")))
        asyncio.run(journal.save_snapshot(Snapshot(9, bytes(1_000_000))))
        assert journal.degraded is not None
        assert journal.snapshot() == Snapshot(9, b"small")
        assert (tmp_path / "reserve").stat().st_size == RESERVE
        asyncio.run(journal.append(trades(3, after=9)))
    assert survivors(path) == 12


@pytest.fixture
def _files_of_a_megabyte() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_files_of_a_megabyte")
def test_a_missing_reserve_is_reported_at_once(tmp_path: Path) -> None:
    with contextlib.closing(SqliteJournal.open(tmp_path / "overmind.db")) as journal:
        assert "reserved" in (journal.degraded or "")
        asyncio.run(journal.append(trades(3)))
    assert (tmp_path / "reserve").stat().st_size == 0, "half a reserve is given back"
