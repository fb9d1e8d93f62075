"""The file of the bars beside the journal. It names the entry up to which it goes.

A lost, damaged or foreign file is made anew, so it is written without waiting for the disk, and nothing depends on it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import apsw

from overmind.journal.bars.bar import KEPT_S, Bar
from overmind.journal.database import PAGE_BYTES, open_read_only
from overmind.journal.errors import JournalUnusable
from overmind.journal.place import FILE_MODE, INDEX, LOG, require_no_symlink

BARS: Final = "overmind-bars.db"  # the file beside the journal
APPLICATION_ID: Final = 0x4F564D42  # "OVMB"
FORMAT: Final = 1  # Raise it when bars mean something else: older files are then made anew.
BUSY_MS: Final = 2_000
ROOM_MIN: Final = 64 << 20  # bytes of the disk that are left to the journal
BARS_READ_MAX: Final = 20_000

SCHEMA: Final = (
    "CREATE TABLE reached (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TABLE bar (series TEXT NOT NULL, length_s INTEGER NOT NULL, start_s INTEGER NOT NULL, open REAL NOT NULL,"
    " high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, PRIMARY KEY (series, length_s, start_s)) STRICT,"
    " WITHOUT ROWID",
)
ADD: Final = (
    "INSERT INTO bar VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " high = max(high, excluded.high), low = min(low, excluded.low), close = excluded.close"
)
DROP: Final = "DELETE FROM bar WHERE series = ? AND length_s = ? AND start_s < ?"
READ: Final = (
    "SELECT series, length_s, start_s, open, high, low, close FROM bar"
    " WHERE series = ? AND length_s = ? AND start_s >= ? AND start_s < ? ORDER BY start_s DESC LIMIT ?"
)


class BarsFailed(JournalUnusable):
    """The bars cannot be read or written now. The page shows no charts, and says so."""


class BarsUseless(BarsFailed):
    """The file is damaged, or of another journal or version: it has to be made anew."""


class Hashed(Protocol):
    """What the bars ask a journal."""

    def hash_of(self, seq: int) -> bytes | None: ...


class BarStore:
    """Only one thread may use it. Its methods raise BarsFailed."""

    def __init__(self, db: apsw.Connection, folder: Path) -> None:
        self._db = db
        self._folder = folder

    @classmethod
    def open(cls, journal_path: Path, journal: Hashed) -> BarStore:
        """For writing. Makes the file if there is none, and makes it anew if it is damaged or of another journal."""
        path = journal_path.with_name(BARS)
        try:
            require_no_symlink(path)
        except JournalUnusable as error:
            raise BarsFailed(str(error)) from error
        try:
            return cls._opened(path, journal)
        except BarsUseless:  # There is nothing in it to lose.
            with _failing():
                for suffix in ("", LOG, INDEX):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            return cls._opened(path, journal)

    @classmethod
    def _opened(cls, path: Path, journal: Hashed) -> BarStore:
        with _failing():
            db = apsw.Connection(str(path))
            with contextlib.ExitStack() as undo:
                undo.callback(db.close, force=True)
                path.chmod(FILE_MODE)
                _prepare(db)
                store = cls(db, path.parent)
                if not store.fits(journal):
                    raise BarsUseless(f"{path}: is of another journal")
                undo.pop_all()
        return store

    @classmethod
    def open_read_only(cls, journal_path: Path) -> BarStore | None:
        """None: there is none that can be read."""
        path = journal_path.with_name(BARS)
        if path.is_symlink() or not path.is_file():
            return None
        with _failing():
            db = open_read_only(path, None)
            with contextlib.ExitStack() as undo:
                undo.callback(db.close, force=True)
                db.set_busy_timeout(BUSY_MS)
                if not _is_ours(db):
                    return None
                undo.pop_all()
        return cls(db, path.parent)

    @property
    def reached(self) -> int:
        """The entry up to which the bars go."""
        with _failing():
            return int(self._db.execute("SELECT seq FROM reached").get)

    def fits(self, journal: Hashed) -> bool:
        """Whether that entry is one of this journal, and so are all before it."""
        with _failing():
            link = self._db.execute("SELECT hash FROM reached").get
        return self.reached == 0 or journal.hash_of(self.reached) == link

    def add(self, bars: Sequence[Bar], seq: int, journal: Hashed) -> None:
        """Joins bars with those that are kept, up to this durable entry, and drops old ones. All or nothing."""
        self._require_room()
        with _failing(), self._db:
            self._db.executemany(ADD, bars)
            self._db.execute("UPDATE reached SET seq = ?, hash = ?", (seq, journal.hash_of(seq) or b""))
            newest = {(bar.series, bar.length_s): bar.start_s - KEPT_S[bar.length_s] for bar in bars}
            self._db.executemany(DROP, [(*key, oldest_s) for key, oldest_s in newest.items()])

    def read(self, series: str, length_s: int, from_s: int, to_s: int) -> list[Bar]:
        """The newest bars that begin in this time, in order."""
        with _failing():
            rows = self._db.execute(READ, (series, length_s, from_s, to_s, BARS_READ_MAX)).fetchall()
        return [Bar(*row) for row in reversed(rows)]

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):
            self._db.close(force=True)

    def _require_room(self) -> None:
        """On a full disk the journal frees its reserve for exits, and nothing else may take it."""
        with _failing():
            disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < ROOM_MIN:
            raise BarsFailed(f"{BARS}: the disk has less than {ROOM_MIN >> 20} MB left. Make room.")


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    """Converts the errors of SQLite and of the disk."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError, ValueError) as error:
        raise BarsUseless(f"{BARS} is damaged ({error}). Delete it: it is made anew.") from error
    except (apsw.Error, OSError) as error:
        raise BarsFailed(f"{BARS} cannot be used ({error}). Check its permissions and the disk.") from error


def _prepare(db: apsw.Connection) -> None:
    db.set_busy_timeout(BUSY_MS)
    if not _is_ours(db):
        if db.execute("SELECT count(*) FROM sqlite_schema").get:
            raise BarsUseless("another database, or bars of another version")
        db.pragma("page_size", PAGE_BYTES)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "normal")  # After a power loss it may end earlier, and is whole.
    with db:
        if not _is_ours(db):
            for statement in SCHEMA:
                db.execute(statement)
            db.execute("INSERT INTO reached VALUES (1, 0, x'')")
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", FORMAT)


def _is_ours(db: apsw.Connection) -> bool:
    return (db.pragma("application_id"), db.pragma("user_version")) == (APPLICATION_ID, FORMAT)
