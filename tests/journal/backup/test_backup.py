"""A backup restores to the same journal, whatever its writer does meanwhile, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest
from msgspec import structs
from tests.support.sealing import folded, open_journal, seal, traded, write

from overmind.core.books.state import encode_state
from overmind.journal.backup import copying, making
from overmind.journal.backup.making import make_backup
from overmind.journal.backup.manifest import MANIFEST, BackupUnusable, Manifest, read_manifest, write_manifest
from overmind.journal.backup.restoring import RESTORED, forget_restored, restore_backup, restored_from
from overmind.journal.backup.unfinished import MARK
from overmind.journal.errors import JournalCorrupt, JournalUnusable
from overmind.journal.segments.archive import archive
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot
from overmind.views.verify import verify

NAME = "overmind.db"
MADE_AT = "2026-01-02T03:04:05+00:00"


class Desk:
    """A journal of 700 entries: 500 in segments, one of which is archived, two snapshots, a tail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self.entries = traded(700)
        asyncio.run(write(self.data, self.entries, (500, 650)))
        assert asyncio.run(seal(self.data, entries_max=250)) == 2
        assert len(list(archive(self.data / NAME, folder / "archive", 1))) == 1

    def back_up(self, name: str = "backup", **beside: Path) -> Manifest:
        return make_backup(self.data / NAME, self.folder / name, beside, MADE_AT, "1", False)

    def restored(self, name: str = "backup", to: str = "restored") -> Path:
        restore_backup(self.folder / name, self.folder / to, NAME)
        return self.folder / to


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    Desk(folder).back_up()
    return folder


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Desk:
    """A copy: making one takes longer."""
    copied = object.__new__(Desk)
    copied.folder, copied.data, copied.entries = tmp_path, tmp_path / "data", traded(700)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return copied


def head_of(folder: Path) -> tuple[int, bytes]:
    with closing(SqliteJournal.open_read_only(folder / NAME)) as journal:
        return journal.last_seq(), journal.head()


def test_a_restored_journal_is_the_journal(desk: Desk) -> None:
    folder = desk.restored()
    assert head_of(folder) == head_of(desk.data)
    assert verify(folder / NAME).ok
    shutil.rmtree(desk.folder / "archive")  # The backup has the archived segment too.
    with closing(open_journal(folder)) as journal:
        assert list(journal.read()) == desk.entries
        kept = journal.snapshot()
        assert kept is not None
        assert kept.seq == 650


def test_every_decided_id_is_known_in_the_copy(desk: Desk) -> None:
    """Also of entries that are sealed and not yet taken out of the table."""
    folder = desk.restored()
    with closing(SqliteJournal.open_read_only(desk.data / NAME)) as source, closing(open_journal(folder)) as copy:
        names = [signal.id for entry in desk.entries if (signal := getattr(entry.event, "signal", None)) is not None]
        assert len(names) > 100
        assert [copy.find(name) for name in names] == [source.find(name) for name in names]


def test_all_is_for_the_owner_alone(desk: Desk) -> None:
    folder = desk.restored()
    for root in (desk.folder / "backup", folder):
        assert {path.stat().st_mode & 0o077 for path in (root, *root.rglob("*"))} == {0}


def test_other_files_come_along_if_they_are_there(desk: Desk) -> None:
    users = desk.data / "users.json"
    users.write_text("[]")
    desk.back_up("second", **{"users.json": users, "tokens.json": desk.data / "tokens.json"})
    folder = desk.restored("second")
    assert (folder / "users.json").read_text() == "[]"
    assert not (folder / "tokens.json").exists()


