"""The catalogue follows the journal while the desk trades, and no fault of it reaches the desk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.desks import START_NS, bench_desk, bench_wallets, buy, opening
from tests.support.journal_entries import trades

from overmind.core.model.ids import SOL
from overmind.desk.engine import Engine
from overmind.http import cataloguer as module
from overmind.http.archive import Archive, ReadBounds
from overmind.http.cataloguer import Cataloguer
from overmind.http.responses import HttpRefusal
from overmind.journal.catalogue.past import Search
from overmind.journal.catalogue.store import CATALOGUE, Catalogue
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal


class Naps:
    """A clock whose sleeps end at once; it counts those of each length."""

    def __init__(self) -> None:
        self.naps: dict[float, int] = {}

    def now_ns(self) -> int:
        return START_NS

    async def sleep(self, seconds: float) -> None:
        self.naps[seconds] = self.naps.get(seconds, 0) + 1
        await asyncio.sleep(0.001)


@asynccontextmanager
async def filing(path: Path, clock: Naps) -> AsyncIterator[Engine]:
    """An engine on a journal of its own, with its cataloguer."""
    journal = SqliteJournal.open(path, Disk(synchronous="OFF"))
    engine = Engine(journal, clock)
    cataloguer = Cataloguer(engine, path, clock)
    tasks = [asyncio.create_task(engine.run()), asyncio.create_task(cataloguer.run())]
    for command in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(command)
    try:
        yield engine
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        cataloguer.close()
        journal.close()


def filed(path: Path) -> int:
    with contextlib.closing(SqliteJournal.open_read_only(path)) as journal:
        catalogue = Catalogue.open_read_only(path, journal)
        if catalogue is None:
            return -1
        catalogue.close()
        return catalogue.filed


async def until(seen: Callable[[], bool]) -> None:
    for _ in range(4_000):
        if seen():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that")


def test_it_files_what_was_there_and_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"

    async def run(numbers: range) -> int:
        clock = Naps()
        async with filing(path, clock) as engine:
            for number in numbers:
                await engine.submit(buy(number, SOL, START_NS).signal)
            await until(lambda: filed(path) == engine.durable_seq)
            return engine.durable_seq

    first = asyncio.run(run(range(300)))
    path.with_name(CATALOGUE).unlink()
    assert asyncio.run(run(range(300, 320))) == first + 20


def test_a_catalogue_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    path.with_name(CATALOGUE).symlink_to(tmp_path / "elsewhere")

    async def run() -> None:
        clock = Naps()
        async with filing(path, clock) as engine:
            await until(lambda: clock.naps.get(module.RETRY_S, 0) >= 2)
            assert (await engine.submit(buy(1, SOL, START_NS).signal)).events
            assert not (tmp_path / "elsewhere").exists()
            path.with_name(CATALOGUE).unlink()
            await until(lambda: filed(path) == engine.durable_seq)

    asyncio.run(run())


@pytest.mark.parametrize(("unfiled_max", "told"), [(10, False), (29, False), (30, True)])
def test_a_query_reads_only_so_much_that_is_not_filed(tmp_path: Path, unfiled_max: int, told: bool) -> None:
    path = tmp_path / "overmind.db"

    async def look() -> int:
        with contextlib.closing(SqliteJournal.open(path, Disk(synchronous="OFF"))) as journal:
            await journal.append(trades(30))
        with contextlib.closing(Archive(path, "archive", ReadBounds(unfiled_max))) as archive:
            return len((await archive.look(lambda pages: pages.past().orders(Search(100)))).ids)

    if told:
        assert asyncio.run(look()) == 10
        return
    with pytest.raises(HttpRefusal, match="the journal is being catalogued: 0 of 30 entries so far"):
        asyncio.run(look())
