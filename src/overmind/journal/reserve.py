"""Reserved disk space, so that an emergency stop and exits can still be written when the disk is full.

It is freed in slices. Space that is freed at once would soon be taken by whatever filled the disk.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SLICE_BYTES: Final = 256 * 1024
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Reserve:
    """Its file stays after the space is freed. It shows that a journal was kept here, if that becomes empty."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size

    def fill(self) -> str | None:
        """Reserves the space, or returns why it cannot. What was already reserved stays reserved."""
        try:
            fd = os.open(self._path, _FLAGS, 0o600)
        except OSError as error:
            return self._refusal(error)
        before = os.fstat(fd).st_size
        try:
            if self._size:
                os.posix_fallocate(fd, 0, self._size)
            os.fsync(fd)
        except OSError as error:
            os.ftruncate(fd, before)
            return self._refusal(error)
        finally:
            os.close(fd)
        return None

    def free_slice(self) -> bool:
        """Frees one slice of the space. False when there is none."""
        left = self.left()
        if left == 0:
            return False
        try:
            os.truncate(self._path, max(0, left - SLICE_BYTES))
        except OSError:
            return False
        return True

    def left(self) -> int:
        """Bytes that are still reserved."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def _refusal(self, error: OSError) -> str:
        return f"no disk space could be reserved in {self._path} ({error.strerror})"
