"""The accidents of the endurance run: an earlier version's snapshot, and a disk that fills."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from bench.accidents import OLD_VERSION, FullDisk, earlier_shape, step_back
from tests.support.sealing import folded, traded, write

from overmind.core.books.migration import migrate
from overmind.core.books.state import STATE_VERSION, encode_state
from overmind.core.model.ids import SOL
from overmind.desk.engine import recover
from overmind.journal.sqlite import SqliteJournal


def test_a_start_migrates_the_earlier_snapshot_and_replays_the_rest(tmp_path: Path) -> None:
    entries = traded(60)
    asyncio.run(write(tmp_path, entries, [20, 50]))
    asyncio.run(step_back(tmp_path / "overmind.db"))
    with closing(SqliteJournal.open(tmp_path / "overmind.db")) as journal:
        kept = journal.snapshot()
        assert kept is not None
        assert (kept.seq, msgspec.json.decode(kept.state)["version"]) == (20, OLD_VERSION)
        assert encode_state(recover(journal)) == encode_state(folded(entries))


def test_the_earlier_shape_is_migrated_to_the_same_state() -> None:
    state = folded(traded(40))
    earlier = earlier_shape(encode_state(state))
    assert OLD_VERSION < STATE_VERSION
    migrated = migrate(earlier, dict)
    assert migrated is not None
    assert encode_state(migrated) == encode_state(state)


def test_a_state_that_the_earlier_version_could_not_have_has_no_earlier_shape() -> None:
    state = folded(traded(40))
    state.mark_numbers[SOL] = 0
    with pytest.raises(AssertionError, match="mark_numbers"):
        earlier_shape(encode_state(state))


def test_a_full_disk_has_no_room_until_a_file_shrinks(tmp_path: Path) -> None:
    for name, size in (("overmind.db", 4_096), ("overmind.db-wal", 512), ("reserve", 1_000)):
        (tmp_path / name).write_bytes(bytes(size))
    disk = FullDisk(tmp_path / "overmind.db")
    try:
        assert disk.left() > 2**40
        disk.fill()
        assert (disk.is_full, disk.left()) == (True, 0)
        (tmp_path / "reserve").write_bytes(bytes(400))
        assert disk.left() == 600
    finally:
        disk.unregister()
