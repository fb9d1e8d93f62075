"""A journal's history as explanations read it: with the states that are kept close together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from overmind.core.model.events import Entry
from overmind.journal.kept.keeping import EVERY
from overmind.journal.kept.store import KeptFailed, KeptStates
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot


class NearStates:
    """A `History` for explanations alone, since the states that are kept close together lack the newest signatures.

    Snapshots and segments stand in where no state is kept nearer.
    """

    def __init__(self, journal: SqliteJournal, kept: KeptStates | None) -> None:
        self._journal = journal
        self._kept = kept

    @classmethod
    def beside(cls, path: Path, journal: SqliteJournal) -> Self:
        return cls(journal, KeptStates.open_read_only(path, journal))

    def read(self, after: int) -> Iterator[Entry]:
        return self._journal.read(after)

    def snapshot_before(self, seq: int) -> Snapshot | None:
        near = self._near(seq)
        if near is not None and seq - near.seq < EVERY:
            return near
        known = self._journal.snapshot_before(seq)
        return near if known is None or (near is not None and near.seq >= known.seq) else known

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def _near(self, seq: int) -> Snapshot | None:
        if self._kept is not None:
            with contextlib.suppress(KeptFailed):  # The journal has all of it, further apart.
                found = self._kept.before(seq, self._journal)
                return None if found is None else found[0]
        return None
