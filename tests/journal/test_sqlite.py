"""The journal's file: one owner, readers beside it, foreign files, and a busy process (specification §13.5)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import apsw
import pytest
from tests.support.journal_entries import trades

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.database import APPLICATION_ID, FORMAT, FORMAT_SEALED, require_safe_sqlite
from overmind.journal.errors import JournalCorrupt, JournalForeign, JournalLocked, JournalUnusable, SqliteUnsafe
from overmind.journal.sqlite import SqliteJournal
from overmind.journal.verify import verify_chain
from overmind.journal.writer import INSERTS
from overmind.ports import JournalFailed, Snapshot

ROOT = Path(__file__).parents[2]
SQL_CACHED_BYTES_MAX = 16_384  # apsw compiles longer statements again each time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "overmind.db"


def write(path: Path, count: int, after: int = 0) -> None:
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        asyncio.run(journal.append(trades(count, after)))


def python(program: str, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, text=True
    )


WRITE_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from overmind.journal.sqlite import SqliteJournal
from tests.support.journal_entries import trades

async def run(journal):
    seq = 0
    while True:
        await journal.append(trades(7, after=seq))
        seq += 7
        print(seq, flush=True)

asyncio.run(run(SqliteJournal.open(Path(sys.argv[1]))))
"""

READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from overmind.journal.sqlite import SqliteJournal
if os.geteuid() == 0:
    os.setuid(65534)
