"""The journal's files are private, still those that were opened, and sometimes locked by another program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.foreign_lock import locked, until_locked
from tests.support.journal_entries import trades

from overmind.journal.errors import JournalUnusable
from overmind.journal.place import OF_THE_MACHINE
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import UNTROUBLED, JournalFailed, Snapshot

FILES = ("overmind.db", "overmind.db-wal", "overmind.db-shm", "overmind.lock", "reserve")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def journal(folder: Path) -> Iterator[SqliteJournal]:
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as journal:
        asyncio.run(journal.append(trades(3)))
        yield journal


def delete(folder: Path) -> None:
    shutil.rmtree(folder)


def move(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replace(folder: Path) -> None:
    move(folder)
    shutil.copytree(folder.with_name("elsewhere"), folder)


def replace_one(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        shutil.copy(folder / name, folder / "copy")
        (folder / "copy").replace(folder / name)

    return act


def delete_one(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


WATCHED = ("overmind.db", "overmind.db-wal", "overmind.lock")
FAULTS = {
    "folder deleted": delete,
    "folder moved": move,
    "folder replaced by its copy": replace,
    **{f"{name} deleted": delete_one(name) for name in WATCHED},
    **{f"{name} replaced by its copy": replace_one(name) for name in WATCHED},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_files_that_were_deleted_moved_or_replaced_are_found_out(
    journal: SqliteJournal, folder: Path, fault: str
) -> None:
    assert journal.storage() == UNTROUBLED
    FAULTS[fault](folder)
    asyncio.run(journal.look())
    with pytest.raises(JournalFailed, match="deleted, moved or replaced"):
        journal.storage()
    with pytest.raises(JournalFailed):
        asyncio.run(journal.append(trades(1, after=3)))
    with pytest.raises(JournalFailed):
        asyncio.run(journal.save_snapshot(Snapshot(3, b"state")))


@pytest.mark.parametrize("fault", [name for name in FAULTS if "folder" in name or "wal" in name])
def test_no_append_is_called_durable_once_its_log_is_gone(journal: SqliteJournal, folder: Path, fault: str) -> None:
    FAULTS[fault](folder)
    with pytest.raises(JournalFailed, match=r"overmind\.db-wal"):
        asyncio.run(journal.append(trades(1, after=3)))


def test_a_deleted_log_is_still_rescued_at_the_end(folder: Path) -> None:
    journal = SqliteJournal.open(folder / "overmind.db")
    asyncio.run(journal.append(trades(3)))
    (folder / "overmind.db-wal").unlink()
    journal.close()
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as again:
        assert list(again.read()) == trades(3)


def test_the_old_owner_leaves_the_files_of_a_new_one_alone(folder: Path) -> None:
    old = SqliteJournal.open(folder / "overmind.db")
    asyncio.run(old.append(trades(3)))
    move(folder)
    folder.mkdir()
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as new:
        asyncio.run(new.append(trades(6)))
        old.close()
        asyncio.run(new.look())
        assert new.storage() == UNTROUBLED
        asyncio.run(new.append(trades(1, after=6)))
    with contextlib.closing(SqliteJournal.open_read_only(folder / "overmind.db")) as reader:
        assert list(reader.read()) == trades(7)


# Modes and symlinks


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def test_folder_and_files_are_for_their_owner_alone(journal: SqliteJournal, folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert modes(folder) == dict.fromkeys(FILES, 0o600)


def test_an_open_folder_of_an_older_version_is_closed_to_others(folder: Path) -> None:
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as journal:
        asyncio.run(journal.append(trades(3)))
    folder.chmod(0o777)
    for file in folder.iterdir():
        file.chmod(0o666)
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as journal:
        assert list(journal.read()) == trades(3)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert modes(folder) == dict.fromkeys(FILES, 0o600)


@pytest.mark.parametrize("name", FILES)
def test_a_symlink_in_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).symlink_to(folder.with_name("elsewhere"))
    with pytest.raises(JournalUnusable, match=f"{name}: a symlink"):
        SqliteJournal.open(folder / "overmind.db")
    assert not folder.with_name("elsewhere").exists()


def test_a_symlink_in_place_of_the_folder_is_refused_and_the_real_one_named(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    with pytest.raises(JournalUnusable, match=f"Name the real folder.*{folder}"):
        SqliteJournal.open(link / "overmind.db")


@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_place_of_a_file_is_refused(folder: Path, name: str) -> None:
    os.mkfifo(folder / name)
    with pytest.raises(JournalUnusable, match="not a file"):
        SqliteJournal.open(folder / "overmind.db")


@pytest.mark.parametrize("folder", OF_THE_MACHINE)
def test_a_folder_of_the_whole_machine_is_refused_before_it_is_touched(folder: str) -> None:
    before = os.stat(folder).st_mode if os.path.exists(folder) else None
    with pytest.raises(JournalUnusable, match="belongs to the whole machine"):
        SqliteJournal.open(Path(folder) / "overmind.db")
    assert before is None or os.stat(folder).st_mode == before


# A lock by another program


def test_a_lock_by_another_program_delays_an_append_and_fails_nothing(journal: SqliteJournal, folder: Path) -> None:
    async def run() -> None:
        with locked(folder / "overmind.db"):
            appending = asyncio.ensure_future(journal.append(trades(3, after=3)))
            assert f"another program keeps {folder / 'overmind.db'} locked" in await until_locked(journal)
            assert not appending.done()
            assert list(journal.read()) == trades(3), "reads go on"
        await appending
        assert journal.storage() == UNTROUBLED
        await journal.append(trades(1, after=6))

    asyncio.run(run())
    assert list(journal.read()) == trades(7)


def test_a_lock_delays_a_snapshot(journal: SqliteJournal, folder: Path) -> None:
    async def run() -> None:
        with locked(folder / "overmind.db"):
            saving = asyncio.ensure_future(journal.save_snapshot(Snapshot(3, b"state")))
            await until_locked(journal)
        await saving

    asyncio.run(run())
    assert journal.snapshot() == Snapshot(3, b"state")


def test_a_desk_can_end_while_another_program_has_the_lock(folder: Path) -> None:
    journal = SqliteJournal.open(folder / "overmind.db")

    async def run() -> None:
        await journal.append(trades(3))
        with locked(folder / "overmind.db"):
            appending = asyncio.ensure_future(journal.append(trades(3, after=3)))
            await until_locked(journal)
            journal.close()
            with pytest.raises(JournalFailed, match="locked"):
                await appending

    asyncio.run(run())
    with contextlib.closing(SqliteJournal.open(folder / "overmind.db")) as again:
        assert list(again.read()) == trades(3)
