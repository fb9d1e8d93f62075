"""Why a journal is refused.

JournalUnusable
├── JournalCorrupt   acknowledged data is missing or was changed
├── JournalForeign   not ours, or written by a newer Overmind
├── JournalLocked    another process owns it
├── SegmentUnusable  a sealed segment is missing, damaged or not this journal's
└── SqliteUnsafe     this SQLite may lose committed data
"""

from __future__ import annotations

from pathlib import Path

from overmind.core.model.value import Value


class JournalProblem(Value, frozen=True):
    """What is wrong with a journal, with the entry if there is one."""

    what: str
    seq: int | None = None

    def __str__(self) -> str:
        return self.what if self.seq is None else f"entry {self.seq}: {self.what}"


class JournalUnusable(Exception):
    """The journal cannot be opened or trusted. The message says where, why, and what to do."""


class JournalCorrupt(JournalUnusable):
    def __init__(self, where: Path, problem: JournalProblem) -> None:
        super().__init__(
            f"{where}: {problem}. The journal is damaged and was not changed."
            f" Keep a copy, list everything with `overmind verify {where}`, and restore a backup."
        )
        self.problem = problem


class JournalForeign(JournalUnusable):
    pass


class JournalLocked(JournalUnusable):
    pass


class SegmentUnusable(JournalUnusable):
    """Older entries cannot be read. A start needs none of them, so the desk may go on."""

    def __init__(self, where: Path, problem: str, fix: str = "Restore this file from a backup.") -> None:
        super().__init__(f"{where}: {problem}. {fix}")
        self.problem = JournalProblem(f"segment {where.name}: {problem}. {fix}")


class SqliteUnsafe(JournalUnusable):
    pass
