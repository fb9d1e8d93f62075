"""The charts' bars follow the desk while it trades, and no fault of them reaches it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.desks import START_NS, bench_desk, bench_wallets, buy, marks, opening
from tests.http.test_cataloguer import Naps, until

from overmind.core.model.ids import SOL
from overmind.core.model.units import NS, PICO
from overmind.desk.engine import Engine
from overmind.http import historian as module
from overmind.http.historian import Historian
from overmind.journal.bars.bar import EQUITY, MINUTE_S, PNL
from overmind.journal.bars.store import BARS
from overmind.journal.database import Disk
from overmind.journal.sqlite import SqliteJournal

START_S = START_NS // NS


def is_long(path: Path) -> bool:
    return False


@asynccontextmanager
async def drawing(path: Path, clock: Naps, command: tuple[str, ...] = ()) -> AsyncIterator[tuple[Engine, Historian]]:
    """An engine on a journal of its own, with its historian."""
    journal = SqliteJournal.open(path, Disk(synchronous="OFF"))
    engine = Engine(journal, clock)
    running = asyncio.create_task(engine.run())
    for step in opening(bench_desk(3), bench_wallets(2)):
        await engine.handle(step)
    historian = Historian(engine, path, clock) if not command else Historian(engine, path, clock, command, is_long)
    drawing = asyncio.create_task(historian.run())
    try:
        yield engine, historian
    finally:
        for task in (drawing, running):
            task.cancel()
        await asyncio.gather(drawing, running, return_exceptions=True)
        historian.close()
        journal.close()


async def closes(historian: Historian, series: str) -> list[float]:
    return [one.close for one in await historian.bars(series, MINUTE_S, 0, 2**40)]


async def closed(historian: Historian, series: str, expected: list[float]) -> None:
    for _ in range(4_000):
        if await closes(historian, series) == expected:
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"{series} never closed at {expected}")


def test_it_draws_what_was_there_and_what_comes(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"

    async def run() -> None:
        clock = Naps()
        async with drawing(path, clock) as (engine, historian):
            await until(lambda: not historian.behind)
            assert await closes(historian, SOL) == [150.0]
            await engine.handle(marks(bench_desk(3), START_NS + 1, 160 * PICO))
            await closed(historian, SOL, [160.0])
            assert await closes(historian, EQUITY) == [engine.state.equity_micros / 10**6]
            assert await closes(historian, PNL) == [0.0]

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_long_past_is_drawn_by_a_process(tmp_path: Path) -> None:
    path, mark = tmp_path / "overmind.db", tmp_path / "drawn"
    write = f"import sys, pathlib; pathlib.Path({str(mark)!r}).write_text(sys.argv[1])"

    async def run() -> None:
        async with drawing(path, Naps(), (sys.executable, "-c", write)) as (_, historian):
            await until(lambda: not historian.behind)

    asyncio.run(run())
    assert mark.read_text() == str(path)


def test_bars_that_cannot_be_written_end_nothing(tmp_path: Path) -> None:
    path = tmp_path / "overmind.db"
    path.with_name(BARS).symlink_to(tmp_path / "elsewhere")

    async def run() -> None:
        clock = Naps()
        async with drawing(path, clock) as (engine, historian):
            await until(lambda: clock.naps.get(module.RETRY_S, 0) >= 2)
            assert (await engine.submit(buy(1, SOL, START_NS).signal)).events
            assert await closes(historian, EQUITY) == []
            path.with_name(BARS).unlink()
            await closed(historian, SOL, [150.0])
        assert not (tmp_path / "elsewhere").exists()

    asyncio.run(asyncio.wait_for(run(), 30))
