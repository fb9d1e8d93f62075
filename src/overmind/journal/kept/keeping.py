"""Keeps states close together: first of the newest entries, then run by run back to the first one.

The keeper's process does it; see `segments/keeper_process`. It only reads the journal.
"""

from __future__ import annotations

import contextlib
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from overmind.core.books.apply import apply
from overmind.core.books.state import State, encode_state, forget_changes
from overmind.journal.kept.store import KeptState, KeptStates, KeptUseless, pack
from overmind.journal.lock import alone
from overmind.journal.recovery import kept_state
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot

LOCK: Final = "states.lock"  # beside the journal
EVERY: Final = 500  # entries between two kept states of up to a MiB; larger ones lie as much further apart
SCALE_BYTES: Final = 1 << 20
PART_ENTRIES: Final = 200_000  # some ten seconds: snapshots and segments wait for the keeper meanwhile
ADDED_AT_ONCE: Final = 40  # states


class _Run(NamedTuple):
    """Entries whose states are to be kept."""

    begin: Snapshot
    changes: int | None  # rows in a row that say only changes, up to `begin`; None: it is not kept yet
    last: int


def keep_states(path: Path, every: int = EVERY) -> bool:
    """Keeps the states of the newest entries, or else of one earlier run. False: no earlier ones are left.

    `every`: how many entries lie between two of them.

    Raises JournalUnusable, and AssertionError or KeyError when an entry does not follow from those before it.
    """
    with (
        alone(path.with_name(LOCK), "keeps states of"),
        contextlib.closing(SqliteJournal.open_read_only(path)) as journal,
        contextlib.closing(KeptStates.open(path, journal)) as kept,
    ):
        try:
            _keep_next(journal, kept, every)
        except KeptUseless:
            kept.clear()
            return True
        return kept.first > 0


def _keep_next(journal: SqliteJournal, kept: KeptStates, every: int) -> None:
    if (run := _newest(journal, kept, every)) is not None:
        _keep(journal, kept, run, every)
    elif (run := _earlier(journal, kept)) is not None:
        _keep(journal, kept, run, every)
        if run.last == kept.first - 1:
            kept.reach(kept.lowest)


def _newest(journal: SqliteJournal, kept: KeptStates, every: int) -> _Run | None:
    """From the newest kept state on; the first time from the newest snapshot on."""
    last = journal.last_seq()
    if kept.is_empty:
        begin = _begin(journal, last)
        kept.add([pack(begin, _hash(journal, begin.seq), None, 0)])
        kept.reach(begin.seq)
    found = kept.before(last, journal)
    if found is None or last - found[0].seq < _spacing(found[0], every):
        return None
    return _Run(found[0], found[1], min(last, found[0].seq + PART_ENTRIES))


def _earlier(journal: SqliteJournal, kept: KeptStates) -> _Run | None:
    """Entries between the next earlier snapshot or segment and what is kept; None: all is.

    A part at a time. The next one goes on where it ended, unless a snapshot or a segment lies nearer now.
    """
    first = kept.first
    if first == 0:
        return None
    begin, changes = _begin(journal, first - 1), None
    unfinished = kept.before(first - 1, journal)
    if unfinished is not None and unfinished[0].seq >= begin.seq:
        begin, changes = unfinished
    else:
        kept.begin(first)
    return _Run(begin, changes, min(first - 1, begin.seq + PART_ENTRIES))


def _begin(journal: SqliteJournal, seq: int) -> Snapshot:
    """The nearest state that this version reads, as it encodes it."""
    state = kept_state(journal, journal.snapshot_before(seq))
    return Snapshot(state.seq, encode_for_explaining(state))


def _keep(journal: SqliteJournal, kept: KeptStates, run: _Run, every: int) -> None:
    newest, changes, added = run.begin, run.changes, list[KeptState]()
    if changes is None:
        changes = 0
        added.append(pack(newest, _hash(journal, newest.seq), None, 0))
    state, spacing = _decoded(journal, newest), _spacing(newest, every)
    for entry in takewhile(lambda entry: entry.seq <= run.last, journal.read(newest.seq)):
        apply(state, entry)
        forget_changes(state)
        if entry.seq - newest.seq >= spacing:
            now = Snapshot(entry.seq, encode_for_explaining(state))
            added.append(pack(now, _hash(journal, now.seq), newest, changes))
            newest, changes, spacing = now, added[-1].changes, _spacing(now, every)
            if len(added) >= ADDED_AT_ONCE:
                kept.add(added)
                added = []
    kept.add(added)


def encode_for_explaining(state: State) -> bytes:
    """Without the newest signatures, which say nothing of wallets and take most of the room."""
    return encode_state(replace(state, signatures={}))


def _decoded(journal: SqliteJournal, snapshot: Snapshot) -> State:
    """Raises KeptUseless when an older version kept it in a way that this one does not read."""
    state = kept_state(journal, snapshot)
    if state.seq != snapshot.seq:
        raise KeptUseless(f"the state after entry {snapshot.seq} cannot be read")
    return state


def _hash(journal: SqliteJournal, seq: int) -> bytes:
    found = b"" if seq == 0 else journal.hash_of(seq)
    assert found is not None, f"the journal has no entry {seq}"
    return found


def _spacing(snapshot: Snapshot, every: int) -> int:
    return every * (1 + len(snapshot.state) // SCALE_BYTES)
