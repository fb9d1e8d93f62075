"""The catalogue beside the journal: which entries tell of an order, a move or a refusal, by number.

What it does not reach yet is read from the entries.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import apsw
import msgspec

from overmind.core.model.events import Entry, OrderPlaced, WorkEvent
from overmind.core.model.ids import SignalId
from overmind.journal.catalogue.concerned import Follower
from overmind.journal.catalogue.topics import MOVE_LIFE, OF_SOURCE, signal_of, topic, topics_of, work_of
from overmind.journal.derived import ROOM_MIN, Derived
from overmind.journal.errors import JournalUnusable

CATALOGUE: Final = "overmind-index.db"  # the file beside the journal
APPLICATION_ID: Final = 0x4F564D49  # "OVMI"
FORMAT: Final = 4  # Raise it when topics change: older catalogues are then made anew.
PAGE_ROWS: Final = 256
FIRSTS_KEPT_MAX: Final = 65_536  # signals whose first entry is not looked up again

SCHEMA: Final = (
    "CREATE TABLE filed (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
    "CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE listed (topic INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (topic, seq)) STRICT,"
    " WITHOUT ROWID",
    # The later entries of a signal's orders, by the entry that first decided the signal.
    "CREATE TABLE life (first INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (first, seq)) STRICT, WITHOUT ROWID",
    "INSERT INTO filed VALUES (1, 0, x'')",
)
LISTED: Final = (
    "SELECT seq FROM listed WHERE topic = (SELECT id FROM topic WHERE name = ?) AND seq > ? AND seq < ?"
    " ORDER BY seq DESC LIMIT ?"
)
LISTED_AFTER: Final = (
    "SELECT seq FROM listed WHERE topic = (SELECT id FROM topic WHERE name = ?) AND seq > ? AND seq <= ?"
    " ORDER BY seq LIMIT ?"
)
LIFE: Final = "SELECT seq FROM life WHERE first = ? AND seq <= ? ORDER BY seq"


class CatalogueFailed(JournalUnusable):
    """The catalogue cannot be read or written. The entries still say everything."""


class CatalogueUseless(CatalogueFailed):
    """It is damaged, or of another journal or version: it has to be made anew."""


FILE: Final = Derived(CATALOGUE, APPLICATION_ID, FORMAT, SCHEMA, CatalogueFailed, CatalogueUseless)


class Numbered(Protocol):
    """What the catalogue asks a journal."""

    def read(self, after: int = 0) -> Iterator[Entry]: ...

    def find(self, signal_id: SignalId) -> int | None: ...

    def hash_of(self, seq: int) -> bytes | None: ...


class Catalogue:
    """Only one thread may use it. Its methods raise CatalogueFailed."""

    def __init__(self, db: apsw.Connection, folder: Path | None = None, room_min: int = ROOM_MIN) -> None:
        """`folder`: whose disk it fills. None: that of no file."""
        self._db = db
        self._folder = folder
        self._room_min = room_min
        self._topics: dict[str, int] = {}
        self._firsts: dict[SignalId, int] = {}
        self._follower = Follower()
        with FILE.failing():
            self.filed = self._filed()

    @classmethod
    def open(cls, journal_path: Path, journal: Numbered, room_min: int = ROOM_MIN) -> Catalogue:
        """For filing. Makes the file if there is none, and makes it anew if it is damaged or of another journal."""
        return cls(FILE.open(journal_path, partial(_fits, journal)), journal_path.parent, room_min)

    @classmethod
    def open_read_only(cls, journal_path: Path, journal: Numbered) -> Catalogue | None:
        """None: there is none that can be read, or it is not of this journal."""
        db = FILE.open_read_only(journal_path, partial(_fits, journal))
        return None if db is None else cls(db)

    @classmethod
    def in_memory(cls, after: int = 0) -> Catalogue:
        """For entries that no file has yet, from the one after this one on."""
        db = apsw.Connection(":memory:")
        FILE.create(db)
        db.execute("UPDATE filed SET seq = ?", (after,))
        return cls(db)

    def file(self, entries: Sequence[Entry], journal: Numbered) -> None:
        """Files durable entries; those that were filed before are passed over. All or nothing."""
        if self._folder is not None:
            FILE.require_room(self._folder, self._room_min)
        with FILE.failing(), self._transaction():
            self.filed = self._filed()  # Another process may have filed meanwhile.
            fresh = [entry for entry in entries if entry.seq > self.filed]
            if not fresh:
                return
            if fresh[0].seq != self.filed + 1:
                raise CatalogueFailed(f"entry {fresh[0].seq} cannot follow entry {self.filed}")
            self._insert("listed", [row for entry in fresh for row in self._listed_rows(entry, journal)])
            self._insert("life", [row for entry in fresh if (row := self._life_row(entry, journal)) is not None])
            last = fresh[-1].seq
            self._db.execute("UPDATE filed SET seq = ?, hash = ?", (last, journal.hash_of(last) or b""))
        self.filed = last

    def listed(self, name: str, after: int, before: int) -> Iterator[int]:
        """The entries of a topic between these two, newest first. None that was filed since this was opened."""
        before = min(before, self.filed + 1)
        while page := self._page(name, after, before):
            yield from page
            before = page[-1]

    def listed_after(self, name: str, after: int, count: int) -> list[int]:
        """The next entries of a topic, at most so many, in order."""
        with FILE.failing():
            return [seq for (seq,) in self._db.execute(LISTED_AFTER, (name, after, self.filed, count))]

    def life(self, first: int) -> list[int]:
        """The later entries of a signal's orders."""
        with FILE.failing():
            return [seq for (seq,) in self._db.execute(LIFE, (first, self.filed))]

    def rows(self) -> Iterator[tuple[str, int]]:
        """All that is filed, in no order: topics, and the first entries of lives as text."""
        with FILE.failing():
            yield from self._db.execute("SELECT name, seq FROM listed JOIN topic ON topic = id")
            yield from self._db.execute("SELECT CAST(first AS TEXT), seq FROM life")

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # What was not written is filed again.
            self._db.close(force=True)

    def _filed(self) -> int:
        return int(self._db.execute("SELECT seq FROM filed").get)

    def _page(self, name: str, after: int, before: int) -> list[int]:
        with FILE.failing():
            return [seq for (seq,) in self._db.execute(LISTED, (name, after, before, PAGE_ROWS))]

    def _listed_rows(self, entry: Entry, journal: Numbered) -> Iterator[tuple[int, int]]:
        event = entry.event
        if (concern := self._follower.follow(entry, journal)) is not None:
            for source in sorted(concern.sources):
                yield self._topic(topic(OF_SOURCE, source)), entry.seq
        for name in topics_of(event):
            yield self._topic(name), entry.seq
        if isinstance(event, WorkEvent) and signal_of(work_id := work_of(event)) is None:
            yield self._topic(topic(MOVE_LIFE, work_id)), entry.seq

    def _life_row(self, entry: Entry, journal: Numbered) -> tuple[int, int] | None:
        """None: it is of no order, or it is the signal's first entry."""
        event = entry.event
        if not isinstance(event, WorkEvent) or (signal_id := signal_of(work_of(event))) is None:
            return None
        if isinstance(event, OrderPlaced) and event.order.attempt == event.order.part == 0:
            self._remember(signal_id, entry.seq)
            return None
        first = self._firsts.get(signal_id) or journal.find(signal_id)
        if first is None:
            raise CatalogueFailed(f"entry {entry.seq} tells of signal {signal_id}, which the journal does not know")
        self._remember(signal_id, first)
        return first, entry.seq

    def _remember(self, signal_id: SignalId, first: int) -> None:
        if len(self._firsts) >= FIRSTS_KEPT_MAX:
            self._firsts.clear()
        self._firsts[signal_id] = first

    def _topic(self, name: str) -> int:
        """The number of a topic, which gets one when it first comes up."""
        known = self._topics.get(name)
        if known is None:
            self._db.execute("INSERT OR IGNORE INTO topic (name) VALUES (?)", (name,))
            known = int(self._db.execute("SELECT id FROM topic WHERE name = ?", (name,)).get)
            if not name.startswith(MOVE_LIFE):  # Of these there are ever more.
                self._topics[name] = known
        return known

    def _insert(self, table: str, rows: Sequence[tuple[int, int]]) -> None:
        """In one statement, which lets other threads have the interpreter for as long as it takes."""
        values = "SELECT value ->> 0, value ->> 1 FROM json_each(?)"
        self._db.execute(f"INSERT OR IGNORE INTO {table} {values}", (msgspec.json.encode(rows).decode(),))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._topics.clear()  # Their numbers are taken back.
                self._db.execute("ROLLBACK")


def _fits(journal: Numbered, db: apsw.Connection) -> bool:
    """Whether the entry up to which it goes is one of this journal, and so are all before it."""
    seq: int = db.execute("SELECT seq FROM filed").get
    link: bytes = db.execute("SELECT hash FROM filed").get
    return seq == 0 or journal.hash_of(seq) == link
