"""Measures how long it takes to find old orders, refusals and signals, and to file a journal without a catalogue.

OVERMIND_BENCH_PAST_ENTRIES is the number of entries, a million unless it is set. The entries are made up: two of five
are marks, the others trades of 50 wallets in 20 tokens, and refusals.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from msgspec import structs

from bench.desks import START_NS, PureDesk, buy
from bench.measure import Result, spread_of, timed
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.events import (
    Entry,
    Event,
    OrderClosed,
    OrderFinal,
    OrderPlaced,
    PricesMarked,
    SignalRefused,
    TicketRecorded,
)
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Mark
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Filled
from overmind.core.model.units import NS
from overmind.journal.catalogue.past import PAGE_ENTRIES, Past, Search
from overmind.journal.catalogue.store import CATALOGUE, Catalogue
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal

ENTRIES: Final = int(os.environ.get("OVERMIND_BENCH_PAST_ENTRIES", "1_000_000"))
BATCH: Final = 4_000
WALLETS, MINTS = 50, 20
REPEATS: Final = 200
ANSWER_MS_MAX: Final = 50.0


def past() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        path = Path(scratch) / "overmind.db"
        asyncio.run(_write(path))
        journal = SqliteJournal.open_read_only(path)
        filing = timed(lambda: file_all(path, journal)) / 1e9
        per_entry = path.with_name(CATALOGUE).stat().st_size / ENTRIES
        size = path.stat().st_size / ENTRIES
        found = [_measured(path, journal, name, look) for name, look in _looks().items()]
        journal.close()
    how = f"{ENTRIES:,} entries"
    made = Result(f"file {how}", "", None, filing, "s", note=f"{filing / ENTRIES * 1e6:.1f} µs an entry")
    room = Result("catalogue", "", None, per_entry, "bytes an entry", note=f"the journal has {size:.0f}")
    return [made, room, *found]


def _looks() -> dict[str, Callable[[Past, Random], object]]:
    def some(rng: Random) -> SignalId:
        return SignalId(f"s{rng.randrange(1, ENTRIES // 10)}")

    wallet, mint = WalletId("wallet7"), Mint("mint7")
    middle = START_NS + ENTRIES // 2 * NS
    return {
        "orders --last 20": lambda past, _: past.orders(Search(20)),
        "orders --last 20 --wallet": lambda past, _: past.orders(Search(20, wallet=wallet)),
        "orders --last 20 --wallet --token": lambda past, _: past.orders(Search(20, wallet=wallet, mint=mint)),
        "orders --last 20 --to (in the middle)": lambda past, _: past.orders(Search(20, to_ns=middle)),
        "orders --signal": lambda past, rng: past.orders(Search(20, signal_id=some(rng))),
        "refusals --last 20 --code": lambda past, _: past.refusals(Code.POSITION_SIZE, Search(20)),
        "all entries of a signal": lambda past, rng: past.life(some(rng)),
    }


def _measured(path: Path, journal: SqliteJournal, name: str, look: Callable[[Past, Random], object]) -> Result:
    """Processor time, with opening the catalogue, as each request does: other programs do not count."""
    rng, times = Random(1), []
    for _ in range(REPEATS):
        began = time.process_time_ns()
        opened = Past(journal, Catalogue.open_read_only(path, journal))
        assert look(opened, rng), name
        opened.close()
        times.append(time.process_time_ns() - began)
    spread = spread_of(times)
    took = spread.p50 / 1_000
    return Result(f"{name}, {ENTRIES:,} entries", "≤ 50 ms", spread.p99 / 1_000 <= ANSWER_MS_MAX, took, "ms", spread)


def file_all(path: Path, journal: SqliteJournal) -> None:
    catalogue = Catalogue.open(path, journal)
    entries = journal.read()
    while page := list(islice(entries, PAGE_ENTRIES)):
        catalogue.file(page, journal)
    catalogue.close()


async def _write(path: Path) -> None:
    journal, entries = SqliteJournal.open(path, Disk(synchronous="OFF")), _entries()
    while batch := list(islice(entries, BATCH)):
        await journal.append(batch)
    journal.close()


def _entries() -> Iterator[Entry]:
    for seq, event in enumerate(islice(made_up(), ENTRIES), 1):
        yield Entry(seq, START_NS + seq * NS, event)


def made_up() -> Iterator[Event]:
    """Ten entries for each number: a trade, a refusal and marks."""
    desk = PureDesk(4)
    placed = desk.run(buy(0, desk.mints[0], START_NS), START_NS)[-1]
    assert isinstance(placed, OrderPlaced), placed
    marks = tuple(Mark(Mint(f"mint{n}"), 150 * 10**12, START_NS) for n in range(3))
    refusal = Refusal(Code.POSITION_SIZE, limit=1, actual=2, wallet_id=WalletId("wallet1"))
    number = 0
    while True:
        number += 1
        signal = structs.replace(placed.signal, id=SignalId(f"s{number}"))
        order_id = OrderId(f"s{number}.0.0")
        order = structs.replace(
            placed.order,
            id=order_id,
            signal_id=signal.id,
            wallet_id=WalletId(f"wallet{number % WALLETS}"),
            receive=Mint(f"mint{number * 7 % MINTS}"),
        )
        yield PricesMarked(marks)
        yield structs.replace(placed, signal=signal, order=order)
        yield PricesMarked(marks)
        yield TicketRecorded(order_id, Ticket("5" * 88, bytes(300)))
        yield OrderClosed(order_id, Filled(order.spend.units, 10**6, 5_000), provisional=True)
        yield PricesMarked(marks)
        yield OrderFinal(order_id)
        yield SignalRefused(structs.replace(signal, id=SignalId(f"r{number}")), (refusal,))
        yield PricesMarked(marks)
        yield SignalRefused(structs.replace(signal, id=SignalId(f"q{number}")), (refusal,))