def test_a_writer_that_appends_meanwhile_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backup ends where the journal ended when it began, and the writer's entries stay."""
    monkeypatch.setattr(copying, "PAGE_ROWS", 16)
    more, end = traded(1_000), len(desk.entries)
    with closing(open_journal(desk.data)) as journal:
        before = journal.head()

        def append(seq: int) -> None:
            if 500 < seq < end:
                asyncio.run(journal.append(more[journal.last_seq() :][:20]))

        done = make_backup(desk.data / NAME, desk.folder / "second", {}, MADE_AT, "1", False, append)
        assert (done.seq, done.head) == (end, before.hex())
        assert journal.last_seq() > end
    assert head_of(desk.restored("second")) == (done.seq, before)


def test_no_page_keeps_the_log_from_being_reused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that hangs between two pages must not make the journal's log grow without end."""
    monkeypatch.setattr(copying, "PAGE_ROWS", 16)
    more, moved = traded(1_000), list[tuple[int, int]]()

    def checkpoint(seq: int) -> None:
        asyncio.run(journal.append(more[journal.last_seq() :][:1]))
        with closing(apsw.Connection(str(desk.data / NAME))) as db:
            assert db.pragma("journal_mode") == "wal"
            moved.append(db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE))

    with closing(open_journal(desk.data)) as journal:
        make_backup(desk.data / NAME, desk.folder / "second", {}, MADE_AT, "1", False, checkpoint)
    assert len(moved) > 10
    assert set(moved) == {(0, 0)}, "nobody read an older state of the log"


def test_a_copy_begins_again_when_entries_are_sealed_under_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PAGE_ROWS", 16)
    sealed = list[int]()

    def seal_once(seq: int) -> None:
        if seq > 520 and not sealed:
            sealed.append(asyncio.run(seal(desk.data, entries_max=250)))

    with closing(open_journal(desk.data)) as journal:
        asyncio.run(journal.append(traded(900)[700:]))
    asyncio.run(_save_snapshots(desk, (660, 690)))
    done = make_backup(desk.data / NAME, desk.folder / "second", {}, MADE_AT, "1", False, seal_once)
    assert sealed == [1], "a segment came meanwhile"
    folder = desk.restored("second")
    assert len(list((folder / "segments").glob("*.seg"))) == 3
    assert head_of(folder) == (done.seq, bytes.fromhex(done.head)) == head_of(desk.data)
    assert verify(folder / NAME).ok


async def _save_snapshots(desk: Desk, seqs: tuple[int, ...]) -> None:
    entries = traded(900)
    with closing(open_journal(desk.data)) as journal:
        for seq in seqs:
            await journal.save_snapshot(Snapshot(seq, encode_state(folded(entries[:seq]))))


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("part", range(4), ids=["manifest", "database", "first segment", "second segment"])
@pytest.mark.parametrize("where", [0.02, 0.5, 0.98])
def test_one_flipped_bit_is_refused(desk: Desk, part: int, where: float) -> None:
    path = _parts(desk.folder / "backup")[part]
    content = bytearray(path.read_bytes())
    content[int(len(content) * where)] ^= 4
    path.write_bytes(content)
    with pytest.raises(JournalUnusable, match="changed"):
        desk.restored()
    assert not (desk.folder / "restored").exists()
    assert not (desk.folder / "restored.partial").exists()


def test_a_backup_without_one_of_its_files_is_refused(desk: Desk) -> None:
    (desk.folder / "backup" / NAME).unlink()
    with pytest.raises(BackupUnusable, match=NAME):
        desk.restored()


def test_a_damaged_journal_makes_no_backup(desk: Desk) -> None:
    """An operator who trusts in it would lose the good ones of before."""
    with closing(apsw.Connection(str(desk.data / NAME))) as db:
        db.execute("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 600")
    with pytest.raises(JournalCorrupt, match="entry 600"):
        desk.back_up("second")
    assert not (desk.folder / "second").exists()
    assert not (desk.folder / "second.partial").exists()


