"""What the watchdog on the event loop costs: the same trades with and without it, in turns."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from bench.measure import Result, quiet_collector
from bench.trading import Trading, trading
from overmind.core.model.units import NS
from overmind.desk.watches.watchdog import Patience, watched_loop
from overmind.journal.memory import MemoryJournal

PAIRS = 60
SIGNALS = 1_600  # of one half of a pair
TOGETHER = 16
PATIENCE = Patience(tell_ns=NS, end_ns=30 * NS)


def watchdog() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        shares = uvloop.run(_measured(Path(folder)))
    share = statistics.median(shares) * 100
    return [Result("watchdog on the event loop, processor time", "< 1 %", share < 1, share, "%")]


async def _measured(folder: Path) -> list[float]:
    """By how much each pair's half with the watchdog took more."""
    async with trading(MemoryJournal()) as desk:
        with quiet_collector():
            await _half(desk, folder, watched=False)
            return [await _pair(desk, folder, watched_first=bool(number % 2)) for number in range(PAIRS)]


async def _pair(desk: Trading, folder: Path, watched_first: bool) -> float:
    first = await _half(desk, folder, watched_first)
    second = await _half(desk, folder, not watched_first)
    watched, alone = (first, second) if watched_first else (second, first)
    return watched / alone - 1


async def _half(desk: Trading, folder: Path, watched: bool) -> int:
    with watched_loop(folder, PATIENCE) if watched else contextlib.nullcontext():
        began = time.process_time_ns()
        for _ in range(SIGNALS // TOGETHER):
            wishes = (desk.engine.submit(desk.next_signal().signal) for _ in range(TOGETHER))
            await asyncio.gather(*wishes)
        await desk.executor.idle()
        return time.process_time_ns() - began
