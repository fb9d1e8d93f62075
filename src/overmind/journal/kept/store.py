"""The file beside the journal that keeps a state every few hundred entries, each as what changed since the one before.

It holds nothing that the entries do not say. A lost, damaged or foreign file is made anew, and no start or trade
depends on it: a snapshot is never made from what it holds.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

import apsw
import zstandard

from overmind.core.model.value import Value
from overmind.journal.chain import digest
from overmind.journal.database import PAGE_BYTES, open_read_only
from overmind.journal.errors import JournalUnusable
from overmind.journal.place import FILE_MODE, LOG, require_no_symlink
from overmind.journal.place import INDEX as SHARED
from overmind.ports import Snapshot

STATES: Final = "overmind-states.db"  # the file beside the journal
APPLICATION_ID: Final = 0x4F564D53  # "OVMS"
FORMAT: Final = 1
BUSY_MS: Final = 2_000
ROOM_MIN: Final = 64 << 20  # bytes of the disk that are left to the journal
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
)
NEWEST: Final = "SELECT seq, hash, changes, packed, digest FROM kept WHERE seq <= ? ORDER BY seq DESC LIMIT ?"


class KeptFailed(JournalUnusable):
    """The kept states cannot be read or written. The entries still say everything."""


class KeptUseless(KeptFailed):
    """They are damaged, or of another journal: they have to be made anew."""


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
        path = journal_path.with_name(STATES)
        try:
            require_no_symlink(path)
        except JournalUnusable as error:
            raise KeptFailed(str(error)) from error
        try:
            return cls._opened(path, journal, room_min)
        except KeptUseless:  # There is nothing in it to lose.
            with failing():
                for suffix in ("", LOG, SHARED):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            return cls._opened(path, journal, room_min)

    @classmethod
    def _opened(cls, path: Path, journal: Hashes, room_min: int) -> KeptStates:
        with failing(), contextlib.ExitStack() as undo:
            db = apsw.Connection(str(path))
            undo.callback(db.close, force=True)
            path.chmod(FILE_MODE)
            _prepare(db)
            states = cls(db, path.parent, room_min)
            if not states.fits(journal):
                raise KeptUseless(f"{path}: is of another journal")
            undo.pop_all()
        return states

    @classmethod
    def open_read_only(cls, journal_path: Path, journal: Hashes) -> KeptStates | None:
        """None: there are none that can be read, or they are not of this journal."""
        path = journal_path.with_name(STATES)
        if path.is_symlink() or not path.is_file():
            return None
        try:
            with failing(), contextlib.ExitStack() as undo:
                db = open_read_only(path, None)
                undo.callback(db.close, force=True)
                db.set_busy_timeout(BUSY_MS)
                states = cls(db, path.parent)
                if not _is_ours(db) or not states.fits(journal):
                    return None
                undo.pop_all()
        except KeptFailed:
            return None
        return states

    @property
    def first(self) -> int:
        """The entry from which on states are kept without a gap."""
        with failing():
            return int(self._db.execute("SELECT first FROM reach").get)

    @property
    def lowest(self) -> int:
        """The entry of the earliest state."""
        with failing():
            found: int = self._db.execute("SELECT min(seq) FROM kept").get
        return found

    @property
    def is_empty(self) -> bool:
        with failing():
            return not self._db.execute("SELECT count(*) FROM (SELECT 1 FROM kept LIMIT 1)").get

    def fits(self, journal: Hashes) -> bool:
        """Whether the newest state is of an entry of this journal, and so are all before it."""
        with failing():
            found = self._db.execute("SELECT seq, hash FROM kept ORDER BY seq DESC LIMIT 1").fetchone()
        return found is None or _link(journal, found[0]) == found[1]

    def before(self, seq: int, journal: Hashes) -> tuple[Snapshot, int] | None:
        """The nearest state at or before an entry, and how many rows in a row say only changes. None: there is none,
        or it cannot be trusted.
        """
        with failing():
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
        self._require_room()
        with failing(), self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
                [(one.seq, one.hash, one.changes, one.packed, one.digest) for one in states],
            )

    def begin(self, first: int) -> None:
        """Before states of earlier entries are added: forgets those that an unfinished run from further back left."""
        with failing(), self._db:
            self._db.execute("DELETE FROM kept WHERE seq < ?", (first,))

    def clear(self) -> None:
        """Forgets all of them."""
        with failing(), self._db:
            self._db.execute("DELETE FROM kept")

    def reach(self, first: int) -> None:
        """From this entry on nothing is missing."""
        with failing(), self._db:
            self._db.execute("UPDATE reach SET first = ?", (first,))

    def close(self) -> None:
        with contextlib.suppress(apsw.Error):  # What was not written is made again.
            self._db.close(force=True)

    def _require_room(self) -> None:
        """On a full disk the journal frees its reserve for exits, and nothing else may take it."""
        with failing():
            disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < self._room_min:
            raise KeptFailed(f"{STATES}: the disk has less than {self._room_min >> 20} MB left. Make room.")


@contextlib.contextmanager
def failing() -> Iterator[None]:
    """Converts the errors of SQLite, of zstandard and of the disk."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, zstandard.ZstdError, UnicodeDecodeError) as error:
        raise KeptUseless(f"{STATES} is damaged ({error}). Delete it: it is made anew.") from error
    except (apsw.Error, OSError) as error:
        raise KeptFailed(f"{STATES} cannot be used ({error}). Check its permissions and the disk.") from error


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


def _prepare(db: apsw.Connection) -> None:
    db.set_busy_timeout(BUSY_MS)
    if not _is_ours(db):
        if db.execute("SELECT count(*) FROM sqlite_schema").get:
            raise KeptUseless("another database, or one of another version")
        db.pragma("page_size", PAGE_BYTES)
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "normal")  # After a power loss it may end earlier, and is whole.
    if _is_ours(db):
        return
    with db:
        for statement in SCHEMA:
            db.execute(statement)
        db.execute("INSERT INTO reach VALUES (1, 0)")
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", FORMAT)


def _is_ours(db: apsw.Connection) -> bool:
    return (db.pragma("application_id"), db.pragma("user_version")) == (APPLICATION_ID, FORMAT)
