"""Measures `POST /v1/signals` of a real service from another process, and the disk beside it.

Holds are decided and journaled, and nothing is traded: they show what the door itself takes. Trades in batches go to
two equal desks in turns, one in this process and one behind HTTP. On a machine that others use too, the service's
processor time for a signal says more than the rate.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import uvloop

from bench.cluster import Server, serving
from bench.measure import Result, spread_of, timed
from bench.paper_desk import STRATEGY, TOKEN, opened
from bench.stop_under_load import WALLETS, asked, service
from bench.trading import Disk
from bench.wire import Load, load, post
from overmind.core.model.defaults import DEFAULT_RISK_TOLERANCE_PPM
from overmind.core.model.enums import TradeAction
from overmind.core.model.ids import SOL, SignalId
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS

PATH: Final = "/v1/signals"
RUNS: Final = 5
CONNECTIONS: Final = 64
SINGLES: Final = 3_000  # in a run
BATCH, SENDERS, BATCHES = 512, 8, 40
PER_S, PACED_S = 1_000, 10
PAIRS: Final = 3
TRADE_BATCH, TRADE_BATCHES = 64, 40
SYNCS: Final = 500
SINGLES_PROMISED, BATCHED_PROMISED, SHARE_PROMISED, P99_PROMISED_MS = 3_000, 15_000, 0.8, 25.0


def _hold(number: int) -> bytes:
    return b'{"signal_id":"h%d","strategy_type":"TokenSniping","action":"Hold","symbol":"SOL"}' % number


def buys(numbers: Iterator[int]) -> Iterator[bytes]:
    """Batches of trades."""
    fields = b'"strategy_type":"TokenSniping","action":"Buy","symbol":"SOL","notional_usd":5'
    while True:
        yield b"[%b]" % b",".join(b'{"signal_id":"b%d",%b}' % (next(numbers), fields) for _ in range(TRADE_BATCH))


class Holds:
    """Requests with signals that nobody has sent before."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = count()

    def single(self) -> Iterator[bytes]:
        for number in self._numbers:
            yield post(self._port, PATH, TOKEN, _hold(number))

    def batches(self) -> Iterator[bytes]:
        while True:
            body = b",".join(_hold(next(self._numbers)) for _ in range(BATCH))
            yield post(self._port, PATH, TOKEN, b"[%b]" % body)


class Pace:
    """What several runs took: signals in a second, and the service's processor time for each."""

    def __init__(self) -> None:
        self.rates = list[float]()
        self.used_us = list[float]()

    async def run(self, server: Server, opened: Load, requests: Iterator[bytes], number: int, signals: int) -> None:
        used_s = server.cpu_s()
        took_s = await opened.as_fast_as_answered(requests, number)
        self.rates.append(number * signals / took_s)
        self.used_us.append((server.cpu_s() - used_s) / number / signals * 1e6)

    def results(self, name: str, promised: int) -> list[Result]:
        rate, used_us = statistics.median(self.rates), statistics.median(self.used_us)
        note = f"runs: {[round(one) for one in self.rates]}"
        return [
            Result(name, f"≥ {promised:,}/s", rate >= promised, rate, "/s", note=note),
            Result("processor time of the service for each", "", None, used_us, "µs"),
        ]