journal = SqliteJournal.open_read_only(Path(sys.argv[1]))
print(sum(1 for _ in journal.read()))
journal.close()
"""

# One owner


def test_a_second_owner_is_refused_and_told_who_owns_it(path: Path) -> None:
    owner = SqliteJournal.open(path)
    with pytest.raises(JournalLocked, match=str(os.getpid())):
        SqliteJournal.open(path)
    owner.close()
    SqliteJournal.open(path).close()


def test_the_lock_of_another_process_names_it_and_dies_with_it(path: Path) -> None:
    with python(WRITE_FOR_EVER, path) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(JournalLocked, match=str(other.pid)):
            SqliteJournal.open(path)
        other.kill()
    SqliteJournal.open(path).close()


def test_a_lock_file_left_behind_is_no_obstacle(path: Path) -> None:
    path.with_name("overmind.lock").write_text("1\n")
    SqliteJournal.open(path).close()


def test_a_killed_process_loses_nothing_that_it_was_promised(path: Path) -> None:
    with python(WRITE_FOR_EVER, path) as other:
        assert other.stdout is not None
        told = [other.stdout.readline() for _ in range(40)]
        other.send_signal(signal.SIGKILL)
        told += other.stdout.readlines()
    promised = max(int(line) for line in told if line.endswith("\n"))
    with contextlib.closing(SqliteJournal.open(path)) as journal:
        found = list(journal.read())
    assert len(found) >= promised
    assert len(found) % 7 == 0
    assert found == trades(len(found))


def test_closing_twice_is_closing_once_and_leaves_one_file(path: Path) -> None:
    journal = SqliteJournal.open(path)
    asyncio.run(journal.append(trades(3)))
    journal.close()
    journal.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["overmind.db", "overmind.lock", "reserve"]
    with pytest.raises(JournalFailed):
        asyncio.run(journal.append(trades(1, after=3)))


def test_a_missing_directory_is_explained(tmp_path: Path) -> None:
    with pytest.raises(JournalUnusable, match="must exist"):
        SqliteJournal.open(tmp_path / "absent" / "overmind.db")


# Readers


def test_a_reader_needs_no_owner_and_cannot_write(path: Path) -> None:
    write(path, 30)
    with contextlib.closing(SqliteJournal.open_read_only(path)) as reader:
        assert list(reader.read()) == trades(30)
        assert reader.find(SignalId("s3")) == 10
        with pytest.raises(JournalFailed):
            asyncio.run(reader.append(trades(1, after=30)))
        with pytest.raises(JournalFailed):
            asyncio.run(reader.save_snapshot(Snapshot(30, b"")))
    write(path, 3, after=30)


def test_a_reader_of_nothing_makes_nothing(path: Path) -> None:
    with pytest.raises(JournalUnusable, match="no journal"):
        SqliteJournal.open_read_only(path)
    assert list(path.parent.iterdir()) == []


def test_readers_see_whole_batches_while_the_owner_writes(path: Path) -> None:
    seen: list[int] = []
    journal = SqliteJournal.open(path)
    done = threading.Event()

    def follow() -> None:
        with contextlib.closing(SqliteJournal.open_read_only(path)) as reader:
            after = 0
            while not (done.is_set() and after == 3_000):
                for entry in reader.read(after):
                    assert entry == trades(1, after)[0]
                    assert reader.entry(entry.seq) == entry
                    after = entry.seq
                seen.append(after)

    async def run() -> None:
        for seq in range(0, 3_000, 10):
            await journal.append(trades(10, after=seq))
            assert journal.find(SignalId(f"s{seq // 3}")) is not None

    reader = threading.Thread(target=follow)
    reader.start()
    asyncio.run(run())
    done.set()
    reader.join(timeout=60)
    journal.close()
    assert seen[-1] == 3_000
    assert all(end % 10 == 0 for end in seen)


@pytest.mark.parametrize("leave", ["closed", "crashed"])
def test_a_reader_works_in_a_directory_that_it_may_not_write(leave: str) -> None:
    with tempfile.TemporaryDirectory() as made:  # Not in pytest's own folders, which other users may not enter.
        _read_without_writing(Path(made), leave)


def _read_without_writing(directory: Path, leave: str) -> None:
    path = directory / "overmind.db"
    if leave == "closed":
        write(path, 70)
    else:
        with python(WRITE_FOR_EVER, path) as other:
            assert other.stdout is not None
            for _ in range(10):
                other.stdout.readline()
            other.kill()
    for file in directory.iterdir():
        file.chmod(0o444)
    directory.chmod(0o555)
    with python(READ_AS_NOBODY, path) as reader:
        out, _ = reader.communicate(timeout=60)
    directory.chmod(0o755)
    assert reader.returncode == 0
    assert int(out) >= 70


# Foreign files


def test_an_operator_can_read_it_with_plain_sqlite(path: Path) -> None:
    write(path, 3)
    plain = apsw.Connection(str(path))
    (kind,) = plain.execute("SELECT json_extract(event, '$.type') FROM journal WHERE seq = 1").fetchall()[0]
    (text,) = plain.execute("SELECT CAST(event AS TEXT) FROM journal WHERE seq = 3").fetchall()[0]
    plain.close()
    assert kind == "OrderPlaced"
    assert json.loads(str(text))["type"] == "OrderClosed"


@pytest.mark.parametrize(
    ("application", "version", "word"),
    [
        (APPLICATION_ID, FORMAT_SEALED + 1, "newer"),
        (APPLICATION_ID, 0, "not an Overmind journal"),
        (7, 0, "not an Overmind journal"),
    ],
)
def test_a_newer_or_foreign_file_is_refused_untouched(path: Path, application: int, version: int, word: str) -> None:
    db = apsw.Connection(str(path))
    db.execute(f"PRAGMA application_id = {application}; PRAGMA user_version = {version}; CREATE TABLE theirs (x)")
    db.close()
    before = path.read_bytes()
    for opener in (SqliteJournal.open, SqliteJournal.open_read_only, lambda path: list(verify_chain(path))):
        with pytest.raises(JournalForeign, match=word):
            opener(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("version", "then"), [(1, FORMAT), (FORMAT_SEALED, FORMAT_SEALED)])
def test_a_journal_of_the_first_format_is_read_and_loses_its_old_index(path: Path, version: int, then: int) -> None:
    """A reader leaves it. A journal whose entries were sealed since has it too."""
    write(path, 3)
    db = apsw.Connection(str(path))
    db.execute("CREATE INDEX journal_decision ON journal (at_ns, seq, signal_id) WHERE signal_id IS NOT NULL")
    db.execute(f"PRAGMA user_version = {version}")
    db.close()
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        assert list(journal.read()) == trades(3)
    assert indexes(path) == {"journal_decision", "journal_signal"}
    write(path, 4, after=3)
    assert indexes(path) == {"journal_signal"}
    with contextlib.closing(apsw.Connection(str(path))) as db:
        assert db.pragma("user_version") == then
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        assert list(journal.read()) == trades(7)
    assert [found for found in verify_chain(path) if not isinstance(found, Entry)] == []


def indexes(path: Path) -> set[str]:
    with contextlib.closing(apsw.Connection(str(path))) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL")}


def test_somebody_elses_plain_database_is_foreign(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(JournalForeign):
        SqliteJournal.open(path)


def test_garbage_is_refused(path: Path) -> None:
    path.write_bytes(b"Dear diary, today I bought SOL. " * 300)
    for opener in (SqliteJournal.open, SqliteJournal.open_read_only):
        with pytest.raises(JournalCorrupt, match="not a whole database"):
            opener(path)


def test_a_missing_index_is_refused(path: Path) -> None:
    write(path, 3)
    db = apsw.Connection(str(path))
    db.execute("DROP INDEX journal_signal")
    db.close()
    with pytest.raises(JournalCorrupt, match="journal_signal"):
        SqliteJournal.open(path)


def test_a_directory_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalUnusable):
        SqliteJournal.open(path)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ("3.7.0", False),
        ("3.40.1", False),
        ("3.44.5", False),
        ("3.44.6", True),
        ("3.45.9", False),
        ("3.50.6", False),
        ("3.50.7", True),
        ("3.51.2", False),
        ("3.51.3", True),
        ("3.53", True),
        ("4.0.0", True),
    ],
)
def test_sqlite_with_the_wal_reset_bug_is_refused(version: str, safe: bool) -> None:
    with contextlib.nullcontext() if safe else pytest.raises(SqliteUnsafe, match=version):
        require_safe_sqlite(version)


# A busy process


def test_a_batch_is_one_statement_that_apsw_keeps_compiled() -> None:
    assert max(map(len, INSERTS.values())) < SQL_CACHED_BYTES_MAX


def test_a_loop_that_never_idles_does_not_starve_the_writer(path: Path) -> None:
    async def never_idle() -> None:
        while True:
            end = time.perf_counter() + 0.0002
            while time.perf_counter() < end:
                pass
            await asyncio.sleep(0)

    async def run(journal: SqliteJournal) -> None:
        busy = asyncio.create_task(never_idle())
        for seq in range(0, 200, 10):
            await journal.append(trades(10, after=seq))
        busy.cancel()

    with contextlib.closing(SqliteJournal.open(path)) as journal:
        # Without the pauses of the event loop each append may take seconds.
        asyncio.run(asyncio.wait_for(run(journal), timeout=20))
        assert len(list(journal.read())) == 200


def test_an_append_that_was_abandoned_leaves_no_gap(path: Path) -> None:
    batches: list[list[Entry]] = [trades(1, after=seq) for seq in range(20)]

    async def run(journal: SqliteJournal) -> None:
        tasks = [asyncio.create_task(journal.append(batch)) for batch in batches]
        await asyncio.sleep(0)
        tasks[10].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with contextlib.closing(SqliteJournal.open(path)) as journal:
        asyncio.run(run(journal))
        found = list(journal.read())
    assert len(found) >= 10
    assert found == trades(len(found))
