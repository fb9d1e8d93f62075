"""What the journal's database keeps of sealed entries: its list of segments, and the ids that they decide.

A segment is listed before its entries leave the table `journal`, and the ids go over in the same step as the entries.
So every entry is in the table, in a listed segment, or in both.
"""

from __future__ import annotations

from typing import Final

import apsw

from overmind.core.model.ids import SignalId
from overmind.core.model.value import Value
from overmind.journal.chain import GENESIS, JournalTip

TABLES: Final = (
    "CREATE TABLE segment (first INTEGER PRIMARY KEY, last INTEGER NOT NULL UNIQUE, at_ns INTEGER NOT NULL,"
    " hash BLOB NOT NULL, genesis BLOB NOT NULL, digest BLOB NOT NULL) STRICT",
    "CREATE TABLE sealed_signal (signal_id TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
COLUMNS: Final = "first, last, at_ns, hash, genesis, digest"
UNSEALED_MIN: Final = 100  # The newest entries stay in the table, whatever is sealed.


class Sealed(Value, frozen=True):
    """A segment as the database lists it."""

    first: int
    last: int
    at_ns: int  # time and hash of its last entry
    hash: bytes
    genesis: bytes  # the hash of the journal's first entry
    digest: bytes  # of the segment's header, which covers all of it

    @property
    def tip(self) -> JournalTip:
        return JournalTip(self.last, self.at_ns, self.hash)


def has_tables(db: apsw.Connection) -> bool:
    """A journal that only older versions have written has none."""
    return bool(db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'segment'").get)


def create_tables(db: apsw.Connection) -> None:
    for statement in TABLES:
        db.execute(statement)


def segments(db: apsw.Connection) -> list[Sealed]:
    """Oldest first."""
    return [Sealed(*row) for row in db.execute(f"SELECT {COLUMNS} FROM segment ORDER BY first")]


def segment_with(db: apsw.Connection, seq: int) -> Sealed | None:
    """The segment that has this entry."""
    found = db.execute(f"SELECT {COLUMNS} FROM segment WHERE last >= ? ORDER BY last LIMIT 1", (seq,)).fetchone()
    return None if found is None or found[0] > seq else Sealed(*found)


def sealed_tip(db: apsw.Connection) -> JournalTip:
    """The newest sealed entry."""
    found = db.execute("SELECT last, at_ns, hash FROM segment ORDER BY last DESC LIMIT 1").fetchone()
    return GENESIS if found is None else JournalTip(*found)


def end_at(db: apsw.Connection, seq: int) -> JournalTip | None:
    """The last entry of a segment, if this is one."""
    found = segment_with(db, seq) if has_tables(db) else None
    return found.tip if found is not None and found.last == seq else None


def find_sealed(db: apsw.Connection, signal_id: SignalId) -> int | None:
    found = db.execute("SELECT seq FROM sealed_signal WHERE signal_id = ?", (signal_id,)).fetchone()
    return None if found is None else found[0]


def list_segment(db: apsw.Connection, sealed: Sealed) -> None:
    db.execute(
        f"INSERT INTO segment ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (sealed.first, sealed.last, sealed.at_ns, sealed.hash, sealed.genesis, sealed.digest),
    )


def unreleased(db: apsw.Connection) -> int:
    """How many sealed entries are still in the table."""
    oldest = db.execute("SELECT min(seq) FROM journal").get
    return 0 if oldest is None else max(0, sealed_tip(db).seq - int(oldest) + 1)


def release(db: apsw.Connection, count: int) -> None:
    """Takes the oldest sealed entries out of the table, at most `count`."""
    first, end = int(db.execute("SELECT min(seq) FROM journal").get), sealed_tip(db).seq
    last = min(first + count - 1, end)
    db.execute(
        "INSERT INTO sealed_signal SELECT signal_id, seq FROM journal"
        " WHERE seq BETWEEN ? AND ? AND signal_id IS NOT NULL",
        (first, last),
    )
    db.execute("DELETE FROM journal WHERE seq BETWEEN ? AND ?", (first, last))


def sealable_up_to(db: apsw.Connection) -> int:
    """The newest entry that may be sealed: every start still reads on from a snapshot in the table."""
    oldest_kept = int(db.execute("SELECT coalesce(min(seq), 0) FROM snapshot").get)
    newest = int(db.execute("SELECT coalesce(max(seq), 0) FROM journal").get)
    return max(0, min(oldest_kept, newest - UNSEALED_MIN))
