"""Journal writer; refuses all writes after one failure, since only a reopening shows what is on disk."""

from __future__ import annotations

import contextlib
import errno
import itertools
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from overmind.core.model.events import Entry
from overmind.journal.chain import Row, digest, follow, tip_of
from overmind.journal.database import (
    FORMAT_SEALED,
    RESERVE,
    Disk,
    connect_writer,
    refusing,
    require_not_emptied,
    snapshot_seqs,
    tip_at,
    verified_end,
)
from overmind.journal.errors import JournalUnusable, SegmentUnusable
from overmind.journal.lock import OwnerLock
from overmind.journal.place import Place, make_private
from overmind.journal.reserve import Reserve
from overmind.journal.segments.sealed import Sealed, list_segment, release, sealable_up_to, sealed_tip, unreleased
from overmind.journal.segments.shelf import FOLDER as SEGMENTS
from overmind.ports import UNTROUBLED, JournalFailed, Snapshot, Storage

SNAPSHOTS_KEPT = 2
LOCK = "overmind.lock"
LOCK_TRY_MS = 250  # SQLite's own tries for a lock that another program has, before it is told
LOCK_PAUSE_S = 0.05
CHECKPOINT_PAGES_FULL = 16  # On a full disk the log is reused early, so that it does not grow into the reserve.

# One statement inserts a whole batch. apsw releases the interpreter lock in each statement, and a busy event loop then
# keeps it for 5 ms: 200 rows took 250 ms with a statement each, and 7 ms with one for all. A few batch sizes suffice;
# surplus rows stay NULL. All statements are shorter than the 16,384 characters up to which apsw caches compiled
# statements.
SIZES = sorted({1, *(base << shift for base in (2, 3) for shift in range(9)), 1024})
INSERTS = {
    size: f"INSERT INTO journal SELECT * FROM (VALUES {','.join(['(?,?,?,?,?)'] * size)}) WHERE column1 IS NOT NULL"
    for size in SIZES
}
NO_ROW: tuple[None, ...] = (None,) * 5
LOCKED = (apsw.BusyError, apsw.ProtocolError)  # Another program holds a lock; nothing was written.


