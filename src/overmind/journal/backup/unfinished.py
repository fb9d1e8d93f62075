"""A folder that is built under another name, and gets its own only when it is whole.

A kill leaves the unfinished folder with a mark in it. Nothing reads such a folder, and the next try begins it anew.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from overmind.journal.backup.manifest import BackupUnusable
from overmind.journal.place import FOLDER_MODE, require_no_symlink
from overmind.journal.segments.segment import sync_folder

SUFFIX: Final = ".partial"
MARK: Final = "unfinished"  # the file that stands in such a folder until it is whole
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """Gives an empty folder beside `folder`, which takes its place when the block ends well.

    Raises BackupUnusable: when `folder` has anything in it, and for every fault of the disk inside the block.
    """
    require_absent(folder)
    partial = folder.with_name(folder.name + SUFFIX)
    try:
        partial.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with _alone(partial):
            _begin(partial)
            try:
                yield partial
                _finish(partial, folder)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    except OSError as error:
        raise BackupUnusable(_told(error, folder)) from error


def require_absent(folder: Path) -> None:
    """An empty folder counts as none. Raises BackupUnusable."""
    require_no_symlink(folder, "folder")
    if folder.is_mount():
        raise BackupUnusable(f"{folder}: the root of a disk cannot be replaced. Name a new folder inside of it.")
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise BackupUnusable(f"{folder}: exists and is not empty. Nothing is ever replaced: name a new folder.")


def require_finished(folder: Path) -> None:
    """Raises BackupUnusable."""
    if (folder / MARK).exists():
        raise BackupUnusable(f"{folder}: it was not finished, so it is no backup. Use another one.")


def _begin(partial: Path) -> None:
    """What a killed try left is removed, and a folder that nobody here made is not touched."""
    if any(partial.iterdir()) and not (partial / MARK).exists():
        raise BackupUnusable(f"{partial}: holds files that no try has left. Move the folder away.")
    for left in partial.iterdir():
        if left.name != MARK:
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
    (partial / MARK).touch(mode=0o600)
    sync_folder(partial)


def _finish(partial: Path, folder: Path) -> None:
    for inner in (path for path in partial.rglob("*") if path.is_dir()):
        sync_folder(inner)
    (partial / MARK).unlink()
    sync_folder(partial)
    partial.rename(folder)  # Takes the place of an empty folder too.
    sync_folder(folder.parent)


@contextlib.contextmanager
def _alone(partial: Path) -> Iterator[None]:
    descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BackupUnusable(f"{partial}: another process writes it. Wait for it, or name another folder.") from error
    try:
        yield
    finally:
        os.close(descriptor)


def _told(error: OSError, folder: Path) -> str:
    where = error.filename if isinstance(error.filename, str) else folder
    if error.errno in FULL:
        return f"{where}: the disk is full. What was written is removed: make room, or name a folder on another disk."
    return f"{where}: {error.strerror}. Name a folder that this user can write, on a disk that answers."
