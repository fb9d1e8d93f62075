"""Lets one process own the journal by an advisory lock, which ends with the process, even after a crash.

See specification §13.5.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from overmind.journal.errors import JournalLocked, JournalUnusable
from overmind.journal.place import FILE_MODE

PID_BYTES_MAX = 32


class OwnerLock:
    """Held from construction to `release`. The file stays: deleting it would let two owners lock two files."""

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise JournalUnusable(
                f"{path}: cannot be created ({error.strerror}). The journal's directory must exist and be writable."
            ) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._fd, PID_BYTES_MAX, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise JournalLocked(
                f"{path}: process {owner} owns this journal. Ask that service, or stop it first."
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the open file."""
        opened = os.fstat(self._fd)
        return opened.st_dev, opened.st_ino

    def release(self) -> None:
        os.close(self._fd)


@contextlib.contextmanager
def alone(path: Path, does: str) -> Iterator[None]:
    """Keeps a second process from doing the same to a journal. One may outlive the desk that started it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise JournalLocked(f"{path}: another process {does} this journal. Try again when it has ended.") from error
    finally:
        os.close(descriptor)
