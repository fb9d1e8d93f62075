"""The file of the bars beside the journal. It names the entry up to which it goes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import apsw

from overmind.journal.bars.bar import KEPT_S, Bar
from overmind.journal.derived import DAMAGE, ROOM_MIN, Derived
from overmind.journal.errors import JournalUnusable

BARS: Final = "overmind-bars.db"  # the file beside the journal
APPLICATION_ID: Final = 0x4F564D42  # "OVMB"
BARS_READ_MAX: Final = 20_000

SCHEMA: Final = (
    "CREATE TABLE reached (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TABLE bar (series TEXT NOT NULL, length_s INTEGER NOT NULL, start_s INTEGER NOT NULL, open REAL NOT NULL,"
    " high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, PRIMARY KEY (series, length_s, start_s)) STRICT,"
    " WITHOUT ROWID",
    "INSERT INTO reached VALUES (1, 0, x'')",
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


FILE: Final = Derived(BARS, APPLICATION_ID, 1, SCHEMA, BarsFailed, BarsUseless, (*DAMAGE, ValueError))


class BarStore:
    """Only one thread may use it. Its methods raise BarsFailed."""

    def __init__(self, db: apsw.Connection, folder: Path) -> None:
        self._db = db
        self._folder = folder

    @classmethod
    def open(cls, journal_path: Path, journal: Hashed) -> BarStore:
        """For writing. Makes the file if there is none, and makes it anew if it is damaged or of another journal."""
        return cls(FILE.open(journal_path, partial(_fits, journal)), journal_path.parent)

    @classmethod
    def open_read_only(cls, journal_path: Path) -> BarStore | None:
        """None: there is none that can be read."""
        db = FILE.open_read_only(journal_path, lambda _: True)
        return None if db is None else cls(db, journal_path.parent)

    @property
    def reached(self) -> int:
        """The entry up to which the bars go."""
        with FILE.failing():
            return int(self._db.execute("SELECT seq FROM reached").get)

    def add(self, bars: Sequence[Bar], seq: int, journal: Hashed) -> None:
        """Joins bars with those that are kept, up to this durable entry, and drops old ones. All or nothing."""
        FILE.require_room(self._folder, ROOM_MIN)
        with FILE.failing(), self._db:
            self._db.executemany(ADD, bars)
            self._db.execute("UPDATE reached SET seq = ?, hash = ?", (seq, journal.hash_of(seq) or b""))
            newest = {(bar.series, bar.length_s): bar.start_s - KEPT_S[bar.length_s] for bar in bars}
            self._db.executemany(DROP, [(*key, oldest_s) for key, oldest_s in newest.items()])

    def read(self, series: str, length_s: int, from_s: int, to_s: int) -> list[Bar]:
        """The newest bars that begin in this time, in order."""
        with FILE.failing():
            rows = self._db.execute(READ, (series, length_s, from_s, to_s, BARS_READ_MAX)).fetchall()
        return [Bar(*row) for row in reversed(rows)]

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):
            self._db.close(force=True)


def _fits(journal: Hashed, db: apsw.Connection) -> bool:
    """Whether the entry up to which the bars go is one of this journal, and so are all before it."""
    seq: int = db.execute("SELECT seq FROM reached").get
    link: bytes = db.execute("SELECT hash FROM reached").get
    return seq == 0 or journal.hash_of(seq) == link
