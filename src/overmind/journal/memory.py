"""A journal in memory. It keeps the promises of `ports.Journal` until the process ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overmind.core.model.events import Entry
from overmind.core.model.ids import SignalId
from overmind.journal.chain import GENESIS, decided, follow, tip_of
from overmind.ports import UNTROUBLED, JournalFailed, Snapshot, Storage


class MemoryJournal:
    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._decisions: dict[SignalId, Entry] = {}  # in order of `seq`
        self._snapshot: Snapshot | None = None
        self._failed = False
        self._hashed = GENESIS

    async def append(self, entries: Sequence[Entry]) -> None:
        if self._failed:
            raise JournalFailed("nothing is written after a failure")
        self._failed = True  # Reset only after every entry was valid.
        decisions = self._decisions_among(entries)
        self._entries += entries
        self._decisions |= decisions
        self._failed = False

    def read(self, after: int = 0) -> Iterator[Entry]:
        while after < len(self._entries):
            yield self._entries[after]
            after += 1

    def entry(self, seq: int) -> Entry:
        if not 0 < seq <= len(self._entries):
            raise KeyError(seq)
        return self._entries[seq - 1]

    def find(self, signal_id: SignalId) -> int | None:
        entry = self._decisions.get(signal_id)
        return None if entry is None else entry.seq

    def snapshot(self) -> Snapshot | None:
        return self._snapshot

    def snapshot_before(self, seq: int) -> Snapshot | None:
        return self._snapshot if self._snapshot is not None and self._snapshot.seq <= seq else None

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        assert 0 <= snapshot.seq <= len(self._entries), f"a snapshot of entry {snapshot.seq}, which is not there"
        if self._snapshot is None or self._snapshot.seq <= snapshot.seq:
            self._snapshot = snapshot

    def head(self) -> bytes:
        """The hash of the last entry, the same as on disk. Computed on demand."""
        for row in follow(self._hashed, self._entries[self._hashed.seq :]):
            self._hashed = tip_of(row)
        return self._hashed.hash

    @property
    def degraded(self) -> str | None:
        return None

    async def look(self) -> None:
        """Nothing to look at."""

    def storage(self) -> Storage:
        return UNTROUBLED

    def close(self) -> None:
        """Nothing to close."""

    def _decisions_among(self, entries: Sequence[Entry]) -> dict[SignalId, Entry]:
        last = self._entries[-1] if self._entries else None
        found: dict[SignalId, Entry] = {}
        seq, at_ns = (last.seq, last.at_ns) if last else (0, 0)
        for entry in entries:
            if entry.seq != seq + 1 or entry.at_ns < at_ns:
                raise JournalFailed(f"entry {entry.seq} at {entry.at_ns} cannot follow entry {seq} at {at_ns}")
            seq, at_ns, signal_id = entry.seq, entry.at_ns, decided(entry.event)
            if signal_id is not None:
                if signal_id in found or signal_id in self._decisions:
                    raise JournalFailed(f"entry {seq} decides signal {signal_id} a second time")
                found[signal_id] = entry
        return found
