"""The log's file: for its owner's eyes, rotated, and no reason to stop when it cannot be written."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import logging.handlers
import os
import stat
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Final

import structlog

from overmind.clock.instants import instant_ns
from overmind.core.model.units import NS
from overmind.text.printable import printable

LOG_FILE: Final = "overmind.log"
FILE_BYTES_MAX: Final = 20_000_000
FILES_KEPT: Final = 5
DAY_S: Final = 86_400
CHECKED_EVERY_S: Final = 3_600
LINE_BYTES_MAX: Final = 65_536
FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
KINDS: Final = {
    stat.S_IFLNK: "a symlink",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
}

log = structlog.get_logger("desk")


class LogFile(logging.handlers.RotatingFileHandler):
    def __init__(self, folder: Path, warn: Callable[[str], None], days_max: int = 0) -> None:
        """`days_max`: how long a line stays at most; 0: until the files take too much room."""
        self._warn = warn
        self._kept_s = days_max * DAY_S
        self._span_s = self._kept_s / (FILES_KEPT + 1)  # of one file
        self._checked_s = 0.0  # when files that are too old were last looked for
        self._began_s: float | None = None  # the time of the open file's first line; None: not known yet
        self._warned = self.failed = False  # whether the last line was not written
        super().__init__(
            folder / LOG_FILE, maxBytes=FILE_BYTES_MAX, backupCount=FILES_KEPT, encoding="utf-8", delay=True
        )

    def make_folder(self) -> None:
        """Raises OSError. The caller then tells it, so that no line does."""
        self._warned = True
        Path(self.baseFilename).parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._warned = False

    def emit(self, record: logging.LogRecord) -> None:
        self.failed = False
        super().emit(record)
        if not self.failed:
            self._warned = False

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # As the standard library calls it.
        if not self._kept_s:
            return bool(super().shouldRollover(record))
        if self._began_s is None:
            self._began_s = _first_line_s(Path(self.baseFilename), record.created)
        if abs(record.created - self._checked_s) >= CHECKED_EVERY_S:
            self._checked_s = record.created
            self._delete_expired(record.created)
        return bool(super().shouldRollover(record)) or record.created - self._began_s >= self._span_s

    def doRollover(self) -> None:  # As the standard library calls it.
        super().doRollover()
        self._began_s = None

    def _delete_expired(self, now_s: float) -> None:
        """A file is deleted whole, and its oldest line counts: it is older than the newest by the span of a file."""
        newest_s = now_s - self._kept_s + self._span_s + CHECKED_EVERY_S
        for number in range(1, FILES_KEPT + 1):
            path = Path(f"{self.baseFilename}.{number}")
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < newest_s:
                    path.unlink()

    def handleError(self, record: logging.LogRecord) -> None:  # The name is the standard library's.
        """Warns once, until a line is written again. Each line tries anew, since the disk may have room then."""
        self.failed = True
        with contextlib.suppress(OSError):
            self.close()
        if not self._warned:
            self._warned = True
            self._warn(printable(f"warning: the log {self.baseFilename} cannot be written: {_fault()}"))

    def _open(self) -> TextIOWrapper:
        return os.fdopen(open_regular(Path(self.baseFilename), os.O_APPEND), "a", encoding="utf-8")


def _first_line_s(path: Path, otherwise_s: float) -> float:
    """When the file begins. One that cannot be read, or has no line with a time, begins now."""
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        with path.open("rb") as file:
            line = json.loads(file.readline(LINE_BYTES_MAX))
        return instant_ns(line["timestamp"]) / NS
    return otherwise_s


def open_regular(path: Path, flags: int) -> int:
    """Opens a regular file to write, for its owner alone; makes it if there is none. Raises OSError.

    Nothing else is opened: a pipe without a reader would hang, and a symlink or a device belongs to somebody else.
    """
    flags |= os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags, FILE_MODE)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        os.fchmod(descriptor, FILE_MODE)  # An older version left it open to others.
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def obstacle(path: Path) -> str | None:
    """What stands in place of a regular file; None: one does, or nothing at all. Raises OSError."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return None
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "a device")


def _fault() -> str:
    fault = sys.exc_info()[1]
    if isinstance(fault, OSError):
        if fault.errno == errno.ELOOP:
            return "it is a symlink"
        return "nobody reads the pipe" if fault.errno == errno.ENXIO else str(fault.strerror)
    return repr(fault)


class LastLine:
    """Whatever ends the block, the log says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            log.info(f"{self._name} ended")
            return
        why = dict.fromkeys(f"{type(leaf).__name__}: {leaf}" for leaf in leaves(error))
        log.critical(f"{self._name} ended", why=list(why))


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors themselves, where tasks have put them into groups."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from leaves(one)
    else:
        yield error
