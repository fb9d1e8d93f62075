"""The folder and the files of a journal: for their owner's eyes, and still those that were opened.

See specification §13.5.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from overmind.journal.errors import JournalUnusable

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LOG, INDEX = "-wal", "-shm"  # the files that SQLite keeps beside a journal; they get the journal's mode

# Closing one of these to others would break the machine.
OF_THE_MACHINE: Final = ("/", "/dev/shm", "/etc", "/home", "/opt", "/run", "/srv", "/tmp", "/usr", "/var", "/var/tmp")

Identity = tuple[int, int]  # device and inode


def make_private(path: Path, beside: tuple[str, ...]) -> None:
    """Creates the journal's file if there is none, and closes folder and files to others. Raises JournalUnusable.

    `beside` names further files in the folder. A symlink is refused: whoever made it decides where the money's journal
    is written.
    """
    folder = path.parent
    if os.path.realpath(folder) in OF_THE_MACHINE:
        raise JournalUnusable(f"{folder}: belongs to the whole machine. Choose a folder of the desk's own.")
    make_folder_private(folder)
    names = (path.name, path.name + LOG, path.name + INDEX, *beside)
    for file in (folder / name for name in names):
        _close_to_others(file, stat.S_ISREG, FILE_MODE, "file")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE))
    except FileExistsError:
        pass
    except OSError as error:
        raise JournalUnusable(
            f"{path}: cannot be created ({error.strerror}). The journal's directory must exist and be writable."
        ) from error


def make_folder_private(folder: Path) -> None:
    """Closes a folder of the journal to others. Raises JournalUnusable."""
    _close_to_others(folder, stat.S_ISDIR, FOLDER_MODE, "folder")


def _close_to_others(path: Path, right: Callable[[int], bool], mode: int, kind: str) -> None:
    """Nothing where there is nothing: the next step creates it, or says why it cannot."""
    try:
        found = path.lstat()
    except OSError:
        return
    require_no_symlink(path, kind)
    if not right(found.st_mode):
        raise JournalUnusable(f"{path}: not a {kind}. Move it away, or choose another data folder.")
    if stat.S_IMODE(found.st_mode) & ~mode:
        try:
            path.chmod(stat.S_IMODE(found.st_mode) & mode)
        except OSError as error:
            raise JournalUnusable(
                f"{path}: others can open it, and its mode cannot be changed ({error.strerror})."
                f" Give it to the desk's own user, and run `chmod {mode:o} {path}`."
            ) from error


def require_no_symlink(path: Path, kind: str = "file") -> None:
    """Raises JournalUnusable."""
    if path.is_symlink():
        real = Path(os.path.realpath(path))
        raise JournalUnusable(
            f"{path}: a symlink, which is refused. Name the real folder, or put the {kind} {real} here."
        )


class Place:
    """The files of an open journal. `gone` tells when a path leads to another file than the one that was opened."""

    def __init__(self, path: Path, lock: Path, lock_identity: Identity) -> None:
        self._log_path = _beside(path, LOG)
        self._expected = {path.parent: _identity(path.parent), path: _identity(path), lock: lock_identity}
        self._log: Identity | None = None  # SQLite creates it with the first entry

    def gone(self) -> str | None:
        """Why what is written now would be lost; None: everything is where it was."""
        return next(self._missing(), None) or self.log_gone()

    def log_gone(self) -> str | None:
        """The quick half of `gone`: the log, which every new entry is written to."""
        found = _identity(self._log_path)
        if self._log is None:
            self._log = found
        return None if found is not None and found == self._log else _told(self._log_path, found)

    def _missing(self) -> Iterator[str]:
        for path, opened in self._expected.items():
            found = _identity(path)
            if opened is None or found != opened:
                yield _told(path, found)


def _told(path: Path, found: Identity | None) -> str:
    what = "is gone" if found is None else "is not the file that was opened"
    return f"{path} {what}: it was deleted, moved or replaced while the desk ran"


def _identity(path: Path) -> Identity | None:
    """Opens nothing: closing a second descriptor of a database would drop SQLite's locks on it."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