class Writer:
    """Owns the journal from construction to `close`. Only one thread may call its methods."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        require_not_emptied(path)
        make_private(path, (LOCK, RESERVE))
        self._lock = OwnerLock(path.with_name(LOCK))
        self._place = Place(path, path.with_name(LOCK), self._lock.identity)
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            self._db = connect_writer(path, disk)
            undo.callback(self._db.close, force=True)
            with refusing(path):
                self._tip = verified_end(self._db, path)
                self._db.set_busy_timeout(LOCK_TRY_MS)
            if gone := self._place.gone():  # SQLite may have opened another file than the one that was checked.
                raise JournalUnusable(f"{gone}. Start again.")
            undo.pop_all()
        self._reserve = Reserve(path.with_name(RESERVE), disk.reserve_bytes)
        self._failure: str | None = None
        self._gone: str | None = None
        self._locked: str | None = None
        self._closing = threading.Event()
        self._log_pages, self._log_pages_max = 0, disk.checkpoint_pages
        self.degraded = self._reserve.fill()
        self._reserved = self._reserve.left()  # bytes
        self.releasing = False  # whether sealed entries were left in the table by the newest `release`

    def append(self, entries: Sequence[Entry]) -> None:
        with self._failing_for_good():
            rows = follow(self._tip, entries)
            self._until_written(lambda: self._insert(rows), reserved=True)
            if gone := self._place.log_gone():  # Nobody is told what the next start will not find.
                raise JournalFailed(gone)
            self._tip = tip_of(rows[-1])
            self._log_pages += self._db.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0]

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """On a full disk only the snapshot is lost; the reserve is kept for exits."""
        with self._failing_for_good():
            tip = tip_at(self._db, snapshot.seq)
            assert tip is not None, f"a snapshot of entry {snapshot.seq}, which is not in the journal"
            row = (snapshot.seq, snapshot.state, tip.hash, digest(snapshot.seq, tip.hash, snapshot.state))
            if (full := self._unless_full(lambda: self._replace_snapshots(row))) is not None:
                self.degraded = self.degraded or f"the disk is full ({full}): no snapshot was saved"

    def adopt(self, segment: Sealed) -> None:
        """Lists a segment whose file is durable. On a full disk nothing changes; it is listed another time."""
        self._require_of_this_journal(segment)
        with self._failing_for_good():
            self._unless_full(lambda: self._list(segment))

    def release(self, count: int) -> None:
        """Takes sealed entries out of the table. On a full disk it ends early."""
        with self._failing_for_good():
            full = self._unless_full(lambda: self._release(count))
        self.releasing = full is None and unreleased(self._db) > 0

    def compact(self) -> None:
        """On a full disk the file stays as large as it is."""
        with self._failing_for_good():
            self._unless_full(self._vacuum)

    def look(self) -> None:
        """Looks whether the files are where they were opened. Takes as long as the disk; any thread may call it."""
        self._gone = self._gone or self._place.gone()

    def storage(self) -> Storage:
        """What is known; asks no disk, and any thread may call it. Raises JournalFailed."""
        if self._gone is not None:
            raise JournalFailed(self._gone)
        if self._locked is None and self.degraded is None:
            return UNTROUBLED
        return Storage(self._locked, self._reserved if self.degraded is not None else None)

    @property
    def checkpoint_due(self) -> bool:
        return self._log_pages >= (CHECKPOINT_PAGES_FULL if self.degraded is not None else self._log_pages_max)

    def checkpoint(self) -> None:
        """Moves the log into the table. Runs apart from appends, so its failure does not fail them."""
        if self._failure is not None or not self.checkpoint_due:
            return
        self._log_pages = 0
        try:
            self._db.wal_checkpoint()
        except apsw.Error as error:
            # A full disk or another program's lock loses nothing: the log grows on, and a later try moves it.
            if not self._disk_full(error) and not isinstance(error, LOCKED):
                self._failure = str(error)

    def give_up(self) -> None:
        """Ends the wait for another program's lock, so that `close` can follow. May be called from any thread."""
        self._closing.set()

    def close(self) -> None:
        for step in (self._db.wal_checkpoint, self._db.close):
            with contextlib.suppress(apsw.Error):  # The log still holds whatever was not moved, so nothing is lost.
                step()
        self._lock.release()

    @contextlib.contextmanager
    def _failing_for_good(self) -> Iterator[None]:
        if (failure := self._gone or self._failure) is not None:
            raise JournalFailed(f"nothing is written after a failure ({failure}); reopen the journal")
        self._failure = "the write did not finish"  # Reset only after this write is known to have succeeded.
        try:
            yield
        except apsw.Error as error:
            self._failure = str(error)
            raise JournalFailed(f"{self._path}: {error}") from error
        except JournalFailed as error:
            self._failure = str(error)
            raise
        self._failure = None

    def _until_written(self, write: Callable[[], None], *, reserved: bool) -> None:
        """Waits without limit while another program has locked the journal: such a try has written nothing.

        `reserved`: frees the reserve, slice by slice, for what must be written when the disk is full.
        """
        while True:
            try:
                write()
                break
            except LOCKED as error:
                if self._closing.wait(LOCK_PAUSE_S):
                    raise
                self._locked = f"another program keeps {self._path} locked ({error})"
            except apsw.Error as error:
                if not (reserved and self._disk_full(error) and self._reserve.free_slice()):
                    raise
                self.degraded = f"the disk is full ({error}): the reserve beside {self._path} is in use"
                self._reserved = self._reserve.left()
        self._locked = None

    def _unless_full(self, write: Callable[[], None]) -> apsw.Error | None:
        """Writes what can be missed without touching the reserve. Returns why the disk has no room for it."""
        try:
            self._until_written(write, reserved=False)
        except apsw.Error as error:
            if not self._disk_full(error):
                raise
            return error
        return None

    def _require_of_this_journal(self, segment: Sealed) -> None:
        """The hash of its last entry covers all entries before it."""
        found, last = tip_at(self._db, segment.last), sealed_tip(self._db)
        if segment.first != last.seq + 1 or found != segment.tip or segment.last > sealable_up_to(self._db):
            where = self._path.with_name(SEGMENTS)
            raise SegmentUnusable(where, f"entries {segment.first} to {segment.last} are not those that are next")

    def _list(self, segment: Sealed) -> None:
        with self._transaction():
            list_segment(self._db, segment)
            self._db.pragma("user_version", FORMAT_SEALED)

    def _vacuum(self) -> None:
        self._db.execute("VACUUM")

    def _release(self, count: int) -> None:
        if unreleased(self._db):
            with self._transaction():
                release(self._db, count)

    def _insert(self, rows: Sequence[Row]) -> None:
        if len(rows) <= SIZES[-1]:
            self._insert_at_once(rows)
            return
        with self._transaction():
            for start in range(0, len(rows), SIZES[-1]):
                self._insert_at_once(rows[start : start + SIZES[-1]])

    def _insert_at_once(self, rows: Sequence[Row]) -> None:
        size = SIZES[bisect_left(SIZES, len(rows))]
        self._db.execute(INSERTS[size], (*itertools.chain.from_iterable(rows), *NO_ROW * (size - len(rows))))

    def _replace_snapshots(self, row: tuple[int, bytes, bytes, bytes]) -> None:
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO snapshot (seq, state, hash, digest) VALUES (?, ?, ?, ?)", row)
            for old in snapshot_seqs(self._db)[SNAPSHOTS_KEPT:]:
                self._db.execute("DELETE FROM snapshot WHERE seq = ?", (old,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except apsw.Error:
            if self._db.in_transaction:  # SQLite has already rolled back after severe errors.
                self._db.execute("ROLLBACK")
            raise

    def _disk_full(self, error: apsw.Error) -> bool:
        return isinstance(error, apsw.FullError) or (
            isinstance(error, apsw.IOError) and self._db.system_errno in (errno.ENOSPC, errno.EDQUOT)
        )
