"""`overmind journal`: sealing and archiving by hand, and what is said when a segment cannot be read."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.command import as_json, copy_of, overmind
from tests.support.sealing import folded, open_journal, traded, write

from overmind.cli.cores import over_all_cores
from overmind.core.books.state import state_hash
from overmind.journal.sqlite import SqliteJournal

ENTRIES = traded(2_600)
FIRST = f"{1:012}-{1_000:012}.seg"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "data").mkdir()
    asyncio.run(write(folder / "data", ENTRIES, []))
    told = as_json(overmind(folder, "journal", "seal", "--entries", "1000", "--json"))
    assert (told["sealed_now"], told["sealed"], told["sealable"]) == (3, len(ENTRIES) - 100, 0)
    return folder


@pytest.fixture
def desk(sealed: Path, tmp_path: Path) -> Path:
    return copy_of(sealed, tmp_path)


def require_verified(desk: Path) -> None:
    told = as_json(overmind(desk, "verify", "data", "--json"))
    assert told["ok"], told
    assert (told["entries"], told["state_hash"]) == (len(ENTRIES), state_hash(folded(ENTRIES)))


def test_a_journal_is_sealed_and_becomes_smaller(desk: Path) -> None:
    status = as_json(overmind(desk, "journal", "status", "--json"))
    assert [one["first"] for one in status["segments"]] == [1, 1_001, 2_001]
    assert {one["folder"] for one in status["segments"]} == {str(desk / "data" / "segments")}
    whole = sum(one["bytes"] for one in status["segments"])
    assert status["journal_bytes"] + whole < len(ENTRIES) * 400
    assert "3 segments" not in overmind(desk, "journal", "status").stdout
    assert FIRST in overmind(desk, "journal", "status").stdout
    assert as_json(overmind(desk, "journal", "seal", "--json"))["sealed_now"] == 0, "nothing is left to seal"
    require_verified(desk)


def test_archived_segments_are_read_where_they_are(desk: Path) -> None:
    moved = as_json(overmind(desk, "journal", "archive", "other", "--json"))
    assert moved["moved"] == [FIRST, f"{1_001:012}-{2_000:012}.seg"]
    assert sorted(path.name for path in (desk / "other").iterdir()) == moved["moved"]
    require_verified(desk)
    status = as_json(overmind(desk, "journal", "status", "--json"))
    assert [Path(one["folder"]).name for one in status["segments"]] == ["other", "other", "segments"]
    assert as_json(overmind(desk, "journal", "archive", "other", "--json"))["moved"] == []
    assert as_json(overmind(desk, "journal", "archive", "third", "--keep", "0", "--json"))["moved"] != []
    require_verified(desk)


def test_without_the_archive_the_desk_goes_on_and_verify_names_it(desk: Path) -> None:
    overmind(desk, "journal", "archive", "other")
    (desk / "other").rename(desk / "away")
    told = as_json(overmind(desk, "verify", "data", "--json"))
    assert not told["ok"]
    assert len(told["problems"]) == 2
    assert "Mount the archive that holds it" in told["problems"][0]
    assert str(desk / "other") in told["problems"][0]
    status = overmind(desk, "journal", "status", "--json")
    assert status.returncode == 0
    assert "it is missing" in status.stderr
    assert overmind(desk, "portfolio").returncode == 0
    (desk / "away").rename(desk / "other")
    require_verified(desk)


def test_an_archive_that_cannot_be_written_moves_nothing(desk: Path) -> None:
    (desk / "file").write_text("no folder")
    done = overmind(desk, "journal", "archive", "file/inside")
    assert done.returncode == 2
    assert "a mount may be read-only" in done.stderr
    same = overmind(desk, "journal", "archive", "data/segments")
    assert same.returncode == 2
    assert "Name another folder" in same.stderr
    assert (desk / "data" / "segments" / FIRST).exists()
    require_verified(desk)


def test_an_archive_never_takes_a_segment_that_is_damaged(desk: Path) -> None:
    path = desk / "data" / "segments" / FIRST
    raw = bytearray(path.read_bytes())
    raw[-9] ^= 1
    path.write_bytes(raw)
    done = overmind(desk, "journal", "archive", "other")
    assert done.returncode == 2
    assert FIRST in done.stderr
    assert path.exists()
    assert not (desk / "other" / FIRST).exists()


def test_a_journal_that_a_service_writes_is_not_sealed_by_hand(desk: Path) -> None:
    with closing(open_journal(desk / "data")):
        done = overmind(desk, "journal", "seal")
    assert done.returncode == 4
    assert "owns this journal" in done.stderr


def test_a_journal_without_segments_has_a_status(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with closing(SqliteJournal.open(tmp_path / "data" / "overmind.db")):
        pass
    assert as_json(overmind(tmp_path, "journal", "status", "--json"))["segments"] == []


def test_all_cores_give_the_same_in_the_same_order() -> None:
    assert list(over_all_cores(abs, [-3, 2, -1])) == [3, 2, 1]
    assert list(over_all_cores(abs, [-3])) == [3]
