"""Finds orders, moves and refusals of a journal by the catalogue, however long ago they were.

What the catalogue does not reach yet is read from the entries, so an answer is always whole.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from msgspec.structs import replace

from overmind.core.books.brief_refusals import whole_by
from overmind.core.model.events import (
    Entry,
    MoveClosed,
    MovePlaced,
    OrderClosed,
    OrderPlaced,
    OrderRolledBack,
    SignalRefused,
    WorkEvent,
)
from overmind.core.model.ids import OrderId, SignalId
from overmind.core.model.order import Order, Work
from overmind.core.model.outcome import Filled
from overmind.core.model.value import Value
from overmind.journal.catalogue.store import Catalogue, CatalogueFailed, Numbered
from overmind.journal.catalogue.topics import (
    ANY,
    KINDS,
    MOVE_LIFE,
    MOVES,
    OF_WALLET,
    ORDERS,
    REFUSALS,
    SIGNALS,
    signal_of,
    topic,
    work_of,
)

PAGE_ENTRIES: Final = 1_024  # read and filed at once
KEPT_MAX: Final = 4_096  # entries that a search keeps in memory
FILED_BY_A_LOOK: Final = 10_000  # A look files so many entries for the next one; fewer are read each time.
INSTANT_MAX_NS: Final = 2**63 - 1


class Told(Numbered, Protocol):
    """What a search asks a journal."""

    def read(self, after: int = 0) -> Iterator[Entry]: ...

    def entry(self, seq: int) -> Entry: ...

    def last_seq(self) -> int: ...


class Search(Value, frozen=True):
    """What to look for. Blank: any."""

    last: int  # so many, the newest
    wallet: str = ANY
    mint: str = ANY
    signal_id: SignalId | None = None
    from_ns: int = 0
    to_ns: int = INSTANT_MAX_NS  # exclusive

    def fits(self, work: Work, placed_ns: int) -> bool:
        """Whether an order or move that was placed then is looked for."""
        signal_id = work.signal_id if isinstance(work, Order) else None
        mint = work.mint if isinstance(work, Order) else work.money.mint
        return (
            self.wallet in (ANY, *work.wallets)
            and self.mint in (ANY, mint)
            and self.signal_id in (None, signal_id)
            and self.from_ns <= placed_ns < self.to_ns
        )


class Works(Value, frozen=True):
    """Orders or moves that ended, in the order of placing, and all entries that tell of them."""

    ids: Sequence[OrderId]
    entries: Sequence[Entry]


class Past:
    def __init__(self, journal: Told, filed: Catalogue | None, on_read: Callable[[int], None] = lambda _: None) -> None:
        """Reads the entries that are not filed yet. `on_read` gets the number of the last one that was read."""
        self._journal = journal
        self._tail = Catalogue.in_memory(filed.filed if filed is not None else 0)
        self._catalogues = [self._tail] if filed is None else [self._tail, filed]
        self._entries: dict[int, Entry] = {}
        entries = journal.read(self._tail.filed)
        while page := list(islice(entries, PAGE_ENTRIES)):
            self._tail.file(page, journal)
            on_read(page[-1].seq)

    def orders(self, search: Search) -> Works:
        """The newest orders that are closed. A retry is an order of its own."""
        return self._orders(search, _closed)

    def fills(self, search: Search) -> Works:
        """The newest orders that were filled, and that no fork undid. A swap for the float is no trade."""
        return self._orders(search, _filled)

    def _orders(self, search: Search, wanted: Callable[[Order, Sequence[Entry]], bool]) -> Works:
        ids: list[OrderId] = []
        lives: dict[int, list[Entry]] = {}
        for placed in self._placed(search):
            first = self._journal.find(placed.order.signal_id)
            assert first is not None, placed.order.id
            if first not in lives:
                lives[first] = self._life(first)
            if wanted(placed.order, lives[first]):
                ids.append(placed.order.id)
                if len(ids) == search.last:
                    break
        return _works(ids, lives.values())

    def moves(self, search: Search) -> Works:
        """The newest moves that are closed."""
        ids: list[OrderId] = []
        lives: list[list[Entry]] = []
        for entry in self._listed(topic(MOVES, search.wallet, search.mint), search):
            assert isinstance(entry.event, MovePlaced), entry
            move_id = entry.event.move.id
            life = self.of(move_id)
            if any(isinstance(one.event, MoveClosed) for one in life):
                ids.append(move_id)
                lives.append(life)
                if len(ids) == search.last:
                    break
        return _works(ids, lives)

    def refusals(self, code: str, search: Search) -> list[Entry]:
        """The newest signals that were refused, with this code or with any, in order, each with all of its refusals."""
        found = islice(self._listed(topic(REFUSALS, code), search), search.last)
        return [self._in_full(entry) for entry in found][::-1]

    def signals(self, search: Search, strategy: str = ANY, code: str | None = None) -> list[list[Entry]]:
        """The newest signals, in order, each with all that the journal says of it.

        `code`: only those that were refused with this code; ANY: with any; None: all signals.
        """
        topics = [topic(SIGNALS, strategy)] + ([] if code is None else [topic(REFUSALS, code)])
        found = islice(self._numbers(topics, search), search.last)
        return [[self._in_full(one) for one in self._life(seq)] for seq in found][::-1]

    def of_kind(self, kind: str, before: int = 0) -> Iterator[Entry]:
        """The entries of a kind of SELDOM, newest first. `before`: those with a lower number; 0: all."""
        return self._named(topic(KINDS, kind), before)

    def of_wallet(self, wallet_id: str) -> Iterator[Entry]:
        """The entries of SELDOM that are about this wallet, newest first."""
        return self._named(topic(OF_WALLET, wallet_id), 0)

    def _named(self, name: str, before: int) -> Iterator[Entry]:
        end = before or self._tail.filed + 1
        return (self._entry(seq) for catalogue in self._catalogues for seq in catalogue.listed(name, 0, end))

    def _in_full(self, entry: Entry) -> Entry:
        event = entry.event
        return replace(entry, event=whole_by(self._entry, event)) if isinstance(event, SignalRefused) else entry

    def life(self, signal_id: SignalId) -> list[Entry] | None:
        """All that the journal says of a signal, with all of its refusals; None: it does not know the signal."""
        first = self._journal.find(signal_id)
        return None if first is None else [self._in_full(entry) for entry in self._life(first)]

    def of(self, work_id: OrderId) -> list[Entry]:
        """All that the journal says of one order or move; nothing: it does not know it."""
        signal_id = signal_of(work_id)
        if signal_id is None:
            return [self._entry(seq) for seq in self._all(topic(MOVE_LIFE, work_id))]
        life = self.life(signal_id) or []
        return [one for one in life if isinstance(one.event, WorkEvent) and work_of(one.event) == work_id]

    def placed_ns(self, order: Order) -> int:
        """When an order of this journal was placed."""
        first = self._journal.find(order.signal_id)
        assert first is not None, order.id
        # The parts of a first attempt follow each other; a retry comes later.
        entries = [self._entry(first + order.part)] if order.attempt == 0 else self._life(first)
        placed = (one for one in entries if isinstance(one.event, OrderPlaced) and one.event.order.id == order.id)
        return next(placed).at_ns

    def ended_after(self, seq: int) -> set[OrderId]:
        """The orders and moves that were closed by later entries."""
        events = (entry.event for entry in self._journal.read(seq))
        return {work_of(event) for event in events if isinstance(event, OrderClosed | MoveClosed)}

    def close(self) -> None:
        for catalogue in self._catalogues:
            catalogue.close()

    def _placed(self, search: Search) -> Iterator[OrderPlaced]:
        """Newest first."""
        if search.signal_id is None:
            entries = self._listed(topic(ORDERS, search.wallet, search.mint), search)
        else:
            entries = reversed(self.life(search.signal_id) or [])
        for entry in entries:
            if isinstance(entry.event, OrderPlaced) and search.fits(entry.event.order, entry.at_ns):
                yield entry.event

    def _listed(self, name: str, search: Search) -> Iterator[Entry]:
        """The entries of a topic within the search's time, newest first."""
        return map(self._entry, self._numbers([name], search))

    def _numbers(self, names: Sequence[str], search: Search) -> Iterator[int]:
        """The numbers of the entries that stand in all of these topics, newest first."""
        after, before = self._first_at(search.from_ns) - 1, self._first_at(search.to_ns)
        for catalogue in self._catalogues:
            yield from _common([catalogue.listed(name, after, before) for name in names])

    def _entry(self, seq: int) -> Entry:
        """Of one order several entries are needed, and some of them twice."""
        known = self._entries.get(seq)
        if known is None:
            if len(self._entries) >= KEPT_MAX:
                self._entries.clear()
            known = self._entries[seq] = self._journal.entry(seq)
        return known

    def _all(self, name: str) -> list[int]:
        """All entries of a topic, in order."""
        found = [seq for catalogue in self._catalogues for seq in catalogue.listed(name, 0, self._tail.filed + 1)]
        return found[::-1]

    def _life(self, first: int) -> list[Entry]:
        later = sorted(seq for catalogue in self._catalogues for seq in catalogue.life(first))
        return [self._entry(seq) for seq in (first, *later)]

    def _first_at(self, at_ns: int) -> int:
        """The first entry of that time or later; one more than the newest if there is none. Time never goes back."""
        if at_ns >= INSTANT_MAX_NS or at_ns <= 0:
            return self._tail.filed + 1 if at_ns > 0 else 1
        return 1 + bisect_left(range(1, self._tail.filed + 1), at_ns, key=lambda seq: self._entry(seq).at_ns)


