"""One live desk per key on this machine, whatever its data folder: a lock by cluster and public key.

Processes in containers with folders of their own do not see each other. See specification §13.5.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from overmind.journal.errors import JournalLocked, JournalUnusable

FOLDER_MODE: Final = 0o1777  # Desks of other users share it, and may not delete our locks.
FILE_MODE: Final = 0o644
PID_BYTES_MAX: Final = 32


class KeyLocks:
    """Held until `release`, or until the process ends. The files stay."""

    def __init__(self, folder: Path, genesis_hash: str) -> None:
        """Raises JournalUnusable."""
        self._folder = folder
        self._genesis_hash = genesis_hash
        self._held: dict[str, int] = {}
        try:
            _make_shared(folder)
        except OSError as error:
            raise JournalUnusable(_unusable(folder, error.strerror)) from error

    def take(self, public_key: str) -> None:
        """Raises JournalLocked, JournalUnusable."""
        path = self._folder / f"{self._genesis_hash}-{public_key}.lock"
        try:
            descriptor = _open(path)
        except OSError as error:
            raise JournalUnusable(_unusable(path, error.strerror)) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(descriptor, PID_BYTES_MAX, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise JournalLocked(
                f"{path}: process {owner} trades live with the key {public_key} on this cluster already."
                " Stop that desk first; two desks on one key spend the same money twice."
            ) from error
        with contextlib.suppress(OSError):  # Another user's file cannot be written, but it is locked.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._held[public_key] = descriptor

    def release(self) -> None:
        while self._held:
            os.close(self._held.popitem()[1])


def _make_shared(folder: Path) -> None:
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(FOLDER_MODE)  # Not with `mkdir`, whose mode is cut by the umask.
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise NotADirectoryError(0, "it is not a folder, or a symlink", str(folder))


def _open(path: Path) -> int:
    """Opens an existing file first: in a shared folder Linux lets nobody create what another user has created."""
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | flags)
    except PermissionError:
        return os.open(path, os.O_RDONLY | flags)
    except FileNotFoundError:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, FILE_MODE)


def _unusable(path: Path, why: str | None) -> str:
    return f"{path}: {why}. Live desks lock their keys there: name a folder of this machine in OVERMIND_LOCK_DIR."
