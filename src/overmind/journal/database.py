"""The journal's SQLite file: connections, format, and what SQLite's errors mean for the journal."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import quote

import apsw

from overmind.core.model.value import Value
from overmind.journal.chain import GENESIS, JournalTip, Row, check, digest, tip_of
from overmind.journal.errors import JournalCorrupt, JournalForeign, JournalProblem, JournalUnusable, SqliteUnsafe
from overmind.journal.segments import sealed
from overmind.ports import Snapshot

APPLICATION_ID = 0x4F564D44  # "OVMD"
FORMAT = 2
FORMAT_SEALED = 3  # of a journal with sealed segments, which older versions would take for one with missing entries
FORMAT_OLD = 1  # of a journal with an index that nobody reads any more
FORMATS = (FORMAT_OLD, FORMAT, FORMAT_SEALED)
OLD_INDEX = "journal_decision"
BUSY_MS_MAX = 5_000  # An operator's sqlite3 shell may lock the file for a moment.
PAGE_BYTES = 4096
RESERVE = "reserve"  # the file beside the journal that reserves disk space
# A day on a full disk: marks every 20 s are 4,320 entries of up to 1.5 KB (ten tokens held), 6.5 MB with their pages.
RESERVE_BYTES = 16 * 1024 * 1024

# A partial index: only a signal's first decision is ever looked up, so all other rows cost nothing here.
SCHEMA = {
    "journal": "CREATE TABLE journal (seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, signal_id TEXT,"
    " event BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
    "journal_signal": "CREATE UNIQUE INDEX journal_signal ON journal (signal_id) WHERE signal_id IS NOT NULL",
    "snapshot": "CREATE TABLE snapshot (seq INTEGER PRIMARY KEY, state BLOB NOT NULL, hash BLOB NOT NULL,"
    " digest BLOB NOT NULL) STRICT",
}


class Disk(Value, frozen=True):
    """The journal's disk settings. Only tests change them."""

    vfs: str | None = None
    synchronous: str = "FULL"  # OFF loses acknowledged entries: it proves that the power-loss test would notice.
    checkpoint_pages: int = 1000
    reserve_bytes: int = RESERVE_BYTES


def require_safe_sqlite(version: str) -> None:
    """Refuses SQLite with the WAL-reset bug: a commit that races two checkpoints can be lost for good.

    Versions 3.7.0 to 3.51.2 have it. 3.51.3 fixes it, and so do the backports 3.50.7 and 3.44.6. Source:
    https://sqlite.org/wal.html#walresetbug, https://sqlite.org/releaselog/3_51_3.html
    """
    major, minor, patch = (int(part) for part in [*version.split("."), "0"][:3])
    fixed = (major, minor, patch) >= (3, 51, 3)
    backported = (major, minor) in ((3, 44), (3, 50)) and patch >= {44: 6, 50: 7}[minor]
    if not fixed and not backported:
        raise SqliteUnsafe(f"SQLite {version} can lose committed data (WAL-reset bug). Install apsw 3.51.3 or newer.")


