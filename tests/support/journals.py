"""A journal on disk of a scripted desk. It costs milliseconds, where a run of the demo costs a second."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.support.core_desk import CoreDesk

from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal


def journal_of(steps: str, folder: Path) -> Path:
    """The file of a new journal in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "overmind.db"
    with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
        asyncio.run(journal.append(CoreDesk(steps).entries))
    return path
