"""Disk space kept back, so that a stop and the exits can still be written when the disk is full."""

from __future__ import annotations

import os
from pathlib import Path


class Reserve:
    """Its file stays when the space is given back: it shows that a journal was kept here, were that emptied."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def fill(self) -> str | None:
        """Take the space, or say why that is impossible."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            return self._refusal(error)
        try:
            if self._size:
                os.posix_fallocate(fd, 0, self._size)
            os.fsync(fd)
        except OSError as error:
            os.ftruncate(fd, 0)  # Half a reserve helps nobody: leave what there is to the journal.
            return self._refusal(error)
        finally:
            os.close(fd)
        return None

    def free(self) -> bool:
        """Give the space back. False when there is none."""
        try:
            if self._path.stat().st_size == 0:
                return False
            os.truncate(self._path, 0)
        except OSError:
            return False
        return True

    def _refusal(self, error: OSError) -> str:
        return f"no disk space could be reserved in {self._path} ({error.strerror})"
