"""Databases beside the journal that hold nothing that its entries do not say.

A lost, damaged or foreign one is made anew, so it is written without waiting for the disk, and nothing depends on it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from overmind.journal.database import PAGE_BYTES, open_read_only
from overmind.journal.errors import JournalUnusable
from overmind.journal.place import FILE_MODE, LOG, require_no_symlink
from overmind.journal.place import INDEX as SHARED

BUSY_MS: Final = 2_000
ROOM_MIN: Final = 64 << 20  # bytes of the disk that are left to the journal
DAMAGE: Final = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError)

Fits = Callable[[apsw.Connection], bool]  # Whether its content is of this journal.


class Derived(NamedTuple):
    """One kind of such a database."""

    file: str
    application_id: int
    format: int  # Raise it when the content means something else: older files are then made anew.
    schema: tuple[str, ...]  # the statements that make it
    failed: type[JournalUnusable]  # It cannot be used now.
    useless: type[JournalUnusable]  # It is damaged or foreign: it has to be made anew. A subclass of `failed`.
    damage: tuple[type[Exception], ...] = DAMAGE  # errors by which its content shows that it is damaged

    def open(self, journal_path: Path, fits: Fits) -> apsw.Connection:
        """For writing. Makes the file if there is none, and makes it anew if it is useless. Raises `failed`."""
        path = journal_path.with_name(self.file)
        try:
            require_no_symlink(path)
        except JournalUnusable as error:
            raise self.failed(str(error)) from error
        try:
            return self._opened(path, fits)
        except self.useless:  # There is nothing in it to lose.
            with self.failing():
                for suffix in ("", LOG, SHARED):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            return self._opened(path, fits)

    def open_read_only(self, journal_path: Path, fits: Fits) -> apsw.Connection | None:
        """None: there is none that can be read, or it is not of this journal."""
        path = journal_path.with_name(self.file)
        if path.is_symlink() or not path.is_file():
            return None
        try:
            with self.failing(), contextlib.ExitStack() as undo:
                db = open_read_only(path, None)
                undo.callback(db.close, force=True)
                db.set_busy_timeout(BUSY_MS)
                if not self._is_ours(db) or not fits(db):
                    return None
                undo.pop_all()
        except self.failed:
            return None
        return db

    def create(self, db: apsw.Connection) -> None:
        for statement in self.schema:
            db.execute(statement)
        db.pragma("application_id", self.application_id)
        db.pragma("user_version", self.format)

    @contextlib.contextmanager
    def failing(self) -> Iterator[None]:
        """Converts the errors of SQLite, of the content and of the disk."""
        try:
            yield
        except self.damage as error:
            raise self.useless(f"{self.file} is damaged ({error}). Delete it: it is made anew.") from error
        except (apsw.Error, OSError) as error:
            why = f"{self.file} cannot be used ({error}). Check its permissions and the disk."
            raise self.failed(why) from error

    def require_room(self, folder: Path, room_min: int) -> None:
        """On a full disk the journal frees its reserve for exits, and nothing else may take it. Raises `failed`."""
        with self.failing():
            disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < room_min:
            raise self.failed(f"{self.file}: the disk has less than {room_min >> 20} MB left. Make room.")

    def _opened(self, path: Path, fits: Fits) -> apsw.Connection:
        with self.failing(), contextlib.ExitStack() as undo:
            db = apsw.Connection(str(path))
            undo.callback(db.close, force=True)
            path.chmod(FILE_MODE)
            self._prepare(db)
            if not fits(db):
                raise self.useless(f"{path}: is of another journal")
            undo.pop_all()
        return db

    def _prepare(self, db: apsw.Connection) -> None:
        db.set_busy_timeout(BUSY_MS)
        if not self._is_ours(db):
            if db.execute("SELECT count(*) FROM sqlite_schema").get:
                raise self.useless(f"{self.file}: another database, or one of another version")
            db.pragma("page_size", PAGE_BYTES)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "normal")  # After a power loss it may end earlier, and is whole.
        with db:
            if not self._is_ours(db):
                self.create(db)

    def _is_ours(self, db: apsw.Connection) -> bool:
        return (db.pragma("application_id"), db.pragma("user_version")) == (self.application_id, self.format)