async def _holds(server: Server) -> list[Result]:
    holds, single, batched = Holds(server.port), Pace(), Pace()
    async with load(server.port, CONNECTIONS) as many, load(server.port, SENDERS) as few:
        await many.as_fast_as_answered(holds.single(), SINGLES // 10)
        for _ in range(RUNS):
            await single.run(server, many, holds.single(), SINGLES, 1)
            await batched.run(server, few, holds.batches(), BATCHES, BATCH)
        await many.at_a_rate(holds.single(), PER_S * PACED_S, PER_S)
        paced = spread_of(many.times)
    p99_ms = paced.p99 / 1_000
    return [
        *single.results(f"durable Holds, one in a request, {CONNECTIONS} connections", SINGLES_PROMISED),
        *batched.results(f"durable Holds, {BATCH} in a request, {SENDERS} connections", BATCHED_PROMISED),
        Result(f"a Hold at {PER_S:,}/s, from when it was due to its answer", "", None, paced.p50, "µs", paced),
        Result("the same, p99", f"< {P99_PROMISED_MS:g} ms", p99_ms < P99_PROMISED_MS, p99_ms, "ms"),
    ]


def _signal(number: int) -> Signal:
    tolerance = DEFAULT_RISK_TOLERANCE_PPM[STRATEGY]
    return Signal(SignalId(f"b{number}"), STRATEGY, TradeAction.BUY, SOL, tolerance, notional_micros=5 * MICROS)


async def _inside(folder: Path) -> float:
    """Trades in a second, placed and settled, of a desk in this process."""
    async with opened(folder) as app:
        numbers, batches = count(), iter(range(TRADE_BATCHES))

        async def send() -> None:
            for _ in batches:
                await asyncio.gather(*(app.submit(_signal(next(numbers))) for _ in range(TRADE_BATCH)))

        began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(send())
        assert await app.settle(), "orders are still open"
        took_s = time.perf_counter() - began
        _require_all_filled(sum(book.filled for book in app.engine.state.wallets.values()))
    return TRADE_BATCH * TRADE_BATCHES / took_s


def _outside(server: Server) -> float:
    """The same over HTTP."""
    began = time.perf_counter()
    uvloop.run(_send(server.port))
    while (stats := asked(server.port, "GET", "/v1/stats"))["open_executions"]:
        time.sleep(0.005)
    took_s = time.perf_counter() - began
    _require_all_filled(stats["successful_executions"])
    return TRADE_BATCH * TRADE_BATCHES / took_s


async def _send(port: int) -> None:
    async with load(port, SENDERS) as senders:
        await senders.as_fast_as_answered((post(port, PATH, TOKEN, body) for body in buys(count())), TRADE_BATCHES)


def _require_all_filled(filled: int) -> None:
    assert filled == TRADE_BATCH * TRADE_BATCHES, f"{filled} trades were filled"


def _trades(folder: Path) -> list[Result]:
    inside, outside = list[float](), list[float]()
    for number in range(PAIRS):
        own, other = folder / f"inside{number}", folder / f"outside{number}"
        own.mkdir()
        other.mkdir()
        inside.append(uvloop.run(_inside(own)))
        with serving(["-m", "bench.paper_desk", str(other)], folder / "service.log") as server:
            outside.append(_outside(server))
    share = statistics.median(there / here for here, there in zip(inside, outside, strict=True))
    what, note = f"trades placed and settled, {TRADE_BATCH} in a batch, {SENDERS} senders", "runs: {}"
    return [
        Result(f"{what}, in this process", "", None, statistics.median(inside), "/s", note=note.format(_round(inside))),
        Result(f"{what}, over HTTP", "", None, statistics.median(outside), "/s", note=note.format(_round(outside))),
        Result("the second against the first", f"≥ {SHARE_PROMISED}×", share >= SHARE_PROMISED, share, "×"),
    ]


def _round(rates: list[float]) -> list[int]:
    return [round(one) for one in rates]


def raw_disk(folder: Path) -> list[Result]:
    disk = Disk(folder)
    try:
        spread = spread_of(timed(disk.sync) for _ in range(SYNCS))
    finally:
        disk.close()
    return [
        Result("raw append of 200 B + fdatasync", "", None, spread.p50, "µs", spread),
        Result("the same in a second, one after the other", "", None, 1e6 / spread.mean, "/s"),
    ]


def http() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        with service(folder, WALLETS) as server:
            holds = uvloop.run(_holds(server))
        return [*raw_disk(folder), *holds, *_trades(folder)]
