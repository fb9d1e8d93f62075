"""Measures what answers to a source cost trading: a thousand of them a second, and a target that takes five.

One service, in a process of its own, trades at a fixed rate for one source. Runs with answers and without take turns,
in the order of ABBA, so that what the machine and the growing desk do to them is the same. Compared is the processor
time of the whole service for a trade: a rate would tell what else the machine does.

On a machine that others use too, pairs differ by more than the promise. So the same work is done once more in this
process, where the processor time of the answers' own callbacks and threads is read.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import web
from msgspec.structs import replace

from bench.cluster import Server, serving
from bench.hooks import SOURCE
from bench.http_door import PATH, TRADE_BATCH, buys
from bench.measure import Result
from bench.paper_desk import JOURNAL, opened
from bench.scrape import a_signal, marked, steps
from bench.stop_under_load import asked
from bench.wire import Load, load, post
from overmind.clock.clocks import SystemClock
from overmind.desk.answers.answers import Answers
from overmind.desk.answers.changes import send_answers
from overmind.desk.answers.signing import new_key
from overmind.desk.app import App
from overmind.desk.sources.changes import add_source
from overmind.desk.sources.source import Source, SourceKind, kept, new_secret
from overmind.desk.sources.store import change_sources

NAME: Final = SOURCE["name"]
TAKES_S: Final = 0.2  # the target, for one answer
BATCHES_PER_S, BATCHES, CONNECTIONS = 8, 40, 8  # 512 trades in a second, for five seconds
PAIRS: Final = 8
SWITCHED_S: Final = 1.5  # until a running service has taken in that answers are on or off
ANSWERS_OF_A_TRADE: Final = 2  # placed and filled
COST_PROMISED: Final = 0.02


class SlowTarget:
    def __init__(self) -> None:
        self.heard = 0

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(TAKES_S)
        self.heard += 1
        return web.Response(status=204)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
        finally:
            await runner.cleanup()


def _post(server: Server, path: str, **body: Any) -> Any:
    return asked(server.port, "POST", path, json.dumps({"reason": "a bench", **body}).encode())


async def _switch(server: Server, url: str) -> None:
    """`url`: where answers go from now on; blank: nowhere."""
    verb, body = ("answers", {"url": url}) if url else ("stop-answers", {})
    await asyncio.to_thread(_post, server, f"/v1/hooks/{NAME}/{verb}", **body)
    await asyncio.sleep(SWITCHED_S)


async def _trades(server: Server, senders: Load, batches: Iterator[bytes], token: str) -> float:
    """The microseconds of processor time that one of them took."""
    used_s = server.cpu_s()
    requests = (post(server.port, PATH, token, body) for body in batches)
    await senders.at_a_rate(requests, BATCHES, BATCHES_PER_S)
    return (server.cpu_s() - used_s) / BATCHES / TRADE_BATCH * 1e6


async def _pairs(server: Server) -> tuple[SlowTarget, list[tuple[float, float]]]:
    """The processor time of a trade, with answers and without."""
    _post(server, "/v1/hooks", **{key: value for key, value in SOURCE.items() if key != "reason"})
    token: str = _post(server, "/v1/tokens", name="bot", role="signal", source=NAME)["secret"]
    target, batches, pairs, known = SlowTarget(), buys(count()), list[tuple[float, float]](), ""
    async with target.listening() as url, load(server.port, CONNECTIONS) as senders:
        await _trades(server, senders, batches, token)
        for pair in range(PAIRS):
            used = dict[str, float]()
            for there in (url, "") if pair % 2 else ("", url):
                if there != known:
                    await _switch(server, there)
                    known = there
                used[there] = await _trades(server, senders, batches, token)
            pairs.append((used[url], used[""]))
    return target, pairs


# In this process


async def _own_us(folder: Path) -> float:
    """The microseconds of processor time that answers take for each trade."""
    async with opened(folder) as app:
        data_dir = app.config.data_dir
        source = Source(NAME, SourceKind.TRADINGVIEW, {"SOLUSDC": "SOL"}, {}, (kept(new_secret()),), "", "a bench")
        change_sources(data_dir, add_source(source))
        target, numbers = SlowTarget(), count()
        async with target.listening() as url:
            change_sources(data_dir, send_answers(NAME, url, new_key(), 0, 0))
            answers = Answers(app.engine, data_dir / JOURNAL, SystemClock())
            telling = asyncio.create_task(marked(answers.run()))
            await _trade_inside(app, numbers)  # The first answer loads certificates and opens the connection.
            beside_ns = _threads_ns()
            with steps() as times:
                await _trade_inside(app, numbers)
            own_ns = sum(times) + _threads_ns() - beside_ns
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        answers.close()
    return own_ns / BATCHES / TRADE_BATCH / 1_000


async def _trade_inside(app: App, numbers: Iterator[int]) -> None:
    for _ in range(BATCHES):
        began = time.perf_counter()
        await asyncio.gather(
            *(app.submit(replace(a_signal(next(numbers)), source=NAME)) for _ in range(TRADE_BATCH)),
        )
        await asyncio.sleep(max(0.0, 1 / BATCHES_PER_S - (time.perf_counter() - began)))


def _threads_ns() -> int:
    """The processor time of the threads that read and write for answers."""
    own = [one.native_id for one in threading.enumerate() if one.name.startswith("answers")]
    return sum(int(Path(f"/proc/self/task/{one}/schedstat").read_text().split()[0]) for one in own)


def answers() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        outside, inside = Path(scratch) / "outside", Path(scratch) / "inside"
        outside.mkdir()
        inside.mkdir()
        with serving(["-m", "bench.paper_desk", str(outside)], outside / "service.log") as server:
            target, pairs = uvloop.run(_pairs(server))
        own_us = asyncio.run(_own_us(inside))
    costs = [with_answers / without - 1 for with_answers, without in pairs]
    cost, rate = statistics.median(costs), BATCHES_PER_S * TRADE_BATCH * ANSWERS_OF_A_TRADE
    what = f"{rate:,} answers a second to a target that takes {1 / TAKES_S:g}"
    note = f"{target.heard} were taken; pairs: {[f'{100 * one:.1f}' for one in costs]}"
    trade_us, promised = statistics.median(one for _, one in pairs), f"< {COST_PROMISED:.0%}"
    share = own_us / trade_us
    return [
        Result(f"what {what} cost trading", promised, cost < COST_PROMISED, 100 * cost, "%", note=note),
        Result("processor time of a trade without them", "", None, trade_us, "µs"),
        Result("their own callbacks and threads, of that time", promised, share < COST_PROMISED, 100 * share, "%"),
    ]