def _common(falling: Sequence[Iterator[int]]) -> Iterator[int]:
    """The numbers that every one of these has, each of which falls."""
    first, *others = falling
    heads = [next(one, 0) for one in others]  # An entry's number is 1 or more.
    for seq in first:
        for place, one in enumerate(others):
            while heads[place] > seq:
                heads[place] = next(one, 0)
        if all(head == seq for head in heads):
            yield seq


def past_on_disk(path: Path, journal: Told, on_read: Callable[[int], None] = lambda _: None) -> Past:
    """The past of a journal, as far as it goes. Files what is not filed yet, if that is much and can be written."""
    filed = Catalogue.open_read_only(path, journal)
    behind = journal.last_seq() - (filed.filed if filed is not None else 0)
    if behind >= FILED_BY_A_LOOK and path.parent.stat().st_uid == os.geteuid():
        if filed is not None:
            filed.close()
        filed = _file_all(path, journal, on_read) or Catalogue.open_read_only(path, journal)
    return Past(journal, filed, on_read)


def _file_all(path: Path, journal: Told, on_read: Callable[[int], None]) -> Catalogue | None:
    """None: it cannot be written now, by this user or at all. The entries are read instead."""
    try:
        catalogue = Catalogue.open(path, journal)
        while page := list(islice(journal.read(catalogue.filed), PAGE_ENTRIES)):
            catalogue.file(page, journal)
            on_read(page[-1].seq)
    except CatalogueFailed:
        return None
    return catalogue


def _closed(order: Order, life: Sequence[Entry]) -> bool:
    return any(isinstance(one.event, OrderClosed) and one.event.order_id == order.id for one in life)


def _filled(order: Order, life: Sequence[Entry]) -> bool:
    ends = (one.event for one in life if isinstance(one.event, OrderClosed | OrderRolledBack))
    outcomes = [event.outcome for event in ends if event.order_id == order.id]
    return bool(outcomes) and isinstance(outcomes[-1], Filled) and not order.to_float


def _works(ids: Sequence[OrderId], lives: Iterable[Sequence[Entry]]) -> Works:
    entries = sorted((entry for life in lives for entry in life), key=lambda entry: entry.seq)
    return Works(ids[::-1], entries)
