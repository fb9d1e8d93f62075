"""From a journal to the state that it led to after an entry: the nearest kept state, then the entries in between."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Final, Protocol

from overmind.core.books.apply import apply
from overmind.core.books.migration import migrate
from overmind.core.books.state import SIGNATURES_KEPT, State, forget_changes
from overmind.core.model.events import Entry, TicketRecorded
from overmind.core.model.ids import OrderId
from overmind.ports import Snapshot

PAGE_ENTRIES: Final = 4_096  # read at once while looking backwards for tickets


class History(Protocol):
    """The part of a journal that tells how a state came about."""

    def read(self, after: int) -> Iterator[Entry]: ...

    def snapshot_before(self, seq: int) -> Snapshot | None: ...


def state_at(journal: History, seq: int) -> State:
    """The state after this entry, or after the newest one if the journal is shorter."""
    return replayed(journal, kept_state(journal, journal.snapshot_before(seq)), seq)


def replayed(journal: History, state: State, seq: int) -> State:
    """The same, from an earlier state."""
    for entry in _between(journal, state.seq, seq):
        apply(state, entry)
        forget_changes(state)
    return state


def kept_states(journal: History, seq: int) -> Iterator[State]:
    """The kept states at or before an entry, newest first. The empty one, which is always known, is left out."""
    while (snapshot := journal.snapshot_before(seq)) is not None and snapshot.seq > 0:
        state = kept_state(journal, snapshot)
        if state.seq:
            yield state
        seq = snapshot.seq - 1


def kept_state(journal: History, snapshot: Snapshot | None) -> State:
    """The state of a snapshot; the empty one if there is none, or if it was not kept in a way that this version reads.

    A snapshot of an earlier version is migrated. One of a newer version is not read: what it leaves out is unknown.
    """
    if snapshot is None:
        return State()
    state = migrate(snapshot.state, lambda: newest_signatures(journal, snapshot.seq))
    return state if state is not None and state.seq == snapshot.seq else State()


def newest_signatures(journal: History, seq: int) -> dict[str, tuple[int, OrderId]]:
    """What the newest transactions up to this entry were signed for, as `State.signatures` keeps it."""
    newest: list[tuple[str, tuple[int, OrderId]]] = []
    while seq > 0 and len(newest) < SIGNATURES_KEPT:
        after = max(0, seq - PAGE_ENTRIES)
        newest, seq = [*_signatures(journal, after, seq), *newest], after
    return dict(newest[-SIGNATURES_KEPT:])


def _signatures(journal: History, after: int, up_to: int) -> Iterator[tuple[str, tuple[int, OrderId]]]:
    for entry in _between(journal, after, up_to):
        event = entry.event
        if isinstance(event, TicketRecorded) and event.ticket.signature:
            yield event.ticket.signature, (entry.seq, event.order_id)


def _between(journal: History, after: int, up_to: int) -> Iterator[Entry]:
    return takewhile(lambda entry: entry.seq <= up_to, journal.read(after))
