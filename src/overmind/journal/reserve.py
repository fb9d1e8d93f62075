"""Reserved disk space, so that an emergency stop and exits can still be written when the disk is full."""

from __future__ import annotations

import os
from pathlib import Path


class Reserve:
    """Its file stays after the space is freed. It shows that a journal was kept here, if that becomes empty."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def fill(self) -> str | None:
        """Reserves the space, or returns why it cannot."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            return self._refusal(error)
        try:
            if self._size:
                os.posix_fallocate(fd, 0, self._size)
            os.fsync(fd)
        except OSError as error:
            os.ftruncate(fd, 0)  # A partial reserve is useless; leave the space to the journal.
            return self._refusal(error)
        finally:
            os.close(fd)
        return None

    def free(self) -> bool:
        """Frees the space. False when there is none."""
        try:
            if self._path.stat().st_size == 0:
                return False
            os.truncate(self._path, 0)
        except OSError:
            return False
        return True

    def _refusal(self, error: OSError) -> str:
        return f"no disk space could be reserved in {self._path} ({error.strerror})"
