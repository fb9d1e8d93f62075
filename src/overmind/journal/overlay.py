"""A journal for trials: reads another journal, and keeps new entries in memory only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.chain import decided
from overmind.ports import UNTROUBLED, Journal, Snapshot, Storage


class OverlayJournal:
    """`base` is only read. New entries are lost with the process."""

    def __init__(self, base: Journal) -> None:
        self._base = base
        self._added: list[Entry] = []

    async def append(self, entries: Sequence[Entry]) -> None:
        self._added += entries

    def read(self, after: int = 0) -> Iterator[Entry]:
        yield from self._base.read(after)
        yield from (entry for entry in self._added if entry.seq > after)

    def entry(self, seq: int) -> Entry:
        return next((entry for entry in self._added if entry.seq == seq), None) or self._base.entry(seq)

    def find(self, signal_id: SignalId) -> int | None:
        added = (entry.seq for entry in self._added if decided(entry.event) == signal_id)
        return next(added, None) or self._base.find(signal_id)

    def snapshot(self) -> Snapshot | None:
        return self._base.snapshot()

    def snapshot_before(self, seq: int) -> Snapshot | None:
        return self._base.snapshot_before(seq)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Does nothing: a trial needs no snapshot."""

    @property
    def degraded(self) -> str | None:
        return None

    async def look(self) -> None:
        """Nothing to look at."""

    def storage(self) -> Storage:
        return UNTROUBLED
