"""What a line of the log costs the event loop, and the log each signal: trades with and without it, in turns."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import structlog
import uvloop

from bench.measure import Result, quiet_collector
from bench.trading import Trading, trading
from overmind.desk.log.decisions import DecisionLog
from overmind.desk.log.setup import configure_logging, flush_log, stop_logging
from overmind.journal.memory import MemoryJournal

ROUNDS = 30
LINES = 1_000  # of one round
LINE_US_MAX = 10.0
PAIRS = 30
SIGNALS = 800  # of one half of a pair
TOGETHER = 16
FLUSH_S = 60.0

log = structlog.get_logger("bench")


def log_lines() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        line_us = statistics.median(_lines(Path(folder)) for _ in range(ROUNDS))
        signal_us = statistics.median(uvloop.run(_signals(Path(folder))))
    return [
        Result("a line of the log, processor time of the event loop", "≤ 10 µs", line_us <= LINE_US_MAX, line_us, "µs"),
        Result("the log's lines for a signal at INFO, processor time of all threads", "", None, signal_us, "µs"),
    ]


def _lines(folder: Path) -> float:
    configure_logging(folder, "INFO")
    began = time.thread_time_ns()
    for number in range(LINES):
        log.info(
            "order placed",
            seq=number,
            signal_id=f"signal-{number}",
            order_id=f"signal-{number}.0.1",
            wallet="hft_wallet",
            strategy="Momentum",
            side="buy",
            mint="So11111111111111111111111111111111111111112",
            usd=50.25,
            cost_bps=12.5,
            candidates=4,
        )
    used_ns = time.thread_time_ns() - began
    assert flush_log(FLUSH_S), "the log was not written in time"
    stop_logging()
    return used_ns / LINES / 1_000


async def _signals(folder: Path) -> list[float]:
    """By how much each pair's half with the log took more, per signal, in microseconds."""
    async with trading(MemoryJournal()) as desk:
        with quiet_collector():
            await _half(desk, folder, logged=False)
            return [await _pair(desk, folder, logged_first=bool(number % 2)) for number in range(PAIRS)]


async def _pair(desk: Trading, folder: Path, logged_first: bool) -> float:
    first = await _half(desk, folder, logged_first)
    second = await _half(desk, folder, not logged_first)
    logged, silent = (first, second) if logged_first else (second, first)
    return (logged - silent) / SIGNALS / 1_000


async def _half(desk: Trading, folder: Path, logged: bool) -> int:
    configure_logging(folder, "INFO" if logged else "ERROR")
    writing = asyncio.create_task(DecisionLog(desk.engine).run()) if logged else None
    began = time.process_time_ns()
    for _ in range(SIGNALS // TOGETHER):
        wishes = (desk.engine.submit(desk.next_signal().signal) for _ in range(TOGETHER))
        await asyncio.gather(*wishes)
    await desk.executor.idle()
    await asyncio.sleep(0)
    await asyncio.to_thread(flush_log, FLUSH_S)
    used_ns = time.process_time_ns() - began
    if writing is not None:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    stop_logging()
    return used_ns
