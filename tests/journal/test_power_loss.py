"""Power fails at any write: every acknowledged entry is there afterwards, and no batch is there in part."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from tests.support.bad_disks import ForgetfulDisk, mounted
from tests.support.journal_entries import trades

from overmind.core.model.events import Entry
from overmind.journal.database import Disk
from overmind.journal.errors import JournalProblem, JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.journal.verify import verify_chain
from overmind.ports import JournalFailed, Snapshot

SEEDS = 240
QUICK_SEEDS = 40
LIVES = 3
BATCHES_MAX = 60


class History:
    """The entries that one journal was asked to write, and those that it acknowledged."""

    def __init__(self) -> None:
        self.seq = 0
        self.ends = [0]  # the last seq of each requested batch, acknowledged or not
        self.promised = 0
        self.snapshots: dict[int, bytes] = {}
        self.snapshot_promised = 0

    def judge(self, path: Path) -> str | None:
        """What is wrong with the surviving journal; None: nothing."""
        try:
            with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF", reserve_bytes=4_096))) as journal:
                entries, snapshot = list(journal.read()), journal.snapshot()
        except JournalUnusable as error:
            return f"refused: {error}"
        if problems := [str(found) for found in verify_chain(path) if isinstance(found, JournalProblem)]:
            return "; ".join(problems)
        if entries != trades(len(entries)):
            return "not what was written"
        if len(entries) < self.promised:
            return f"lost: {self.promised} entries were promised, {len(entries)} are there"
        if len(entries) not in self.ends:
            return f"half of a batch: {len(entries)} entries, batches ended at {self.ends}"
        return self._judge_snapshot(snapshot, len(entries))

    def _judge_snapshot(self, snapshot: Snapshot | None, end: int) -> str | None:
        self.seq = end
        self.ends = [0, end]
        if snapshot is None:
            return "lost: a snapshot was promised" if self.snapshot_promised else None
        if snapshot.seq < self.snapshot_promised or snapshot.state != self.snapshots[snapshot.seq]:
            return f"the snapshot of {snapshot.seq} is older than promised, or is another"
        return None


async def live(journal: SqliteJournal, history: History, chance: random.Random) -> None:
    """Writes until the power fails or there are enough entries."""
    for _ in range(BATCHES_MAX):
        batch: list[Entry] = trades(chance.randint(1, 9), after=history.seq)
        history.ends.append(batch[-1].seq)
        await journal.append(batch)
        history.seq = history.promised = batch[-1].seq
        if chance.random() < 0.1:
            history.snapshots[history.seq] = chance.randbytes(chance.randint(0, 30_000))
            await journal.save_snapshot(Snapshot(history.seq, history.snapshots[history.seq]))
            history.snapshot_promised = history.seq


def lose_power(path: Path, history: History, chance: random.Random, synchronous: str) -> None:
    power = ForgetfulDisk(dies_at=chance.choice((30, 300, 1_500)) + chance.randint(0, 200))
    with mounted(power) as vfs:
        disk = Disk(vfs=vfs, synchronous=synchronous, checkpoint_pages=chance.choice((1, 8, 40)), reserve_bytes=4_096)
        try:
            journal = SqliteJournal.open(path, disk)
        except JournalUnusable:
            assert power.dead, "refused before the power failed"
        else:
            try:
                asyncio.run(live(journal, history, chance))
            except JournalFailed:
                assert power.dead, "failed before the power did"
            power.settle(chance, kept=chance.choice((0.0, 0.5, 0.9)))  # Before closing, since closing would tidy up.
            journal.close()
        power.settle(chance, kept=0.0)


def survive(path: Path, seed: int, synchronous: str) -> str | None:
    chance, history = random.Random(seed), History()
    for _ in range(LIVES):
        lose_power(path, history, chance, synchronous)
        if complaint := history.judge(path):
            return complaint
    return None


@pytest.mark.parametrize(
    "first",
    [pytest.param(first, marks=[pytest.mark.soak] if first >= QUICK_SEEDS else []) for first in range(0, SEEDS, 20)],
)
def test_every_acknowledged_entry_survives(tmp_path: Path, first: int) -> None:
    for seed in range(first, first + 20):
        directory = tmp_path / str(seed)
        directory.mkdir()
        assert survive(directory / "overmind.db", seed, "FULL") is None, f"seed {seed}"


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_test_would_notice_a_disk_that_is_not_told_to_sync(tmp_path: Path, synchronous: str) -> None:
    complaints = []
    for seed in range(20):
        directory = tmp_path / str(seed)
        directory.mkdir()
        complaints.append(survive(directory / "overmind.db", seed, synchronous))
    assert sum(complaint is not None for complaint in complaints) > 10, complaints
