"""A damaged journal is refused or read whole. It is never read in part, and the error says what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from tests.support.journal_entries import T0, trades

from overmind.core.model.events import Entry
from overmind.journal.chain import encode
from overmind.journal.errors import JournalCorrupt, JournalProblem, JournalUnusable
from overmind.journal.memory import MemoryJournal
from overmind.journal.sqlite import SqliteJournal
from overmind.journal.verify import verify_chain
from overmind.ports import Snapshot

ENTRIES = 300
OFFSETS = 60


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pristine") / "overmind.db"
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        asyncio.run(journal.append(trades(ENTRIES)))
        for seq in (100, 200, 250):
            asyncio.run(journal.save_snapshot(Snapshot(seq, b"state of %d " % seq * 500)))
    return path


@pytest.fixture
def path(pristine: Path, tmp_path: Path) -> Path:
    shutil.copytree(pristine.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / pristine.name


def change(path: Path, sql: str, *values: apsw.SQLiteValue) -> None:
    """Changes the file by hand."""
    db = apsw.Connection(str(path))
    db.execute(sql, values)
    db.close()


def problems(path: Path) -> list[JournalProblem]:
    return [found for found in verify_chain(path) if isinstance(found, JournalProblem)]


def read_all(opener: Callable[[Path], SqliteJournal], path: Path) -> list[Entry] | None:
    """All entries, or None if the journal is refused."""
    with contextlib.suppress(JournalUnusable), contextlib.closing(opener(path)) as journal:
        return list(journal.read())
    return None


def test_an_undamaged_journal_has_no_problems(path: Path) -> None:
    assert list(verify_chain(path)) == trades(ENTRIES)


def test_invalid_utf8_is_a_problem_and_no_crash(path: Path) -> None:
    """A flipped bit may leave bytes that are not UTF-8, which SQLite returns unchanged."""
    with contextlib.closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE journal SET signal_id = CAST(x'b262' AS TEXT) WHERE seq = 3")
    assert read_all(SqliteJournal.open, path) is None
    assert problems(path)


# Cut and flipped files


def cuts(size: int) -> list[int]:
    chance = random.Random(1)
    pages = [4_096 * chance.randrange(1, size // 4_096) for _ in range(OFFSETS // 3)]
    return [0, 1, 15, 16, 99, 100, 4_095, size - 1, *pages, *(chance.randrange(size) for _ in range(OFFSETS))]


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for cut in cuts(len(whole)):
        for opener in (SqliteJournal.open, SqliteJournal.open_read_only):
            path.write_bytes(whole[:cut])
            assert read_all(opener, path) is None, f"cut at {cut}"
        assert problems(path), f"cut at {cut}"


def test_a_file_cut_anywhere_beside_its_log_is_refused_or_read_whole(tmp_path: Path) -> None:
    source, path = tmp_path / "source" / "overmind.db", tmp_path / "overmind.db"
    source.parent.mkdir()
    with contextlib.closing(SqliteJournal.open(source)) as journal:
        asyncio.run(journal.append(trades(100)))
        change(source, "PRAGMA wal_checkpoint")
        asyncio.run(journal.append(trades(ENTRIES - 100, after=100)))
        whole, log = source.read_bytes(), source.with_name("overmind.db-wal").read_bytes()
    reserve, beside = path.with_name("reserve"), path.with_name("overmind.db-wal")
    for cut in cuts(len(whole)):
        for leftover in (path.with_name("overmind.db-shm"), reserve):
            leftover.unlink(missing_ok=True)
        path.write_bytes(whole[:cut])
        beside.write_bytes(log)
        found = read_all(SqliteJournal.open, path)
        assert found is None or found == trades(ENTRIES), f"cut at {cut}"


def test_an_empty_file_where_a_journal_was_is_refused_and_its_log_kept(path: Path) -> None:
    log = path.with_name("overmind.db-wal")
    log.write_bytes(b"all that is left")
    for lose in (lambda: path.write_bytes(b""), path.unlink):
        lose()
        with pytest.raises(JournalCorrupt, match="its log"):
            SqliteJournal.open(path)
        assert log.read_bytes() == b"all that is left"


def test_a_bit_flipped_anywhere_is_noticed_or_harmless(path: Path) -> None:
    whole, chance, noticed = path.read_bytes(), random.Random(2), 0
    for _ in range(3 * OFFSETS):
        at = chance.randrange(len(whole))
        flipped = bytearray(whole)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        found = read_all(SqliteJournal.open, path)
        assert found is None or found == trades(ENTRIES), f"flipped at {at}"
        noticed += found is None
    assert noticed > OFFSETS


def test_verify_names_the_row_in_which_a_bit_was_flipped(path: Path) -> None:
    whole, chance = path.read_bytes(), random.Random(3)
    for entry in chance.sample(trades(ENTRIES), 40):
        event = encode(entry.event)
        damaged = bytearray(event)
        damaged[chance.randrange(len(event))] ^= 1 << chance.randrange(8)
        path.write_bytes(whole.replace(event, damaged))  # A page that was split keeps copies of the rows that moved.
        assert [problem.seq for problem in problems(path)] == [entry.seq]


# Changed rows


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("UPDATE journal SET event = CAST('{}' AS BLOB) WHERE seq = 10", [10]),
        ("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 10", [10]),
        ("UPDATE journal SET hash = zeroblob(32) WHERE seq = 10", [10, 11]),
        ("UPDATE journal SET hash = x'' WHERE seq = 300", [300]),
        ("UPDATE journal SET signal_id = 'other' WHERE seq = 10", [10]),
        ("UPDATE journal SET signal_id = NULL WHERE seq = 10", [10]),
        ("UPDATE journal SET signal_id = 'extra' WHERE seq = 11", [11]),
        ("DELETE FROM journal WHERE seq = 10", [11]),
        ("DELETE FROM journal WHERE seq = 1", [2]),
        ("DELETE FROM journal WHERE seq > 240", [250]),
        ("UPDATE journal SET seq = 999 WHERE seq = 300", [999]),
        ("UPDATE journal SET seq = -1 WHERE seq = 10", [11]),
    ],
)
def test_a_changed_row_is_refused_and_named(path: Path, sql: str, named: list[int]) -> None:
    change(path, sql)
    assert read_all(SqliteJournal.open, path) is None
    assert read_all(SqliteJournal.open_read_only, path) is None
    assert [problem.seq for problem in problems(path)] == named


def test_a_valid_entry_put_in_anothers_place_is_refused(path: Path) -> None:
    change(path, "UPDATE journal SET (event, hash) = (SELECT event, hash FROM journal WHERE seq = 13) WHERE seq = 16")
    assert read_all(SqliteJournal.open, path) is None


def test_an_event_of_the_future_is_refused_by_name_and_not_by_accident(path: Path) -> None:
    """A valid chain with an event that this version does not know."""
    before = MemoryJournal()
    asyncio.run(before.append(trades(ENTRIES)))
    event, at_ns = b'{"type":"WalletUpgraded"}', T0 + ENTRIES + 1
    link = hashlib.sha256(before.head() + struct.pack(">qq", ENTRIES + 1, at_ns) + event).digest()
    change(path, "INSERT INTO journal VALUES (?, ?, NULL, ?, ?)", ENTRIES + 1, at_ns, event, link)
    with pytest.raises(JournalCorrupt, match="WalletUpgraded"):
        SqliteJournal.open(path)
    assert [problem.seq for problem in problems(path)] == [301]


def test_verify_goes_on_after_a_problem(path: Path) -> None:
    change(path, "UPDATE journal SET event = CAST('{}' AS BLOB) WHERE seq IN (10, 20)")
    found = list(verify_chain(path))
    assert [item.seq for item in found if isinstance(item, JournalProblem)] == [10, 20]
    assert [item for item in found if isinstance(item, Entry)] == [e for e in trades(ENTRIES) if e.seq not in (10, 20)]


# Snapshots


@pytest.mark.parametrize(
    ("sql", "left"),
    [
        ("UPDATE snapshot SET state = x'00' WHERE seq = 250", 200),
        ("UPDATE snapshot SET digest = zeroblob(32) WHERE seq = 250", 200),
        ("UPDATE snapshot SET hash = zeroblob(32) WHERE seq = 250", 200),
        ("UPDATE snapshot SET seq = 260 WHERE seq = 250", 200),
        ("UPDATE snapshot SET seq = 999 WHERE seq = 250", 200),
        ("UPDATE snapshot SET state = x'00'", None),
        ("DELETE FROM snapshot", None),
    ],
)
def test_a_damaged_snapshot_gives_way_to_the_older_one(path: Path, sql: str, left: int | None) -> None:
    change(path, sql)
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        snapshot = journal.snapshot()
        assert len(list(journal.read(0 if snapshot is None else snapshot.seq))) == ENTRIES - (left or 0)
    assert (snapshot and snapshot.seq) == left
    assert bool(problems(path)) == sql.startswith("UPDATE")


def test_only_two_snapshots_are_kept(path: Path) -> None:
    db = apsw.Connection(str(path))
    kept = [seq for (seq,) in db.execute("SELECT seq FROM snapshot ORDER BY seq")]
    db.close()
    assert kept == [200, 250]


def test_a_snapshot_of_another_history_is_not_used(path: Path, tmp_path: Path) -> None:
    """The digest is valid, but the snapshot is of a journal with another history."""
    other = tmp_path / "other" / "overmind.db"
    other.parent.mkdir()
    with contextlib.closing(SqliteJournal.open(other)) as journal:
        asyncio.run(journal.append([Entry(e.seq, e.at_ns + 1, e.event) for e in trades(ENTRIES)]))
        asyncio.run(journal.save_snapshot(Snapshot(280, b"another world")))
    change(path, f"ATTACH '{other}' AS other; INSERT INTO snapshot SELECT * FROM other.snapshot")
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        snapshot = journal.snapshot()
    assert snapshot is not None
    assert snapshot.seq == 250
    assert [problem.seq for problem in problems(path)] == [280]
