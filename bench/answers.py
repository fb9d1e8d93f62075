"""Measures what answers to a source cost trading: a thousand of them a second, and a target that takes five.

One service, in a process of its own, trades at a fixed rate for one source. Runs with answers and without take turns,
in the order of ABBA, so that what the machine and the growing desk do to them is the same. Compared is the processor
time of the whole service for a trade: a rate would tell what else the machine does.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import uvloop
from aiohttp import web

from bench.cluster import Server, serving
from bench.hooks import SOURCE
from bench.http_door import PATH, TRADE_BATCH, buys
from bench.measure import Result
from bench.stop_under_load import asked
from bench.wire import Load, load, post

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


async def _measured(server: Server) -> list[Result]:
    _post(server, "/v1/hooks", **{key: value for key, value in SOURCE.items() if key != "reason"})
    token: str = _post(server, "/v1/tokens", name="bot", role="signal", source=NAME)["secret"]
    target, batches, pairs = SlowTarget(), buys(count()), list[tuple[float, float]]()
    async with target.listening() as url, load(server.port, CONNECTIONS) as senders:
        await _trades(server, senders, batches, token)
        known = ""
        for pair in range(PAIRS):
            used = dict[str, float]()
            for there in (url, "") if pair % 2 else ("", url):
                if there != known:
                    await _switch(server, there)
                    known = there
                used[there] = await _trades(server, senders, batches, token)
            pairs.append((used[url], used[""]))
    costs = [with_answers / without - 1 for with_answers, without in pairs]
    cost = statistics.median(costs)
    trades = BATCHES_PER_S * TRADE_BATCH
    note = f"{target.heard} were taken; pairs: {[f'{100 * one:.1f}' for one in costs]}"
    name = f"what {trades * ANSWERS_OF_A_TRADE:,} answers a second to a target that takes {1 / TAKES_S:g} cost trading"
    return [
        Result(name, f"< {COST_PROMISED:.0%}", cost < COST_PROMISED, 100 * cost, "%", note=note),
        Result("processor time of a trade without them", "", None, statistics.median(one for _, one in pairs), "µs"),
    ]


def answers() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        with serving(["-m", "bench.paper_desk", str(folder)], folder / "service.log") as server:
            return uvloop.run(_measured(server))
