"""Entries of the journal in words, and for one of them what led to it and what it led to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from typing import Final, Protocol

from overmind.core.model.brief_refusals import BriefRefusals
from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import (
    Answer,
    Entry,
    HoldAdded,
    HoldLifted,
    OperatorActed,
    OrderPlaced,
    PricesMarked,
    PricesMoved,
    SignalRefused,
    WorkEvent,
)
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.core.model.value import Value
from overmind.journal.catalogue.past import Past
from overmind.journal.catalogue.topics import SELDOM, signal_of, work_of
from overmind.text.printable import json_bytes
from overmind.views.lines import Line, Teller

PAGE_ENTRIES: Final = 250  # read at once
LOOKED_MAX: Final = 5_000  # entries that one view looks at
TOGETHER_MAX: Final = 10  # entries of the same moment that are told, on each side
FILED: Final = frozenset(kind.__name__ for kind in SELDOM)
PRICES: Final = (PricesMarked, PricesMoved)


class Read(Protocol):
    """The entries of a journal."""

    def page(self, after: int, count: int) -> list[Entry]: ...


class EventFilter(Value, frozen=True):
    kind: str = ""  # the name of an event; blank: all but prices
    find: str = ""  # a text that occurs in it
    before: int = 0  # entries with a lower number; 0: all


class EventLine(Value, frozen=True):
    event: str
    line: Line


class Listed(Value, frozen=True):
    lines: tuple[EventLine, ...]  # newest first
    older: int  # to look on from: entries with a lower number; 0: there are none


class Deed(Value, frozen=True):
    """What somebody wanted, and why."""

    seq: int
    at_ns: int
    by: str
    action: str
    about: str
    reason: str


class Related(Value, frozen=True):
    """Entries that have to do with one, in order."""

    title: str
    lines: tuple[EventLine, ...]


def listed(read: Read, past: Past, desk: Desk, last_seq: int, wanted: EventFilter, count: int) -> Listed:
    """The newest fitting entries. Looks at LOOKED_MAX at most; `older` says where the next look begins.

    Entries of a kind that comes seldom are found however long ago they were.
    """
    if wanted.kind in FILED:
        return _filed(read, past, desk, wanted, count)
    found: list[EventLine] = []
    before = min(wanted.before or last_seq + 1, last_seq + 1)
    lowest = max(1, before - LOOKED_MAX)
    while before > lowest and len(found) < count:
        first = max(lowest, before - PAGE_ENTRIES)
        entries = read.page(first - 1, before - first)
        lines = [
            line for line in _told(entries, read, past, desk) if _fits(entries[line.line.seq - first], line, wanted)
        ]
        found += reversed(lines)
        before = first
    shown = tuple(found[:count])
    older = shown[-1].line.seq if len(found) > count else before
    return Listed(shown, older if older > 1 else 0)


def _filed(read: Read, past: Past, desk: Desk, wanted: EventFilter, count: int) -> Listed:
    found, entry = list[EventLine](), None
    for entry in islice(past.of_kind(wanted.kind, wanted.before), LOOKED_MAX):
        if len(found) == count:
            return Listed(tuple(found), entry.seq + 1)
        (line,) = _told([entry], read, past, desk)
        if _fits(entry, line, wanted):
            found.append(line)
    is_more = entry is not None and next(past.of_kind(wanted.kind, entry.seq), None) is not None
    return Listed(tuple(found), entry.seq if entry is not None and is_more else 0)


def _fits(entry: Entry, line: EventLine, wanted: EventFilter) -> bool:
    if wanted.kind != line.event if wanted.kind else isinstance(entry.event, PRICES):
        return False
    if not wanted.find:
        return True
    sought = wanted.find.casefold()
    in_words = f"{line.line.kind} {line.line.about} {line.line.text}".casefold()
    return sought in in_words or sought in json_bytes(entry.event).decode().casefold()


def related(read: Read, past: Past, desk: Desk, entry: Entry) -> list[Related]:
    """By cause: what led to it and what it led to."""
    near = read.page(max(0, entry.seq - 1 - TOGETHER_MAX), 2 * TOGETHER_MAX + 1)
    same = [one for one in near if one.at_ns == entry.at_ns and one.seq != entry.seq]
    life = _life(past, entry)
    known = {one.seq for one in life}
    groups = [
        ("What led to it", [one for one in life if one.seq < entry.seq] + _hold_before(past, entry)),
        ("What it led to", [one for one in life if one.seq > entry.seq] + _hold_after(past, entry)),
        ("In the same moment", [one for one in same if one.seq not in known]),
    ]
    return [Related(title, tuple(_told(entries, read, past, desk))) for title, entries in groups if entries]


def deeds(past: Past, count: int) -> list[Deed]:
    """Of people and their programs, newest first, however long ago."""
    return [
        Deed(one.seq, one.at_ns, one.event.by, one.event.action, one.event.about, one.event.reason)
        for one in islice(past.of_kind(OperatorActed.__name__), count)
        if isinstance(one.event, OperatorActed)
    ]


def told(entries: Sequence[Entry], read: Read, past: Past, desk: Desk) -> tuple[EventLine, ...]:
    return tuple(_told(entries, read, past, desk))


def _life(past: Past, entry: Entry) -> list[Entry]:
    """All that the journal says of the same signal, or of the same move."""
    event = entry.event
    if isinstance(event, WorkEvent) and signal_of(work_of(event)) is None:
        return past.of(work_of(event))
    if isinstance(event, Answer):
        return past.life(event.signal.id) or []
    if isinstance(event, WorkEvent) and (signal_id := signal_of(work_of(event))) is not None:
        return past.life(signal_id) or []
    return []


def _hold_before(past: Past, entry: Entry) -> list[Entry]:
    """The hold that a lift ended, or that refused a signal."""
    event = entry.event
    if isinstance(event, HoldLifted):
        return _first(_holds_before(past, entry.seq), lambda one: _begins(one, event))
    if isinstance(event, SignalRefused):
        causes = _causes(past, event)
        return _first(_holds_before(past, entry.seq), lambda one: isinstance(one.event, HoldAdded)
                      and one.event.hold.cause in causes)  # fmt: skip
    return []


def _causes(past: Past, refused: SignalRefused) -> set[str]:
    """The holds that refused a signal, by all of its refusals: the entry may have them in brief."""
    life = past.life(refused.signal.id)
    event = refused if not life or not isinstance(life[0].event, SignalRefused) else life[0].event
    said = (one.actual.rpartition(": ")[2] for one in event.refusals if isinstance(one.actual, str))
    return {cause for causes in said for cause in causes.split(", ")}


def _hold_after(past: Past, entry: Entry) -> list[Entry]:
    """The end of a hold."""
    event = entry.event
    if not isinstance(event, HoldAdded):
        return []
    later = takewhile(lambda one: one.seq > entry.seq, past.of_kind(HoldLifted.__name__))
    ends = [one for one in islice(later, LOOKED_MAX) if isinstance(one.event, HoldLifted)
            and (one.event.scope, one.event.cause) == (event.scope, event.hold.cause)]  # fmt: skip
    return ends[-1:]  # the first one


def _begins(entry: Entry, lift: HoldLifted) -> bool:
    event = entry.event
    return isinstance(event, HoldAdded) and (event.scope, event.hold.cause) == (lift.scope, lift.cause)


def _holds_before(past: Past, before: int) -> Iterator[Entry]:
    """Newest first, however long ago."""
    return islice(past.of_kind(HoldAdded.__name__, before), LOOKED_MAX)


def _first(entries: Iterable[Entry], wanted: Callable[[Entry], bool]) -> list[Entry]:
    found = next(filter(wanted, entries), None)
    return [] if found is None else [found]


def _told(entries: Sequence[Entry], read: Read, past: Past, desk: Desk) -> Iterator[EventLine]:
    teller = Teller(desk, {}, (), lambda order_id: _order(past, order_id), lambda seq: _pattern(read, seq))
    for entry in entries:
        yield EventLine(type(entry.event).__name__, teller.tell(entry))


def _order(past: Past, order_id: OrderId) -> Order | None:
    placed = (one.event for one in past.of(order_id))
    return next((event.order for event in placed if isinstance(event, OrderPlaced)), None)


def _pattern(read: Read, seq: int) -> BriefRefusals | None:
    """The refusals that a later entry refers to."""
    event = read.page(seq - 1, 1)[0].event
    return event.brief if isinstance(event, SignalRefused) else None
