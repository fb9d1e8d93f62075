"""The journal in SQLite: a thread writes, and the event loop's thread reads through a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from pathlib import Path
from typing import TypeVar

import apsw

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.aside import Aside
from overmind.journal.database import (
    Disk,
    connect_reader,
    last_seq,
    refusing,
    tip_at,
    verified_end,
)
from overmind.journal.known_ids import KnownIds
from overmind.journal.reader import SEQ_MAX, Reader
from overmind.journal.segments.sealed import Sealed
from overmind.journal.writer import Writer
from overmind.ports import UNTROUBLED, JournalFailed, Snapshot, Storage

CLOSE_MAX_S = 10.0  # A disk that hangs for longer is left behind, as by a crash.
RELEASED_AT_ONCE = 256  # sealed entries; an append waits for that long
PAUSE_EVERY_S = 0.001
PAUSE_S = 0.0001

Batch = TypeVar("Batch")


class SqliteJournal:
    """Keeps the promises of `ports.Journal`. Only one thread may read, usually the event loop's."""

    def __init__(self, path: Path, db: apsw.Connection, writer: Writer | None) -> None:
        self._path = path
        self._db = db
        self._reader = Reader(path, db)
        self._writer = writer
        self.ids = KnownIds(path, 0 if writer is None else last_seq(db))
        self._thread = Aside("journal")
        self._aside = Aside("journal's files")
        self._newest_write: threading.Lock | None = None  # held until the newest write is done
        self._pause_timer: asyncio.TimerHandle  # a timer that runs while there is such a write
        self._closed = False

    @classmethod
    def open(cls, path: Path, disk: Disk | None = None) -> SqliteJournal:
        """Opens the journal as its only owner; creates it if there is none. Raises JournalUnusable."""
        disk = disk or Disk()
        writer = Writer(path, disk)
        with contextlib.ExitStack() as undo:
            undo.callback(writer.close)
            journal = cls(path, connect_reader(path, disk.vfs), writer)
            undo.pop_all()
        return journal

    @classmethod
    def open_read_only(cls, path: Path) -> SqliteJournal:
        """Opens the journal for reading, with or without an owner. Raises JournalUnusable."""
        db = connect_reader(path)
        with contextlib.ExitStack() as undo:
            undo.callback(db.close)
            with refusing(path):
                verified_end(db, path)
            undo.pop_all()
        return cls(path, db, None)

    async def append(self, entries: Sequence[Entry]) -> None:
        writer = self._require_writer()
        if entries:
            self.ids.add(entries)
            await self._write(writer.append, entries)
        if writer.checkpoint_due and not self._closed:
            self._thread.submit(writer.checkpoint)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self._write(self._require_writer().save_snapshot, snapshot)

    async def adopt(self, segment: Sealed) -> None:
        """Lists a segment, from where its entries are read from now on. Raises SegmentUnusable, JournalFailed."""
        await self._write(self._require_writer().adopt, segment)

    async def release(self) -> bool:
        """Takes the next sealed entries out of the table. False: none are left, or the disk is full."""
        writer = self._require_writer()
        await self._write(writer.release, RELEASED_AT_ONCE)
        return writer.releasing

    async def compact(self) -> None:
        """Gives the room of sealed entries back to the disk. It takes as much room meanwhile as the entries left."""
        await self._write(lambda _: self._require_writer().compact(), None)

    def read(self, after: int = 0) -> Iterator[Entry]:
        """Raises JournalCorrupt at the first entry that does not follow the one before it, and SegmentUnusable."""
        return self._reader.read(after)

    def entry(self, seq: int) -> Entry:
        return self._reader.entry(seq)

    def find(self, signal_id: SignalId) -> int | None:
        return self._reader.find(signal_id) if self.ids.may_have(signal_id) else None

    def snapshot(self) -> Snapshot | None:
        return self.snapshot_before(SEQ_MAX)

    def snapshot_before(self, seq: int) -> Snapshot | None:
        return self._reader.snapshot_before(seq)

    def hash_of(self, seq: int) -> bytes | None:
        """The hash of an entry; None: there is no such entry. Raises SegmentUnusable."""
        if seq == 1:
            return self._reader.genesis()
        tip = self._reader.tip_at(seq)
        return None if tip is None else tip.hash

    def unsealed_since_ns(self) -> int | None:
        """When the oldest entry was made that is in no segment; None: there is none."""
        with refusing(self._path):
            found: int | None = self._db.execute("SELECT at_ns FROM journal ORDER BY seq LIMIT 1").get
        return found

    def last_seq(self) -> int:
        with refusing(self._path):
            return last_seq(self._db)

    def head(self) -> bytes:
        """The hash of the last entry. Journals with equal heads are equal, entry by entry."""
        with refusing(self._path):
            tip = tip_at(self._db, last_seq(self._db))
        assert tip is not None, "the last entry is gone"
        return tip.hash

    @property
    def degraded(self) -> str | None:
        return None if self._writer is None else self._writer.degraded

    async def look(self) -> None:
        if self._writer is not None:
            await self._aside.run(self._writer.look)

    def storage(self) -> Storage:
        return UNTROUBLED if self._writer is None else self._writer.storage()

    def close(self) -> None:
        """Waits for the running write, but not for another program's lock, nor for ever for a disk that hangs.

        The reader closes first, since the last connection to close removes the log.
        """
        if self._closed:
            return
        self._closed = True
        self._aside.shutdown()
        self._db.close(force=True)
        if self._writer is not None:
            self._writer.give_up()
            closing = self._thread.submit(self._writer.close)
            wait((closing,), CLOSE_MAX_S)
        self._thread.shutdown()

    async def _write(self, work: Callable[[Batch], None], batch: Batch) -> None:
        loop, under_way = asyncio.get_running_loop(), threading.Lock()
        under_way.acquire()
        write = loop.run_in_executor(self._thread, _run_then_release, under_way, work, batch)
        write.add_done_callback(lambda _: self._written(under_way))
        if self._newest_write is None:
            self._pause_timer = loop.call_later(PAUSE_EVERY_S, self._pause_loop, loop)
        self._newest_write = under_way
        await write

    def _written(self, under_way: threading.Lock) -> None:
        if under_way is self._newest_write:
            self._newest_write = None
            self._pause_timer.cancel()

    def _pause_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Pauses the event loop for a moment while something is being written.

        A loop that never idles retakes the interpreter lock after each poll faster than the writer's thread can wake up
        and take it; a batch once waited ten seconds. A pause of a tenth of a millisecond lets the writer's thread run.
        """
        assert self._newest_write is not None, "a turn without a write"
        if self._newest_write.acquire(timeout=PAUSE_S):
            self._newest_write.release()
        self._pause_timer = loop.call_later(PAUSE_EVERY_S, self._pause_loop, loop)

    def _require_writer(self) -> Writer:
        if self._writer is None:
            raise JournalFailed(f"{self._path}: opened for reading only")
        if self._closed:
            raise JournalFailed(f"{self._path}: closed")
        return self._writer


def _run_then_release(under_way: threading.Lock, work: Callable[[Batch], None], batch: Batch) -> None:
    try:
        work(batch)
    finally:
        under_way.release()
