"""Restores a backup into a new folder: every file as its manifest says, the whole chain read, the head the same.

A mark stays beside the restored journal. A live desk that finds it sends nothing, sales included, until the history of
every wallet since then has been read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from overmind.core.model.value import Value
from overmind.journal.backup.making import require_whole
from overmind.journal.backup.manifest import BackupUnusable, Manifest, copy_durably, read_manifest
from overmind.journal.backup.unfinished import require_finished, unfinished
from overmind.journal.place import FOLDER_MODE
from overmind.keys.private_file import write_private

RESTORED: Final = "restored.json"  # the mark
MARK_BYTES_MAX: Final = 4_096


class Restored(Value, frozen=True):
    """From which backup a journal comes."""

    made_at: str
    seq: int
    head: str


def restore_backup(
    source: Path, folder: Path, journal: str, on_bytes: Callable[[int], None] = lambda _: None
) -> Manifest:
    """Durable and verified on return. `journal`: the name of its database. Raises JournalUnusable."""
    require_finished(source)
    manifest, done = read_manifest(source), 0
    with unfinished(folder) as partial:
        for one in manifest.files:
            target = partial / one.name
            target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
            if copy_durably(source / one.name, target) != one.sha256:
                raise BackupUnusable(f"{source / one.name}: it was changed since the backup was made. Use another one.")
            done += one.bytes
            on_bytes(done)
        if not (partial / journal).exists():
            raise BackupUnusable(f"{source}: it holds no {journal}. Use another backup.")
        require_whole(partial / journal, manifest.seq, manifest.head)
        mark = Restored(manifest.made_at, manifest.seq, manifest.head)
        write_private(partial / RESTORED, msgspec.json.encode(mark) + b"\n")
    return manifest


def restored_from(data_dir: Path) -> str | None:
    """From which backup this folder's journal comes, for people; None: from none. Raises OSError."""
    try:
        with (data_dir / RESTORED).open("rb") as file:
            mark = msgspec.json.decode(file.read(MARK_BYTES_MAX), type=Restored)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        return "a backup that cannot be named"  # A damaged mark is a mark.
    return f"the backup of {mark.made_at}, which ends at entry {mark.seq}"


def forget_restored(data_dir: Path) -> None:
    """Once the journal itself says it. Raises OSError."""
    (data_dir / RESTORED).unlink(missing_ok=True)
