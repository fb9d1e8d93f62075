"""The hash chain of the journal: each row's hash covers the one before, so any changed, lost or moved row shows."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable

import msgspec

from overmind.core.model.events import Entry, Event, OrderPlaced, SignalRecorded, SignalRefused
from overmind.core.model.ids import SignalId
from overmind.core.model.value import Value
from overmind.journal.errors import JournalProblem
from overmind.ports import JournalFailed

encode = msgspec.json.Encoder().encode
decode: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode
_prefix = struct.Struct(">32sqq").pack


Row = tuple[int, int, str | None, bytes, bytes]  # a stored row: seq, at_ns, signal_id, event, hash


class JournalTip(Value, frozen=True):
    """A position in the chain that the next entry must follow."""

    seq: int
    at_ns: int
    hash: bytes


GENESIS = JournalTip(0, 0, bytes(32))


def decided(event: Event) -> SignalId | None:
    """The signal that this event decides first. A retry or a sale's second part is no first decision."""
    if isinstance(event, OrderPlaced):
        return event.signal.id if event.order.attempt == 0 and event.order.part == 0 else None
    if isinstance(event, (SignalRefused, SignalRecorded)):
        return event.signal.id
    return None


def follow(tip: JournalTip, entries: Iterable[Entry]) -> list[Row]:
    """The rows of these entries. Raises JournalFailed if an entry does not follow the one before."""
    seq, at_ns, link = tip.seq, tip.at_ns, tip.hash
    rows: list[Row] = []
    for entry in entries:
        if entry.seq != seq + 1 or entry.at_ns < at_ns:
            raise JournalFailed(f"entry {entry.seq} at {entry.at_ns} cannot follow entry {seq} at {at_ns}")
        seq, at_ns, event = entry.seq, entry.at_ns, encode(entry.event)
        link = link_of(link, seq, at_ns, event)
        rows.append((seq, at_ns, decided(entry.event), event, link))
    return rows


def check(before: JournalTip, row: Row) -> Entry | JournalProblem:
    """The entry in this row, or why it cannot follow `before`."""
    seq, at_ns, signal_id, line, link = row
    if seq != before.seq + 1:
        return JournalProblem(f"follows entry {before.seq}: the entries between are missing", seq)
    if link != link_of(before.hash, seq, at_ns, line):
        return JournalProblem("its hash does not match: it was changed, or the entry before it was", seq)
    if at_ns < before.at_ns:
        return JournalProblem(f"its time {at_ns} is before {before.at_ns}, that of the entry before it", seq)
    try:
        event = decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return JournalProblem(f"this version cannot read its event ({error})", seq)
    if signal_id != decided(event):
        return JournalProblem(f"is indexed under signal {signal_id}, but decides {decided(event)}", seq)
    return Entry(seq, at_ns, event)


def tip_of(row: Row) -> JournalTip:
    return JournalTip(row[0], row[1], row[4])


def digest(seq: int, link: bytes, state: bytes) -> bytes:
    """The hash of a snapshot."""
    return hashlib.sha256(_prefix(link, seq, len(state)) + state).digest()


def link_of(before: bytes, seq: int, at_ns: int, event: bytes) -> bytes:
    """The hash of an entry, which covers the one before it."""
    return hashlib.sha256(_prefix(before, seq, at_ns) + event).digest()
