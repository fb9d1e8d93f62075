"""Moves sealed segments to another folder, which may be another disk. The journal reads on from there.

A copy is durable and compared before the original goes, and the folder is remembered before the first one moves. So a
crash leaves each segment in at least one place that the journal knows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from overmind.journal.database import connect_reader
from overmind.journal.errors import JournalUnusable, SegmentUnusable
from overmind.journal.place import FILE_MODE, FOLDER_MODE
from overmind.journal.segments import sealed
from overmind.journal.segments.sealed import Sealed
from overmind.journal.segments.segment import PARTIAL, SegmentFile, name_of, sync_folder
from overmind.journal.segments.shelf import Shelf


def listed_segments(journal: Path) -> Sequence[Sealed]:
    """Oldest first. Raises JournalUnusable."""
    with contextlib.closing(connect_reader(journal)) as db:
        return sealed.segments(db) if sealed.has_tables(db) else []


def archive(journal: Path, folder: Path, keep: int) -> Iterator[str]:
    """Moves all segments but the newest `keep`, oldest first, and yields the name of each that was moved.

    Those that are not beside the journal stay where they are. Raises JournalUnusable.
    """
    shelf, segments = Shelf(journal), listed_segments(journal)
    here = [one for one in segments[: max(0, len(segments) - keep)] if (shelf.folder / _name(one)).exists()]
    if not here:
        return
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if folder.samefile(shelf.folder):
            raise JournalUnusable(f"{folder}: the segments are there already. Name another folder.")
        _require_writable(folder)
        shelf.remember(folder)
        for one in here:
            _move(shelf.folder / _name(one), folder / _name(one), one)
            yield _name(one)
    except OSError as error:
        raise JournalUnusable(
            f"{error.filename or folder}: {error.strerror}. The segments that were not moved are where they were."
            " Name a folder that this user can write, on a disk with room; a mount may be read-only."
        ) from error


def _name(one: Sealed) -> str:
    return name_of(one.first, one.last)


def _require_writable(folder: Path) -> None:
    probe = folder / PARTIAL
    probe.touch(mode=FILE_MODE)
    probe.unlink()


def _move(source: Path, target: Path, listed: Sealed) -> None:
    partial = target.with_name(target.name + PARTIAL)
    try:
        with source.open("rb") as original, os.fdopen(_create(partial), "wb") as copy:
            shutil.copyfileobj(original, copy)
            copy.flush()
            os.fsync(copy.fileno())
        found = SegmentFile(partial)
        if found.digest != listed.digest:
            raise SegmentUnusable(source, "it is not the file that the journal lists: it was changed or swapped")
        found.verify()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(target.parent)
    source.unlink()
    sync_folder(source.parent)


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
