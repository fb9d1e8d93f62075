"""Measures a scrape of `/metrics`: how long it takes over HTTP, and the longest step that it takes of the event loop.

The desk has 50 wallets that hold something. Scrapes come at a fixed rate, on a quiet desk and while signals arrive.
Steps are measured in processor time, in this process, on the standard event loop, whose callbacks can be timed.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count, islice, repeat
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.cluster import Server, serving
from bench.http_door import PATH, buys
from bench.measure import Result, Spread, spread_of
from bench.paper_desk import JOURNAL, STRATEGY, TOKEN, WALLETS, opened
from bench.wire import load, post
from overmind.clock.clocks import thread_ns
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import TradeAction
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS
from overmind.desk.app import App
from overmind.http.health import ServiceHealth
from overmind.http.metrics.machine import BesideSample
from overmind.http.metrics.scrape import Metrics

PER_S: Final = 10
SCRAPES: Final = 100
TRADE_BATCHES, BATCHES_PER_S = 100, 10  # of 64 trades
FIRST_BATCHES: Final = 20  # so that every wallet holds something
SCRAPE_PROMISED_MS: Final = 50.0
STEP_PROMISED_MS: Final = 5.0
GET: Final = "GET /metrics HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\r\n"

_measuring: ContextVar[bool] = ContextVar("measuring", default=False)


async def _trade(port: int, batches: Iterator[bytes], number: int, per_s: int) -> None:
    async with load(port, 4) as senders:
        await senders.at_a_rate((post(port, PATH, TOKEN, body) for body in islice(batches, number)), number, per_s)


async def _scrape(port: int) -> Spread:
    async with load(port, 2, b"HTTP/1.1 200 ") as scraper:
        await scraper.at_a_rate(repeat(GET.format(port=port, token=TOKEN).encode()), SCRAPES, PER_S)
        return spread_of(scraper.times)


async def _over_http(server: Server) -> tuple[Spread, Spread]:
    port, batches = server.port, buys(count())
    await _trade(port, batches, FIRST_BATCHES, BATCHES_PER_S)
    quiet = await _scrape(port)
    _, busy = await asyncio.gather(_trade(port, batches, TRADE_BATCHES, BATCHES_PER_S), _scrape(port))
    return quiet, busy


@contextmanager
def steps() -> Iterator[list[int]]:
    """The processor time of each callback of the loop that belongs to what is measured, while the block lasts."""
    times, before = list[int](), asyncio.Handle._run

    def run(handle: Any) -> None:
        began_ns = thread_ns()
        before(handle)
        if handle._context.get(_measuring, False):
            times.append(thread_ns() - began_ns)

    asyncio.Handle._run = run
    try:
        yield times
    finally:
        asyncio.Handle._run = before


def a_signal(number: int) -> Signal:
    tolerance = DEFAULT_RISK_TOLERANCE_PPM[STRATEGY]
    return Signal(SignalId(f"b{number}"), STRATEGY, TradeAction.BUY, SOL, tolerance, notional_micros=5 * MICROS)


async def _keep_trading(app: App) -> None:
    for number in count():
        await app.submit(a_signal(number))
        await asyncio.sleep(0.002)


async def _inside(folder: Path) -> list[int]:
    async with opened(folder) as app:
        journal = app.config.data_dir / JOURNAL
        metrics = Metrics(app, ServiceHealth(app, None), journal, lambda: BesideSample(0, False, {}, {}, {}))
        others = [asyncio.create_task(metrics.run()), asyncio.create_task(_keep_trading(app))]
        await asyncio.sleep(1)
        with steps() as times:
            for _ in range(SCRAPES):
                await asyncio.create_task(marked(metrics.text()))
                await asyncio.sleep(1 / PER_S)
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        metrics.close()
    return times


async def marked(measured: Coroutine[Any, Any, object]) -> None:
    """Does it as what is measured."""
    _measuring.set(True)  # The tasks and callbacks that it starts inherit it.
    await measured


def scrape() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        outside, inside = Path(scratch) / "outside", Path(scratch) / "inside"
        outside.mkdir()
        inside.mkdir()
        with serving(["-m", "bench.paper_desk", str(outside)], outside / "service.log") as server:
            quiet, busy = uvloop.run(_over_http(server))
        steps = spread_of(asyncio.run(_inside(inside)))
    p50_ms, longest_ms = quiet.p50 / 1_000, steps.max / 1_000
    trades = f"while {BATCHES_PER_S * 64:,} trades arrive in a second"
    return [
        Result(f"a scrape of {WALLETS} wallets, {PER_S} in a second", "", None, quiet.p50, "µs", quiet),
        Result("the same, p50", f"< {SCRAPE_PROMISED_MS:g} ms", p50_ms < SCRAPE_PROMISED_MS, p50_ms, "ms"),
        Result(f"the same {trades}", "", None, busy.p50, "µs", busy),
        Result("its steps of the event loop", "", None, steps.p50, "µs", steps, f"{steps.count} steps"),
        Result("the longest of them", f"< {STEP_PROMISED_MS:g} ms", longest_ms < STEP_PROMISED_MS, longest_ms, "ms"),
    ]
