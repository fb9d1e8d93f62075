"""Journal writer; refuses all writes after one failure, since only a reopening shows what is on disk."""

from __future__ import annotations

import contextlib
import errno
import itertools
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from overmind.core.model.events import Entry
from overmind.journal.chain import Row, digest, follow, tip_of
from overmind.journal.database import RESERVE, Disk, connect_writer, refusing, snapshot_seqs, tip_at, verified_end
from overmind.journal.lock import OwnerLock
from overmind.journal.reserve import Reserve
from overmind.ports import JournalFailed, Snapshot

SNAPSHOTS_KEPT = 2

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


class Writer:
    """Owns the journal from construction to `close`. Only one thread may call its methods."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._lock = OwnerLock(path.with_name("overmind.lock"))
        with contextlib.ExitStack() as undo:
            undo.callback(self._lock.release)
            self._db = connect_writer(path, disk)
            undo.callback(self._db.close, force=True)
            with refusing(path):
                self._tip = verified_end(self._db, path)
            undo.pop_all()
        self._reserve = Reserve(path.with_name(RESERVE), disk.reserve_bytes)
        self._failure: str | None = None
        self._log_pages, self._log_pages_max = 0, disk.checkpoint_pages
        self.degraded = self._reserve.fill()

    def append(self, entries: Sequence[Entry]) -> None:
        with self._failing_for_good():
            rows = follow(self._tip, entries)
            try:
                self._insert(rows)
            except apsw.Error as error:
                if not (self._disk_full(error) and self._reserve.free()):
                    raise
                self.degraded = f"the disk is full ({error}): the reserve beside {self._path} is in use"
                self._insert(rows)
            self._tip = tip_of(rows[-1])
            self._log_pages += self._db.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)[0]

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """On a full disk only the snapshot is lost; the reserve is kept for exits."""
        with self._failing_for_good():
            tip = tip_at(self._db, snapshot.seq)
            assert tip is not None, f"a snapshot of entry {snapshot.seq}, which is not in the journal"
            row = (snapshot.seq, snapshot.state, tip.hash, digest(snapshot.seq, tip.hash, snapshot.state))
            try:
                self._replace_snapshots(row)
            except apsw.Error as error:
                if not self._disk_full(error):
                    raise
                self.degraded = self.degraded or f"the disk is full ({error}): no snapshot was saved"

    @property
    def checkpoint_due(self) -> bool:
        return self._log_pages >= self._log_pages_max

    def checkpoint(self) -> None:
        """Moves the log into the table. Runs apart from appends, so its failure does not fail them."""
        if self._failure is not None or not self.checkpoint_due:
            return
        self._log_pages = 0
        try:
            self._db.wal_checkpoint()
        except apsw.Error as error:
            if not self._disk_full(error):  # A full disk loses nothing: the log grows on until it is full too.
                self._failure = str(error)

    def close(self) -> None:
        for step in (self._db.wal_checkpoint, self._db.close):
            with contextlib.suppress(apsw.Error):  # The log still holds whatever was not moved, so nothing is lost.
                step()
        self._lock.release()

    @contextlib.contextmanager
    def _failing_for_good(self) -> Iterator[None]:
        if self._failure is not None:
            raise JournalFailed(f"nothing is written after a failure ({self._failure}); reopen the journal")
        self._failure = "the write did not finish"  # Reset only after this write is known to have succeeded.
        try:
            yield
        except apsw.Error as error:
            self._failure = str(error)
            raise JournalFailed(f"{self._path}: {error}") from error
        self._failure = None

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
