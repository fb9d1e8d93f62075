"""Measures how long an explanation of an old signal takes, and what the states cost that it begins at.

OVERMIND_BENCH_EXPLAIN_ENTRIES is the number of entries, 100,000 unless it is set: buys and sales of 50 wallets in 20
tokens. The nearest kept state decides how long an explanation takes, and not the length of the journal.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Final

from msgspec import structs

from bench.desks import PRICE_PICO, START_NS, PureDesk, buy, marks
from bench.measure import Result, spread_of
from bench.selection import _settled
from overmind.core.model.commands import ConfigureDesk, SubmitSignal
from overmind.core.model.enums import SaleScope, TradeAction
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import Mint, SignalId, WalletId
from overmind.core.model.signal import Signal
from overmind.http.archive import Archive, Pages
from overmind.journal.catalogue.past import PAGE_ENTRIES
from overmind.journal.catalogue.store import Catalogue
from overmind.journal.database import Disk
from overmind.journal.kept.keeping import keep_states
from overmind.journal.kept.store import STATES
from overmind.journal.sqlite import SqliteJournal
from overmind.text.printable import json_bytes
from overmind.views.preview import explain as explain_signal

ENTRIES: Final = int(os.environ.get("OVERMIND_BENCH_EXPLAIN_ENTRIES", "100_000"))
WALLETS, MINTS, BATCH, ASKED = 50, 20, 2_000, 200
ANSWER_MS_MAX: Final = 50.0


def explain() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        path = Path(scratch) / "overmind.db"
        asyncio.run(_write(path))
        began = time.process_time()
        while keep_states(path):
            pass
        kept_us = (time.process_time() - began) / ENTRIES * 1e6
        size = path.with_name(STATES).stat().st_size / ENTRIES
        spread = spread_of(_asked(path))
    took = spread.p50 / 1_000
    return [
        Result("explain an old signal", "≤ 50 ms", spread.p99 / 1_000 <= ANSWER_MS_MAX, took, "ms", spread),
        Result("keep states, processor time of the keeper", "", None, kept_us, "µs an entry"),
        Result("kept states", "", None, size, "bytes an entry"),
    ]


def _asked(path: Path) -> list[int]:
    """Processor time of whole answers, with opening all files, as each request does. The first one is left out."""
    rng, archive, took = Random(1), Archive(path, "archive"), list[int]()
    with_orders = iter(_some_signals(path, rng))
    for signal_id in islice(with_orders, ASKED + 1):
        began = time.process_time_ns()
        assert asyncio.run(archive.look(partial(_explained, signal_id=signal_id)))
        took.append(time.process_time_ns() - began)
    archive.close()
    return took[1:]


def _some_signals(path: Path, rng: Random) -> Iterator[SignalId]:
    journal = SqliteJournal.open_read_only(path)
    while True:
        event = journal.entry(rng.randrange(1_000, ENTRIES)).event
        if isinstance(event, OrderPlaced):
            yield event.signal.id


def _explained(pages: Pages, signal_id: SignalId) -> bytes:
    life = pages.past().life(signal_id)
    assert life is not None, signal_id
    before = pages.state_nearby(life[0].seq - 1)
    assert before is not None, "no state is near"
    return json_bytes(explain_signal(life, before).to_json())


async def _write(path: Path) -> None:
    journal, entries = SqliteJournal.open(path, Disk(synchronous="OFF")), islice(trading_entries(), ENTRIES)
    while batch := list(islice(entries, BATCH)):
        await journal.append(batch)
    catalogue, written = Catalogue.open(path, journal), journal.read()
    while page := list(islice(written, PAGE_ENTRIES)):
        catalogue.file(page, journal)
    catalogue.close()
    journal.close()


def trading_entries() -> Iterator[Entry]:
    """Ten trades between two marks; a wallet sells a token once it has bought it a few times."""
    desk, rng = PureDesk(WALLETS, mints=MINTS), Random(1)
    desk.run(ConfigureDesk(structs.replace(desk.desk, rate_max_per_s=50)), START_NS)
    wallets = list(desk.state.wallets.values())
    for number in count(1):
        at_ns = START_NS + number * 100_000_000
        if number % 10 == 0:
            desk.run(marks(desk.desk, at_ns, PRICE_PICO + rng.randrange(10**11)), at_ns)
        command, book = buy(number, desk.mints[number % MINTS], at_ns), rng.choice(wallets)
        often = [mint for mint, position in book.positions.items() if len(position.lots) > 3]
        if number % 3 == 0 and often:
            others = tuple(one.wallet.id for one in wallets if one is not book)
            command = SubmitSignal(_sale(command, often[0], others), at_ns)
        placed = desk.run(command, at_ns)[-1]
        if isinstance(placed, OrderPlaced):
            _settled(desk, placed.order)
        yield from desk.entries
        desk.entries.clear()


def _sale(command: SubmitSignal, mint: Mint, others: tuple[WalletId, ...]) -> Signal:
    return structs.replace(
        command.signal,
        action=TradeAction.SELL,
        mint=mint,
        notional_micros=None,
        sell_all=True,
        scope=SaleScope.DESK,
        exclude=others,
    )
