"""`overmind journal`: how large the journal is, and where its older entries lie."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import structs

from overmind.cli import present
from overmind.cli.opening import JOURNAL, AsJson, DataDir, absolute, data_dir_of, journal_at, journal_to_write
from overmind.cli.whole import whole_option
from overmind.core.books.state import encode_state
from overmind.desk.engine import recover
from overmind.journal.segments.archive import archive as archive_segments
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.journal.status import status_of
from overmind.ports import Snapshot

ENTRIES: Final = 100_000
ENTRIES_MAX: Final = 1_000_000

journal_cli = typer.Typer(
    help="Show, seal or archive the older part of the journal.\n\n"
    "Sealed segments are compressed files of old entries. Everything reads them like the rest of the journal. A running"
    " service seals by itself (OVERMIND_SEGMENT_ENTRIES).",
    add_completion=False,
    rich_markup_mode=None,
)


@journal_cli.command()
def status(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the size of the journal, and each sealed segment with its place."""
    found = status_of(journal_at(data_dir_of(data_dir)))
    if as_json:
        present.emit_json(found)
    else:
        rows = [(one.name, one.first, one.last, one.bytes, one.problem or one.folder) for one in found.segments]
        if rows:
            present.table(
                "Sealed segments", ("name", "first", "last", "bytes", "where"), rows, right=("first", "last", "bytes")
            )
        present.say(
            f"{found.entries} entries, {found.sealed} of them sealed and {found.sealable} more could be;"
            f" {found.journal_bytes} bytes in {found.journal}, {found.free_bytes} of them free for new entries"
        )
    for one in found.segments:
        if one.problem:
            present.warn(one.problem)


@journal_cli.command()
def seal(
    entries: Annotated[int, whole_option("--entries", 1_000, ENTRIES_MAX, "The most entries of a segment.")] = ENTRIES,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Seal all entries that a start does not need. No service may run.

    A snapshot is taken first if there is none. Then the journal's file is made as small as it can be.
    """
    folder = data_dir_of(data_dir)
    journal_at(folder)
    with journal_to_write(folder) as journal:
        count = asyncio.run(_seal(journal, folder / JOURNAL, entries))
    found = status_of(folder / JOURNAL)
    if as_json:
        present.emit_json({"sealed_now": count, **structs.asdict(found)})
    else:
        present.say(f"{count} segments sealed; {found.sealed} of {found.entries} entries are sealed now", "green")


async def _seal(journal: SqliteJournal, path: Path, entries: int) -> int:
    count = 0
    if journal.snapshot() is None:
        state = recover(journal)
        await journal.save_snapshot(Snapshot(state.seq, encode_state(state)))
    with present.progress() as shown:
        task = shown.add_task("sealing entries", total=None)
        for segment in sealed_segments(path, 1, entries):
            await journal.adopt(segment)
            count += 1
            shown.update(task, completed=segment.last)
        while await journal.release():
            pass
    if count:
        await journal.compact()
    return count


@journal_cli.command()
def archive(
    folder: Annotated[Path, typer.Argument(callback=absolute, help="Where the segments go, on another disk perhaps.")],
    keep: Annotated[int, whole_option("--keep", 0, ENTRIES_MAX, "How many of the newest segments stay.")] = 1,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Move sealed segments to another folder. A service may run.

    The journal remembers the folder and reads on from there. While it is not mounted, whatever needs these entries says
    so; the desk trades on.
    """
    moved = []
    with present.progress() as shown:
        task = shown.add_task("moving segments", total=None)
        for name in archive_segments(journal_at(data_dir_of(data_dir)), folder, keep):
            moved.append(name)
            shown.update(task, completed=len(moved))
    if as_json:
        present.emit_json({"folder": str(folder), "moved": moved})
    else:
        present.say(f"{len(moved)} segments moved to {folder}", "green")
