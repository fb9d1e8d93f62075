"""Measures a journal of a million entries: how long a start, the search for an old signal, and `verify` take."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from bench.desks import START_NS, PureDesk, buy
from bench.measure import Result, Spread, spread_of, timed
from overmind.cli.cores import over_all_cores
from overmind.core.books.state import State, encode_state
from overmind.core.model.commands import RecordOutcome, RecordTicket
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import SignalId
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Filled
from overmind.desk.engine import recover
from overmind.journal.segments.sealing import sealed_segments
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Snapshot
from overmind.views.verify import verify

ENTRIES = 1_000_000
TAIL = 50_000  # entries after the newest snapshot: the most that a running engine leaves
BATCH = 2_000
STARTS = 5
SEGMENT = 100_000


def startup() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        path = Path(scratch) / "overmind.db"
        signals = asyncio.run(_write(path))
        starts = [timed(lambda: _start(path)) / 1e9 for _ in range(STARTS)]
        finds = _finds(path, signals)
        began = time.perf_counter()
        verified = verify(path)
        took = time.perf_counter() - began
        assert verified.ok, verified.problems
        best = sorted(starts)[STARTS // 2]
        size = path.stat().st_size / 2**20
        sealed = asyncio.run(_seal(path))
        began = time.perf_counter()
        again = verify(path, over=over_all_cores)
        took_sealed = time.perf_counter() - began
        assert again == verified, again.problems
        return [
            Result(f"start from {ENTRIES:,} entries ({size:.0f} MiB)", "< 2 s", best < 2, best, "s", note=str(starts)),
            Result("find an old signal by the journal's index", "", None, finds.p50, "µs", finds),
            Result(f"verify {verified.entries:,} entries", "", None, took, "s"),
            Result(f"verify {verified.entries:,} entries, sealed, on all cores", "", None, took_sealed, "s"),
            *sealed,
        ]


async def _seal(path: Path) -> list[Result]:
    """Seals what a service would seal, and takes it out of the table."""
    journal = SqliteJournal.open(path)
    began, entries = time.process_time(), 0
    for segment in sealed_segments(path, SEGMENT, SEGMENT):
        await journal.adopt(segment)
        entries = segment.last
    took = time.process_time() - began
    while await journal.release():
        pass
    journal.close()
    packed = sum(one.stat().st_size for one in path.with_name("segments").iterdir())
    return [
        Result("seal an entry, processor time of the keeper", "", None, took / entries * 1e6, "µs"),
        Result("an entry in a sealed segment", "", None, packed / entries, "bytes"),
    ]


def _start(path: Path) -> State:
    journal = SqliteJournal.open(path)
    state = recover(journal)
    journal.close()
    return state


async def _write(path: Path) -> int:
    """Writes a million entries of real trades, with the snapshot where a running engine would have left it."""
    journal = SqliteJournal.open(path)
    desk, signals, saved = PureDesk(50), 0, False
    batch: list[Entry] = []
    for entry in _entries(desk):
        batch.append(entry)
        if isinstance(entry.event, OrderPlaced):
            signals += 1
        whole_trade = entry.seq == desk.state.seq
        if len(batch) >= BATCH and whole_trade:
            await journal.append(batch)
            batch = []
            if not saved and entry.seq >= ENTRIES - TAIL:
                await journal.save_snapshot(Snapshot(entry.seq, encode_state(desk.state)))
                saved = True
    await journal.append(batch)
    journal.close()
    return signals


def _entries(desk: PureDesk) -> Iterator[Entry]:
    """The entries of the opening, then one trade after the other."""
    yield from desk.entries
    mints = desk.mints
    for number in itertools.count():
        at_ns = START_NS + number * 10_000
        placed = desk.run(buy(number, mints[number % len(mints)], at_ns), at_ns)[-1]
        assert isinstance(placed, OrderPlaced), placed
        order = placed.order
        desk.run(RecordTicket(order.id, Ticket(f"{number:0>88}", bytes(400))), at_ns)
        fill = Filled(order.spend.units, order.received_min, 13_000, order.rent_max_lamports)
        desk.run(RecordOutcome(order.id, fill), at_ns)
        yield from desk.entries[-3:]
        desk.entries.clear()
        if desk.state.seq >= ENTRIES:
            return


def _finds(path: Path, signals: int) -> Spread:
    journal = SqliteJournal.open_read_only(path)
    wanted = [SignalId(f"signal-{number * 7919 % signals}") for number in range(2_000)]
    times = []
    for signal_id in wanted:
        began = time.perf_counter_ns()
        assert journal.find(signal_id) is not None, signal_id
        times.append(time.perf_counter_ns() - began)
    journal.close()
    return spread_of(times)


def memory() -> list[Result]:
    """The memory that a desk of four wallets adds, as the interpreter counts it."""
    PureDesk(1)  # What only the first desk loads is not the desk's.
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    desk = PureDesk(4)
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    assert desk.state.wallets
    grown = sum(one.size_diff for one in after.compare_to(before, "filename")) / 2**20
    return [Result("memory of 4 wallets", "< 1 MB", grown < 1, grown, "MiB")]
