"""Reads the newest entries of the journal from its file, in a thread, for whoever was away."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from overmind.core.model.events import Entry
from overmind.journal.sqlite import SqliteJournal


def entries_after(path: Path, after: int, most: int) -> list[Entry]:
    """Raises JournalUnusable."""
    journal = SqliteJournal.open_read_only(path)
    try:
        return [*islice(journal.read(after), most)]
    finally:
        journal.close()
