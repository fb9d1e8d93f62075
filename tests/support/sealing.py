"""Journals on disk whose older entries are sealed, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
from bench.desks import START_NS, PureDesk, buy

from overmind.core.books.apply import apply
from overmind.core.books.state import State, encode_state, forget_changes
from overmind.core.model.commands import RecordOutcome, RecordTicket
from overmind.core.model.events import Entry, Event, OrderPlaced
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Filled
from overmind.journal.chain import GENESIS, decided, link_of
from overmind.journal.database import Disk
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot

SMALL = Disk(reserve_bytes=0)


def traded(count: int, wallets: int = 2) -> list[Entry]:
    """At least `count` entries of a desk that trades."""
    desk = PureDesk(wallets, mints=3)
    number = 0
    while len(desk.entries) < count:
        number += 1
        at_ns = START_NS + number * 1_000_000
        placed = desk.run(buy(number, desk.mints[number % 3], at_ns), at_ns)[-1]
        assert isinstance(placed, OrderPlaced), placed
        desk.run(RecordTicket(placed.order.id, Ticket(f"sig{number}", b"")), at_ns)
        fill = Filled(placed.order.spend.units, placed.order.received_min, 13_000, placed.order.rent_max_lamports)
        desk.run(RecordOutcome(placed.order.id, fill), at_ns)
    return desk.entries


def folded(entries: Sequence[Entry]) -> State:
    state = State()
    for entry in entries:
        apply(state, entry)
        forget_changes(state)
    return state


def open_journal(folder: Path) -> SqliteJournal:
    return SqliteJournal.open(folder / "overmind.db", SMALL)


async def write(folder: Path, entries: Sequence[Entry], snapshots: Sequence[int]) -> None:
    """A journal with these entries, and a snapshot after each of these."""
    with closing(open_journal(folder)) as journal:
        await journal.append(entries)
        for seq in snapshots:
            await journal.save_snapshot(Snapshot(seq, encode_state(folded(entries[:seq]))))


async def seal(folder: Path, entries_max: int, entries_min: int = 1) -> int:
    """Seals all that may be sealed, and takes it out of the table. Returns the number of segments."""
    with closing(open_journal(folder)) as journal:
        count = 0
        for segment in sealed_segments(folder / "overmind.db", entries_min, entries_max):
            await journal.adopt(segment)
            count += 1
        while await journal.release():
            pass
        return count


def write_lines(folder: Path, lines: Sequence[bytes]) -> None:
    """A journal with these entries as an earlier version has written them: events are stored as they stand there."""
    open_journal(folder).close()
    tip = GENESIS
    with closing(apsw.Connection(str(folder / "overmind.db"))) as db, db:
        for line in lines:
            raw = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
            seq, at_ns = int(bytes(raw["seq"])), int(bytes(raw["at_ns"]))
            event = bytes(raw["event"])
            link = link_of(tip.hash, seq, at_ns, event)
            signal_id = decided(msgspec.json.decode(event, type=Event))
            db.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", (seq, at_ns, signal_id, event, link))
            tip = type(tip)(seq, at_ns, link)
