"""A journal that buffers entries and writes many at once: for a backtest, which can be repeated after a crash."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.chain import decided
from overmind.ports import Journal, Snapshot, Storage

BUFFERED_MAX: Final = 1024  # entries


class BufferedJournal:
    """Entries can be read at once but are durable only after `write`. Only one caller may append."""

    def __init__(self, base: Journal, buffered_max: int = BUFFERED_MAX) -> None:
        self._base = base
        self._buffered_max = buffered_max
        self._buffered: list[Entry] = []
        self._written = True  # since the last look at the disk
        self._decided: dict[SignalId, Entry] = {}  # the decisions among the buffered entries, in order

    async def append(self, entries: Sequence[Entry]) -> None:
        """Buffers the entries. A wrong sequence is found only by `write`."""
        self._buffered += entries
        for entry in entries:
            signal_id = decided(entry.event)
            if signal_id is not None:
                self._decided[signal_id] = entry
        if len(self._buffered) >= self._buffered_max:
            await self.write()

    async def write(self) -> None:
        """Writes the buffer; durable on return. Raises JournalFailed."""
        await self._base.append(self._buffered)
        self._buffered, self._decided = [], {}
        self._written = True

    def read(self, after: int = 0) -> Iterator[Entry]:
        for entry in self._base.read(after):
            after = entry.seq
            yield entry
        yield from [entry for entry in self._buffered if entry.seq > after]

    def entry(self, seq: int) -> Entry:
        return next((entry for entry in self._buffered if entry.seq == seq), None) or self._base.entry(seq)

    def find(self, signal_id: SignalId) -> int | None:
        buffered = self._decided.get(signal_id)
        return buffered.seq if buffered is not None else self._base.find(signal_id)

    def snapshot(self) -> Snapshot | None:
        return self._base.snapshot()

    def snapshot_before(self, seq: int) -> Snapshot | None:
        return self._base.snapshot_before(seq)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self.write()
        await self._base.save_snapshot(snapshot)

    @property
    def degraded(self) -> str | None:
        return self._base.degraded

    async def look(self) -> None:
        """Of use after a write alone: a run that can be repeated loses nothing before it."""
        if self._written:
            self._written = False
            await self._base.look()

    def storage(self) -> Storage:
        return self._base.storage()
