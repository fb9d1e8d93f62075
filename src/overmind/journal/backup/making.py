"""Makes a backup of a journal, also while a service writes it, and reads it back before it gets its name.

The anchor is left out on purpose: it finds out on this machine that a restored journal is older than what was traded.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import apsw

from overmind.journal.backup.copying import Told, bytes_needed, copy_journal
from overmind.journal.backup.manifest import BackupUnusable, Manifest, copy_durably, files_below, write_manifest
from overmind.journal.backup.unfinished import MARK, require_absent, unfinished
from overmind.journal.database import last_seq, tip_at
from overmind.journal.errors import JournalProblem, SegmentUnusable
from overmind.journal.free_space import free_bytes
from overmind.journal.place import FOLDER_MODE
from overmind.journal.segments.segment import SegmentFile, name_of
from overmind.journal.segments.shelf import FOLDER as SEGMENTS
from overmind.journal.verify import order_problems, sealed_parts, verify_chain

ROOM_MIN: Final = 2**20  # bytes that are left on the target's disk


def make_backup(
    journal: Path,
    folder: Path,
    beside: Mapping[str, Path],
    made_at: str,
    version: str,
    keys: bool,
    on_entries: Told = lambda _: None,
) -> Manifest:
    """Durable and verified on return. `beside`: other files, by their names in the backup; those that are not there are
    left out. Raises JournalUnusable.
    """
    require_absent(folder)
    _require_room(journal, folder)
    with unfinished(folder) as partial, _disk_faults(partial):
        _copy_beside(beside, partial)  # Before the journal: none of them then knows of an entry that it does not have.
        copied = copy_journal(journal, partial, on_entries)
        _sync(partial / journal.name)
        require_whole(partial / journal.name, copied.end.seq, copied.end.hash.hex())
        files = tuple(one for one in files_below(partial) if one.name != MARK)
        manifest = Manifest(made_at, version, copied.first.hex(), copied.end.seq, copied.end.hash.hex(), files, keys)
        write_manifest(partial, manifest)
    return manifest


def _copy_beside(beside: Mapping[str, Path], partial: Path) -> None:
    for name, source in beside.items():
        if not source.exists():
            continue
        if not source.is_file():
            raise BackupUnusable(f"{source}: is no regular file. Put one in its place, or remove it.")
        (partial / name).parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        copy_durably(source, partial / name)


def require_whole(journal: Path, seq: int, head: str) -> None:
    """Reads a copy: every segment, the chain of its entries to this head, and its indexes. Raises BackupUnusable."""
    found, seen = next(_problems(journal), None), _head(journal)
    if found is not None:
        raise BackupUnusable(f"{journal}: {found}. The copy is not whole: check the disk, then try again.")
    if seen != (seq, head):
        raise BackupUnusable(f"{journal}: it ends with entry {seen[0]}, and not as it should with {seq}.")


def _problems(journal: Path) -> Iterator[JournalProblem]:
    parts = sealed_parts(journal)
    yield from order_problems(parts)
    for part in parts:
        try:
            segment = SegmentFile(journal.with_name(SEGMENTS) / name_of(part.first, part.last))
            segment.verify()
        except SegmentUnusable as error:
            yield error.problem
        else:
            if segment.digest != part.digest:
                yield JournalProblem(f"segment {segment.path.name} is another one than its list says")
    for found in verify_chain(journal):
        if isinstance(found, JournalProblem):
            yield found


def _head(journal: Path) -> tuple[int, str]:
    with contextlib.closing(apsw.Connection(str(journal), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        seq = last_seq(db)
        tip = tip_at(db, seq)
    return (0, "") if tip is None else (seq, tip.hash.hex())


def _require_room(journal: Path, folder: Path) -> None:
    """Before anything is written. Raises BackupUnusable."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    needed, free = bytes_needed(journal) + ROOM_MIN, free_bytes(there)
    if free < needed:
        what = f"a backup takes about {needed:,} bytes, and the disk has {free:,} free"
        raise BackupUnusable(f"{folder}: {what}. Make room, or name a folder on another disk.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _disk_faults(folder: Path) -> Iterator[None]:
    """SQLite's faults on the target's disk, as the system's."""
    try:
        yield
    except apsw.FullError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
    except apsw.Error as error:
        raise BackupUnusable(f"{folder}: the copy cannot be written ({error}). Check the disk.") from error