@contextlib.contextmanager
def refusing(where: Path) -> Iterator[None]:
    """Converts SQLite's errors into JournalCorrupt or JournalUnusable."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise JournalCorrupt(where, JournalProblem(f"not a whole database ({error})")) from error
    except UnicodeDecodeError as error:  # SQLite itself does not check text.
        raise JournalCorrupt(where, JournalProblem(f"holds a text that is not UTF-8 ({error.reason})")) from error
    except apsw.SQLError as error:
        raise JournalCorrupt(where, JournalProblem(f"not the tables of a journal ({error})")) from error
    except apsw.BusyError as error:
        raise JournalUnusable(f"{where}: another program keeps it locked ({error}). Close it and try again.") from error
    except apsw.Error as error:
        raise JournalUnusable(
            f"{where}: cannot be used ({error}). Check the path, its permissions and the disk."
        ) from error


def connect_writer(path: Path, disk: Disk) -> apsw.Connection:
    """The only connection that writes and checkpoints. Creates the journal if there is none."""
    require_safe_sqlite(apsw.sqlite_lib_version())
    require_not_emptied(path)
    with refusing(path):
        db = apsw.Connection(str(path), vfs=disk.vfs)
    try:
        with refusing(path):
            _prepare(db, path, disk)
    except JournalUnusable:
        db.close(force=True)
        raise
    return db


def connect_reader(path: Path, vfs: str | None = None) -> apsw.Connection:
    """Reads committed entries, also while a writer writes. Never writes or checkpoints."""
    require_safe_sqlite(apsw.sqlite_lib_version())
    require_not_emptied(path)
    if not path.exists():
        raise JournalUnusable(f"{path}: there is no journal. Check the path, or start the service once to make one.")
    with refusing(path):
        db = open_read_only(path, vfs)
    try:
        with refusing(path):
            db.set_busy_timeout(BUSY_MS_MAX)
            db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            if _is_new(db, path):
                raise JournalCorrupt(path, JournalProblem("holds no entries and no tables"))
            _require_schema(db, path)
    except JournalUnusable:
        db.close(force=True)
        raise
    return db


def tip_at(db: apsw.Connection, seq: int) -> JournalTip | None:
    if seq == 0:
        return GENESIS
    row = db.execute("SELECT seq, at_ns, hash FROM journal WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else JournalTip(*row)


def rows_after(db: apsw.Connection, seq: int, count: int) -> list[Row]:
    """A page of rows. An open cursor instead would keep the writer from reusing its log."""
    found = db.execute(
        "SELECT seq, at_ns, signal_id, event, hash FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (seq, count)
    )
    return cast(list[Row], found.fetchall())  # STRICT tables hold no other types.


def last_seq(db: apsw.Connection) -> int:
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM journal").get)


def snapshot_seqs(db: apsw.Connection) -> list[int]:
    """Newest first."""
    return [seq for (seq,) in db.execute("SELECT seq FROM snapshot ORDER BY seq DESC")]


def load_snapshot(db: apsw.Connection, seq: int) -> tuple[Snapshot, bytes] | None:
    """The snapshot, and the hash of the entry that it followed; None if it is damaged or missing."""
    try:
        row = db.execute("SELECT state, hash, digest FROM snapshot WHERE seq = ?", (seq,)).fetchone()
    except apsw.CorruptError:
        return None
    if row is None or row[2] != digest(seq, row[1], row[0]):
        return None
    return Snapshot(seq, row[0]), row[1]


def verified_end(db: apsw.Connection, path: Path) -> JournalTip:
    """The end of the chain. Raises JournalCorrupt if the chain was longer once, or its last entry is damaged."""
    snapshots = snapshot_seqs(db)
    last = last_seq(db)
    if snapshots and snapshots[0] > last and load_snapshot(db, snapshots[0]):
        raise JournalCorrupt(path, JournalProblem(f"the last, but a snapshot was taken after {snapshots[0]}", last))
    if last == 0:
        return GENESIS
    before = tip_at(db, last - 1)
    if before is None:
        raise JournalCorrupt(path, JournalProblem("the entry before it is missing", last))
    row = rows_after(db, before.seq, 1)[0]
    found = check(before, row)
    if isinstance(found, JournalProblem):
        raise JournalCorrupt(path, found)
    return tip_of(row)


def require_not_emptied(path: Path) -> None:
    """SQLite takes an empty file for a new database and deletes its log, which may hold all remaining entries."""
    if path.exists() and path.stat().st_size > 1:  # SQLite treats one byte like an empty file.
        return
    log, reserve = _sibling(path, "-wal"), path.with_name(RESERVE)
    if _holds_bytes(log):
        raise JournalCorrupt(path, JournalProblem(f"empty or missing, but its log {log.name} is not"))
    if path.exists() and reserve.exists():
        raise JournalCorrupt(path, JournalProblem(f"empty, but a journal was kept here: {reserve.name} lies beside it"))


def _holds_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _sibling(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _prepare(db: apsw.Connection, path: Path, disk: Disk) -> None:
    db.set_busy_timeout(BUSY_MS_MAX)
    new = _is_new(db, path)  # Checked before any change: the file may belong to another program.
    if new:
        db.pragma("page_size", PAGE_BYTES)
    if db.pragma("journal_mode", "wal") != "wal":
        raise JournalUnusable(f"{path}: this file system does not support SQLite's WAL. Use a local disk.")
    db.pragma("synchronous", disk.synchronous)
    db.pragma("fullfsync", 1)  # On macOS a plain fsync stops at the drive's cache.
    db.pragma("checkpoint_fullfsync", 1)
    db.wal_autocheckpoint(0)  # The writer checkpoints when nobody waits for it.
    if new:
        _create(db)
    _require_schema(db, path)
    if not sealed.has_tables(db):  # An older version made the journal.
        with db:
            sealed.create_tables(db)
    if db.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (OLD_INDEX,)).get:
        _drop_old_index(db)


def _drop_old_index(db: apsw.Connection) -> None:
    """It costs a write for each decision. All or nothing; on a full disk it stays, and another start tries again."""
    with contextlib.suppress(apsw.FullError, apsw.IOError), db:
        db.execute(f"DROP INDEX {OLD_INDEX}")
        if db.pragma("user_version") == FORMAT_OLD:  # Its own version would miss the index.
            db.pragma("user_version", FORMAT)


def _create(db: apsw.Connection) -> None:
    with db:
        for statement in SCHEMA.values():
            db.execute(statement)
        sealed.create_tables(db)
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", FORMAT)


def _is_new(db: apsw.Connection, path: Path) -> bool:
    """Whether the file is still empty. Raises JournalForeign if it is anything but our journal."""
    application, version = db.pragma("application_id"), db.pragma("user_version")
    if application == APPLICATION_ID and version in FORMATS:
        return False
    if application == APPLICATION_ID and version > FORMAT_SEALED:
        raise JournalForeign(
            f"{path}: written in format {version} by a newer Overmind; this one reads up to {FORMAT_SEALED}."
            " Upgrade it."
        )
    if application or version or db.execute("SELECT count(*) FROM sqlite_schema").get:
        raise JournalForeign(f"{path}: a database, but not an Overmind journal. Choose another path.")
    return True


def _require_schema(db: apsw.Connection, path: Path) -> None:
    found = set(db.execute("SELECT name, sql FROM sqlite_schema"))
    for name, sql in SCHEMA.items():
        if (name, sql) not in found:
            raise JournalCorrupt(path, JournalProblem(f"{name} is missing or was altered"))
    if path.stat().st_size % PAGE_BYTES and not _holds_bytes(_sibling(path, "-wal")):  # A log would repair it.
        raise JournalCorrupt(path, JournalProblem("cut off in the middle of a page"))


def open_read_only(path: Path, vfs: str | None) -> apsw.Connection:
    """Opens the file for reading. SQLite shares an index between readers and writer in a file that it must create.

    It cannot create that file on a backup that is mounted read-only. If no log is there either, no writer can be at
    work, and the file is opened as immutable.
    """
    if os.access(path.parent, os.W_OK) or _sibling(path, "-wal").exists():
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY, vfs=vfs)
    return apsw.Connection(
        f"file:{quote(str(path))}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI, vfs=vfs
    )