@pytest.mark.parametrize("step", ["_sync", "require_whole", "write_manifest"])
def test_what_a_kill_leaves_is_no_backup_and_the_next_try_replaces_it(
    desk: Desk, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = desk.folder / "second.partial"
    with monkeypatch.context() as killed:
        killed.setattr(making, step, _kill)
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(_KilledError):
            desk.back_up("second")
    assert (partial / MARK).exists()
    for source in (desk.folder / "second", partial):
        with pytest.raises(BackupUnusable):
            restore_backup(source, desk.folder / "restored", NAME)
    done = desk.back_up("second")
    assert not partial.exists()
    assert head_of(desk.restored("second")) == (done.seq, bytes.fromhex(done.head))


class _KilledError(BaseException):
    pass


def _kill(*_: object) -> None:
    raise _KilledError


def test_a_full_disk_is_told_and_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(making, "_sync", full)
    with pytest.raises(BackupUnusable, match="the disk is full"):
        desk.back_up("second")
    assert sorted(path.name for path in desk.folder.iterdir()) == ["archive", "backup", "data"]


def test_a_disk_without_room_is_told_before_anything_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "free_bytes", lambda _: 1_000)
    with pytest.raises(BackupUnusable, match="the disk has 1,000 free"):
        desk.back_up("second")


def _full(folder: Path) -> Path:
    folder.mkdir()
    (folder / "mine").touch()
    return folder


def _file(folder: Path) -> Path:
    folder.touch()
    return folder


def _link(folder: Path) -> Path:
    folder.symlink_to(folder.with_name("elsewhere"))
    return folder


@pytest.mark.parametrize("taken", [_full, _file, _link])
def test_nothing_is_ever_replaced(desk: Desk, taken: Callable[[Path], Path]) -> None:
    with pytest.raises(JournalUnusable):
        desk.back_up(taken(desk.folder / "second").name)
    with pytest.raises(JournalUnusable):
        desk.restored(to=taken(desk.folder / "third").name)
    assert len(list(desk.folder.glob("*/mine"))) in (0, 2)


def test_a_folder_of_somebody_else_beside_the_target_is_not_emptied(desk: Desk) -> None:
    _full(desk.folder / "second.partial")
    with pytest.raises(BackupUnusable, match="Move the folder away"):
        desk.back_up("second")
    assert (desk.folder / "second.partial" / "mine").exists()


def test_an_empty_folder_is_taken(desk: Desk) -> None:
    (desk.folder / "restored").mkdir()
    assert (desk.restored() / NAME).exists()


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "segments/../../outside", "a/b/c", "", "."])
def test_a_manifest_cannot_lead_out_of_the_folder(desk: Desk, name: str) -> None:
    """Whoever writes a manifest can compute its digest."""
    folder = desk.folder / "backup"
    found = read_manifest(folder)
    write_manifest(folder, structs.replace(found, files=(structs.replace(found.files[0], name=name),)))
    with pytest.raises(BackupUnusable, match=MANIFEST):
        desk.restored()


def test_a_restored_folder_is_marked_until_the_mark_is_taken(desk: Desk) -> None:
    folder = desk.restored()
    assert restored_from(folder) == f"the backup of {MADE_AT}, which ends at entry {len(desk.entries)}"
    (folder / RESTORED).write_text("{")
    assert restored_from(folder) is not None, "a damaged mark is a mark"
    forget_restored(folder)
    assert restored_from(folder) is None


def test_files_beside_the_journal_are_copied_before_it(desk: Desk) -> None:
    """What they say of entries, such as how far a source was answered, is then true of the copy."""
    answers = desk.data / "answers.json"
    answers.write_text("before")
    make_backup(
        desk.data / NAME, desk.folder / "second", {"answers.json": answers}, MADE_AT, "1", False,
        lambda _: answers.write_text("after") and None,
    )  # fmt: skip
    assert (desk.restored("second") / "answers.json").read_text() == "before"


def test_what_is_no_regular_file_is_not_waited_for(desk: Desk) -> None:
    os.mkfifo(desk.data / "STOP")
    with pytest.raises(BackupUnusable, match="STOP: is no regular file"):
        desk.back_up("second", STOP=desk.data / "STOP")
