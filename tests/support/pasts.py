"""What a search of the past must find, by reading every entry: the plain form of `journal.catalogue.past`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from overmind.core.books.brief_refusals import whole_by
from overmind.core.model.events import (
    Answer,
    Entry,
    MoveClosed,
    MovePlaced,
    OrderClosed,
    OrderPlaced,
    SignalRefused,
    WorkEvent,
)
from overmind.core.model.ids import OrderId, SignalId
from overmind.journal.catalogue.past import Search
from overmind.journal.catalogue.topics import signal_of, work_of


def plain_orders(entries: Sequence[Entry], search: Search) -> list[OrderId]:
    closed = {entry.event.order_id for entry in entries if isinstance(entry.event, OrderClosed)}
    found = []
    for entry in entries:
        if isinstance(entry.event, OrderPlaced) and _in_time(entry, search):
            order = entry.event.order
            named = (search.wallet or order.wallet_id, search.mint or order.mint, search.signal_id or order.signal_id)
            if order.id in closed and named == (order.wallet_id, order.mint, order.signal_id):
                found.append(order.id)
    return found[-search.last :]


def plain_moves(entries: Sequence[Entry], search: Search) -> list[OrderId]:
    closed = {entry.event.move_id for entry in entries if isinstance(entry.event, MoveClosed)}
    found = []
    for entry in entries:
        if isinstance(entry.event, MovePlaced) and _in_time(entry, search):
            move = entry.event.move
            fits = search.wallet in ("", *move.wallets) and search.mint in ("", move.money.mint)
            if move.id in closed and fits:
                found.append(move.id)
    return found[-search.last :]


def plain_refusals(entries: Sequence[Entry], code: str, search: Search) -> list[Entry]:
    found, by_seq = [], {entry.seq: entry for entry in entries}
    for entry in entries:
        if isinstance(entry.event, SignalRefused) and _in_time(entry, search):
            refused = whole_by(by_seq.__getitem__, entry.event)
            if not code or code in {refusal.code for refusal in refused.refusals}:
                found.append(replace(entry, event=refused))
    return found[-search.last :]


def plain_signals(entries: Sequence[Entry], search: Search, strategy: str, code: str | None) -> list[list[int]]:
    """The entries of each signal."""
    lives: dict[SignalId, list[int]] = {}
    found, by_seq = [], {entry.seq: entry for entry in entries}
    for entry in entries:
        event = entry.event
        if isinstance(event, WorkEvent) and (signal_id := signal_of(work_of(event))) in lives:
            lives[signal_id].append(entry.seq)
        elif isinstance(event, Answer):
            life = lives[event.signal.id] = [entry.seq]
            codes = set[str]()
            if isinstance(event, SignalRefused):
                codes = {"", *(one.code for one in whole_by(by_seq.__getitem__, event).refusals)}
            if _in_time(entry, search) and strategy in ("", event.signal.strategy) and (code is None or code in codes):
                found.append(life)
    return found[-search.last :]


def searches(entries: Sequence[Entry]) -> Iterator[Search]:
    """One of each kind, for names that occur and for names that do not."""
    placed = [entry.event.order for entry in entries if isinstance(entry.event, OrderPlaced)]
    moved = [entry.event.move for entry in entries if isinstance(entry.event, MovePlaced)]
    wallets = {*(one.wallet_id for one in placed), *(wallet for one in moved for wallet in one.wallets), "nobody"}
    mints = {*(one.mint for one in placed), *(one.money.mint for one in moved), "nothing"}
    yield from (Search(last) for last in (1, 2, 10**6))
    yield from (Search(10**6, wallet=wallet) for wallet in sorted(wallets))
    yield from (Search(10**6, mint=mint) for mint in sorted(mints))
    yield from (Search(3, wallet=wallet, mint=mint) for wallet in sorted(wallets) for mint in sorted(mints))
    for order in placed[:: max(1, len(placed) // 9)]:
        yield Search(10**6, signal_id=order.signal_id)
        yield Search(10**6, signal_id=order.signal_id, wallet="nobody")
    middle = entries[len(entries) // 2].at_ns
    for from_ns, to_ns in ((0, middle), (middle, middle), (middle, middle + 1), (middle, entries[-1].at_ns)):
        yield Search(10**6, from_ns=from_ns, to_ns=to_ns)


def _in_time(entry: Entry, search: Search) -> bool:
    return search.from_ns <= entry.at_ns < search.to_ns
