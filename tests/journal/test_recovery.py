"""A state after any entry is the nearest kept state, of this version or an earlier one, and the entries after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.journal_entries import entries, rolled

from overmind.core.books.apply import apply
from overmind.core.books.state import SIGNATURES_KEPT, STATE_VERSION, State, encode_state
from overmind.core.model.events import Entry, TicketRecorded
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Ticket
from overmind.desk.engine import recover
from overmind.journal import recovery
from overmind.journal.memory import MemoryJournal
from overmind.journal.recovery import kept_state, newest_signatures, state_at
from overmind.ports import Snapshot

GOLDEN = Path(__file__).parents[1] / "golden"
MOVES = [
    msgspec.json.decode(line, type=Entry) for line in (GOLDEN / "version-4-moves.jsonl").read_bytes().splitlines()[1:]
]


class CountingJournal(MemoryJournal):
    """Counts the entries that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, after: int = 0) -> Iterator[Entry]:
        for entry in super().read(after):
            self.reads += 1
            yield entry


def journal_of(kept: list[Entry], snapshot: Snapshot | None = None) -> CountingJournal:
    journal = CountingJournal()

    async def fill() -> None:
        await journal.append(kept)
        if snapshot is not None:
            await journal.save_snapshot(snapshot)

    asyncio.run(fill())
    return journal


def folded(kept: list[Entry]) -> State:
    state = State()
    for entry in kept:
        apply(state, entry)
    return state


@pytest.mark.parametrize("snapshot_seq", [0, 1, 100, len(MOVES)])
def test_the_state_after_an_entry_is_what_a_replay_up_to_it_comes_to(snapshot_seq: int) -> None:
    snapshot = Snapshot(snapshot_seq, encode_state(folded(MOVES[:snapshot_seq])))
    for seq in (0, 1, 99, 100, 101, len(MOVES), len(MOVES) + 9):
        journal = journal_of(MOVES, snapshot)
        assert encode_state(state_at(journal, seq)) == encode_state(folded(MOVES[:seq]))
        assert journal.reads <= len(MOVES) - snapshot_seq + 1 or seq < snapshot_seq


def test_a_start_after_an_upgrade_reads_the_newest_tickets_and_no_more() -> None:
    older = Snapshot(len(MOVES), (GOLDEN / "version-4-moves.state-5.json").read_bytes().strip())
    journal = journal_of(MOVES, older)
    assert encode_state(recover(journal)) == encode_state(folded(MOVES))
    assert journal.reads <= len(MOVES) + 1, "read once, for the signatures"


@pytest.mark.parametrize("tickets_every", [1, 3, 40_000])
def test_the_newest_signatures_are_found_backwards(tickets_every: int) -> None:
    count = 3 * recovery.PAGE_ENTRIES
    events = [rolled() if n % tickets_every else ticket(n) for n in range(count)]
    journal = journal_of(entries(events))
    signed = {f"sig{n}": (n + 1, OrderId(f"o{n}")) for n in range(0, count, tickets_every)}
    assert newest_signatures(journal, count) == dict([*signed.items()][-SIGNATURES_KEPT:])
    assert newest_signatures(journal, 1) == {"sig0": (1, OrderId("o0"))}
    assert newest_signatures(journal, 0) == {}
    assert tickets_every > 1 or journal.reads < 2 * recovery.PAGE_ENTRIES, "the newest page has enough"


@pytest.mark.parametrize("kept", [b"", b"garbage", b"{}", b'{"version":%d}' % (STATE_VERSION + 1)])
def test_a_snapshot_that_this_version_cannot_read_is_replayed(kept: bytes) -> None:
    journal = journal_of(MOVES, Snapshot(100, kept))
    assert encode_state(recover(journal)) == encode_state(folded(MOVES))


def test_a_snapshot_of_another_entry_than_it_says_is_replayed() -> None:
    assert kept_state(journal_of(MOVES), Snapshot(9, encode_state(folded(MOVES[:8])))).seq == 0


def ticket(number: int) -> TicketRecorded:
    return TicketRecorded(OrderId(f"o{number}"), Ticket(f"sig{number}", b""))
