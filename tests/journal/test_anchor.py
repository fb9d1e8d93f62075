"""An anchor outside of the data folder finds out a journal that was restored, cut off or edited with all its hashes."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.support.journal_entries import entries, every_kind, trades

from overmind.core.model.events import Entry
from overmind.journal.anchor import KEY_FILE, Anchor, Anchored, head_of
from overmind.journal.chain import GENESIS, follow
from overmind.journal.sqlite import SqliteJournal
from overmind.views.verify import NOT_CHECKED, verify

FOLDER_BITS, FILE_BITS = 0o700, 0o600


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "overmind.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "anchors"


def write(path: Path, written: list[Entry], folder: Path | None) -> None:
    """Appends like a desk, and anchors the end if it is told where."""
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        asyncio.run(journal.append(written))
        if folder is not None:
            head = head_of(journal)
            assert head is not None
            Anchor(folder).write(head)


def look(path: Path, folder: Path) -> Anchored:
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        return Anchor(folder).look(journal)


def rewrite(path: Path, kept: list[Entry]) -> None:
    """Writes other entries with right hashes, as whoever can write the file can."""
    db = apsw.Connection(str(path))
    with db:
        db.execute("DELETE FROM journal")
        db.execute("DELETE FROM snapshot")
        db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", follow(GENESIS, kept))
    db.close()


def test_a_journal_that_went_on_is_the_one_that_was_anchored(path: Path, folder: Path) -> None:
    write(path, trades(3), folder)
    assert look(path, folder) == Anchored(3, checked=True)
    write(path, trades(4, after=3), None)
    assert look(path, folder) == Anchored(3, checked=True)


def test_without_an_anchor_nothing_is_known(path: Path, folder: Path) -> None:
    write(path, trades(3), None)
    assert look(path, folder) == Anchored(0, checked=False)


def test_a_restored_backup_is_behind_its_anchor(path: Path, folder: Path) -> None:
    write(path, trades(3), folder)
    backup = shutil.copy(path, path.with_name("backup"))
    write(path, trades(4, after=3), folder)
    shutil.move(backup, path)
    found = look(path, folder)
    assert (found.behind, found.checked, found.seq) == (True, True, 7)
    assert "it ends at entry 3, and was at entry 7" in found.problem


def test_a_backup_that_went_on_elsewhere_is_found_out(path: Path, folder: Path) -> None:
    write(path, trades(3), folder)
    backup = shutil.copy(path, path.with_name("backup"))
    write(path, trades(4, after=3), folder)
    shutil.move(backup, path)
    other = [Entry(entry.seq, entry.at_ns + 1, entry.event) for entry in trades(6, after=3)]
    write(path, other, None)
    found = look(path, folder)
    assert (found.behind, "the journal was changed" in found.problem) == (False, True)


def test_an_edit_with_all_hashes_made_anew_is_found_out(path: Path, folder: Path) -> None:
    write(path, trades(9), folder)
    kept = trades(9)
    rewrite(path, [*kept[:4], *(Entry(one.seq, one.at_ns + 5, one.event) for one in kept[4:])])
    assert "entry 9 is another" in look(path, folder).problem
    rewrite(path, kept[:5])
    assert look(path, folder).behind
    rewrite(path, kept)
    assert not look(path, folder).problem


def forge(folder: Path, head: Path) -> None:
    head.write_bytes(head.read_bytes().replace(b'"seq":9', b'"seq":5'))


def another_key(folder: Path, head: Path) -> None:
    (folder / KEY_FILE).write_text("00" * 32)


def garbage(folder: Path, head: Path) -> None:
    head.write_text("{")


@pytest.mark.parametrize(("act", "told"), [(forge, "MAC"), (another_key, "MAC"), (garbage, "cannot be read")])
def test_an_anchor_that_others_wrote_is_found_out(
    path: Path, folder: Path, act: Callable[[Path, Path], None], told: str
) -> None:
    write(path, trades(9), folder)
    act(folder, next(folder.glob("*.json")))
    found = look(path, folder)
    assert told in found.problem
    assert not found.checked


def test_each_journal_has_its_own_anchor_and_all_share_a_key_for_their_owner_alone(path: Path, folder: Path) -> None:
    write(path, trades(3), folder)
    other = path.parent.with_name("other") / path.name
    other.parent.mkdir()
    write(other, entries(every_kind()), folder)
    assert len(list(folder.glob("*.json"))) == 2
    assert not look(path, folder).problem
    assert not look(other, folder).problem
    assert folder.stat().st_mode & 0o777 == FOLDER_BITS
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {FILE_BITS}


def test_verify_checks_the_mac_only_with_the_key(path: Path, folder: Path) -> None:
    write(path, trades(9), folder)
    anchor = Anchor(folder)
    assert verify(path).mac == NOT_CHECKED
    assert verify(path, anchor=Anchor(folder / "elsewhere")).mac == NOT_CHECKED
    assert verify(path, anchor=anchor).mac == "MAC checked up to entry 9"
    kept = trades(9)
    rewrite(path, kept[:5])
    assert "ends at entry 5, and was at entry 9" in verify(path, anchor=anchor).mac
    rewrite(path, [*kept[:4], *(Entry(one.seq, one.at_ns + 5, one.event) for one in kept[4:])])
    assert any("entry 9 is another" in problem for problem in verify(path, anchor=anchor).problems)
    assert not any("entry 9 is another" in problem for problem in verify(path).problems), "the chain alone is whole"
    (folder / KEY_FILE).unlink()
    assert verify(path, anchor=anchor).mac == NOT_CHECKED
