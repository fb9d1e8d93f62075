"""The file beside the journal that keeps a state every few hundred entries, each as what changed since the one before.

No start or trade depends on it: a snapshot is never made from what it holds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import apsw
import zstandard

from overmind.core.model.value import Value
from overmind.journal.chain import digest
from overmind.journal.derived import DAMAGE, ROOM_MIN, Derived
from overmind.journal.errors import JournalUnusable
from overmind.ports import Snapshot

STATES: Final = "overmind-states.db"  # the file beside the journal
APPLICATION_ID: Final = 0x4F564D53  # "OVMS"
CHANGES_MAX: Final = 15  # rows in a row that say only what changed; bounds what a look has to unpack
LEVEL: Final = 9
WINDOW_BITS_MAX: Final = 27  # what zstandard unpacks unasked; a larger state is kept with a looser fit
STATE_BYTES_MAX: Final = 2**31

SCHEMA: Final = (
    # From `first` on, states are kept without a gap. Earlier rows are of a run that was not finished.
    "CREATE TABLE reach (one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL) STRICT",
    # `changes`: 0 is a whole state, and any other number is what changed since the row before, which has one less.
    "CREATE TABLE kept (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL, changes INTEGER NOT NULL, packed BLOB NOT NULL,"
    " digest BLOB NOT NULL) STRICT",
    "INSERT INTO reach VALUES (1, 0)",
)
NEWEST: Final = "SELECT seq, hash, changes, packed, digest FROM kept WHERE seq <= ? ORDER BY seq DESC LIMIT ?"


class KeptFailed(JournalUnusable):
    """The kept states cannot be read or written. The entries still say everything."""


class KeptUseless(KeptFailed):
    """They are damaged, or of another journal: they have to be made anew."""


FILE: Final = Derived(STATES, APPLICATION_ID, 1, SCHEMA, KeptFailed, KeptUseless, (*DAMAGE, zstandard.ZstdError))


class Hashes(Protocol):
    """What the kept states ask a journal."""

    def hash_of(self, seq: int) -> bytes | None: ...


class KeptState(Value, frozen=True):
    """A state as a row of the file."""

    seq: int
    hash: bytes  # of the entry that it follows
    changes: int
    packed: bytes
    digest: bytes


def pack(snapshot: Snapshot, link: bytes, before: Snapshot | None, changes: int) -> KeptState:
    """`before`: the state of the row before, `changes` of which are in a row; None: there is none."""
    whole = before is None or changes >= CHANGES_MAX
    base = b"" if whole or before is None else before.state
    packed = _compressor(base, len(snapshot.state)).compress(snapshot.state)
    number = 0 if whole else changes + 1
    return KeptState(snapshot.seq, link, number, packed, digest(snapshot.seq, link, snapshot.state))


class KeptStates:
    """Only one thread may use it. Its methods raise KeptFailed."""

    def __init__(self, db: apsw.Connection, folder: Path, room_min: int = ROOM_MIN) -> None:
        self._db = db
        self._folder = folder
        self._room_min = room_min

    @classmethod
    def open(cls, journal_path: Path, journal: Hashes, room_min: int = ROOM_MIN) -> KeptStates:
        """For keeping. Makes the file if there is none, and makes it anew if it is damaged or of another journal."""
        return cls(FILE.open(journal_path, partial(_fits, journal)), journal_path.parent, room_min)

    @classmethod
    def open_read_only(cls, journal_path: Path, journal: Hashes) -> KeptStates | None:
        """None: there are none that can be read, or they are not of this journal."""
        db = FILE.open_read_only(journal_path, partial(_fits, journal))
        return None if db is None else cls(db, journal_path.parent)

    @property
    def first(self) -> int:
        """The entry from which on states are kept without a gap."""
        with FILE.failing():
            return int(self._db.execute("SELECT first FROM reach").get)

    @property
    def lowest(self) -> int:
        """The entry of the earliest state."""
        with FILE.failing():
            found: int = self._db.execute("SELECT min(seq) FROM kept").get
        return found

    @property
    def is_empty(self) -> bool:
        with FILE.failing():
            return not self._db.execute("SELECT count(*) FROM (SELECT 1 FROM kept LIMIT 1)").get

    def before(self, seq: int, journal: Hashes) -> tuple[Snapshot, int] | None:
        """The nearest state at or before an entry, and how many rows in a row say only changes. None: there is none,
        or it cannot be trusted.
        """
        with FILE.failing():
            rows = [KeptState(*row) for row in self._db.execute(NEWEST, (seq, CHANGES_MAX + 1))]
            chain = rows[: rows[0].changes + 1] if rows else []
            if [row.changes for row in chain] != [*range(len(chain) - 1, -1, -1)]:
                raise KeptUseless(f"{STATES}: the states before entry {seq} do not follow each other")
            state = b""
            for row in reversed(chain):
                state = _unpacked(row, state)
        if not chain or _link(journal, chain[0].seq) != chain[0].hash:
            return None
        return Snapshot(chain[0].seq, state), chain[0].changes

    def add(self, states: Sequence[KeptState]) -> None:
        """Keeps these; all or nothing."""
        FILE.require_room(self._folder, self._room_min)
        with FILE.failing(), self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
                [(one.seq, one.hash, one.changes, one.packed, one.digest) for one in states],
            )

    def begin(self, first: int) -> None:
        """Before states of earlier entries are added: forgets those that an unfinished run from further back left."""
        with FILE.failing(), self._db:
            self._db.execute("DELETE FROM kept WHERE seq < ?", (first,))

    def clear(self) -> None:
        """Forgets all of them."""
        with FILE.failing(), self._db:
            self._db.execute("DELETE FROM kept")

    def reach(self, first: int) -> None:
        """From this entry on nothing is missing."""
        with FILE.failing(), self._db:
            self._db.execute("UPDATE reach SET first = ?", (first,))

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # What was not written is made again.
            self._db.close(force=True)


def _fits(journal: Hashes, db: apsw.Connection) -> bool:
    """Whether the newest state is of an entry of this journal, and so are all before it."""
    found = db.execute("SELECT seq, hash FROM kept ORDER BY seq DESC LIMIT 1").fetchone()
    return found is None or _link(journal, found[0]) == found[1]


def _link(journal: Hashes, seq: int) -> bytes | None:
    """The hash of an entry; None: it is not in this journal, or the segment that has it cannot be read."""
    return b"" if seq == 0 else journal.hash_of(seq)


def _compressor(base: bytes, length: int) -> zstandard.ZstdCompressor:
    """`base`: what the same state looked like before."""
    if not base:
        return zstandard.ZstdCompressor(level=LEVEL)
    bits = min(WINDOW_BITS_MAX, (len(base) + length).bit_length())
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL, window_log=bits, source_size=length, dict_size=len(base)
    )
    return zstandard.ZstdCompressor(dict_data=_like(base), compression_params=parameters)


def _unpacked(row: KeptState, before: bytes) -> bytes:
    like = _like(before) if row.changes else None
    if not 0 <= zstandard.frame_content_size(row.packed) <= STATE_BYTES_MAX:
        raise KeptUseless(f"{STATES}: the state after entry {row.seq} was changed")
    state = zstandard.ZstdDecompressor(dict_data=like).decompress(row.packed)
    if digest(row.seq, row.hash, state) != row.digest:
        raise KeptUseless(f"{STATES}: the state after entry {row.seq} was changed")
    return state


def _like(base: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
