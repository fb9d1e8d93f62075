"""Measures what open pages of the desk cost trading, and how soon a page is there.

A page is a client that does what the page's script does: it hears the ticks of one stream, and fetches its view again
after each that tells of something new. Trades go to an unlimited desk of fifty wallets, in pairs of runs with twenty
pages and with none. The page of fifty wallets with two days of history is opened in a real browser, if there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import uvloop

from bench.cluster import Server, serving
from bench.http_door import PATH, TRADE_BATCH, buys
from bench.measure import Result, spread_of
from bench.paper_desk import TOKEN
from bench.wire import load, post
from overmind.http.pages.navigation import EVENTS, ORDERS, OVERVIEW, POSITIONS, RISK, SIGNALS, WALLETS

VIEWS: Final = (OVERVIEW, WALLETS, POSITIONS, RISK, SIGNALS, ORDERS, EVENTS)
PAGES: Final = 20
PAIRS: Final = 4
BATCHES: Final = 200  # of trades, in a run of some seconds: a view may be five seconds old
SENDERS: Final = 4
COST_PROMISED: Final = 5.0  # percent
LOADS: Final = 20
USABLE_PROMISED_MS: Final = 500.0
CHROMIUM: Final = "/usr/bin/chromium"
STREAM: Final = "/desk/stream"
HEADERS: Final = {"authorization": f"Bearer {TOKEN}"}


async def _page(session: aiohttp.ClientSession, path: str, looks: Any) -> None:
    shown, tag, fresh_until_s = -1, "", 0.0
    async with session.get(STREAM) as stream:
        async for line in stream.content:
            if not line.startswith(b"data: "):
                continue
            seq = msgspec.json.decode(line[6:])["seq"]
            if seq == shown or time.monotonic() < fresh_until_s:
                continue
            headers = {"x-fragment": "1", "x-seq": str(seq), "if-none-match": tag}
            async with session.get(path, headers=headers) as answer:
                assert answer.status in (200, 304, 503), (path, answer.status, await answer.text())
                await answer.read()
                if answer.status != 503:  # Else the journal lags, and the page asks again after the next tick.
                    shown, tag = seq, answer.headers["etag"]
                    fresh_until_s = time.monotonic() + int(answer.headers["x-fresh-ms"]) / 1_000
            looks.value += 1


async def _pages(url: str, looks: Any, going: Any) -> None:
    """Until they are to go."""
    async with aiohttp.ClientSession(url, headers=HEADERS) as session, asyncio.TaskGroup() as tasks:
        pages = [tasks.create_task(_page(session, VIEWS[n % len(VIEWS)].path, looks)) for n in range(PAGES)]
        await asyncio.to_thread(going.wait)
        for page in pages:
            page.cancel()


def _pages_process(url: str, looks: Any, going: Any) -> None:
    uvloop.run(_pages(url, looks, going))


@contextmanager
def open_pages(url: str) -> Iterator[Any]:
    """How often they have fetched their views, in all. All have done so when the block begins."""
    context = get_context("spawn")
    looks, leave = context.Value("q", 0), context.Event()
    process = context.Process(target=_pages_process, args=(url, looks, leave))
    process.start()
    while looks.value < PAGES:
        assert process.is_alive(), "the pages ended"
        time.sleep(0.05)
    try:
        yield looks
    finally:
        leave.set()
        process.join()


class Trader:
    """Sends batches of trades, and tells what a run took."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._bodies = buys(count())

    def run(self) -> tuple[float, float]:
        """Trades placed in a second, and the service's processor seconds for each."""
        used_s = self._server.cpu_s()
        took_s = uvloop.run(self._send())
        trades = BATCHES * TRADE_BATCH
        return trades / took_s, (self._server.cpu_s() - used_s) / trades

    async def _send(self) -> float:
        port = self._server.port
        async with load(port, SENDERS) as senders:
            requests = (post(port, PATH, TOKEN, body) for body in islice(self._bodies, BATCHES))
            return await senders.as_fast_as_answered(requests, BATCHES)


def _cost(folder: Path) -> list[Result]:
    alone, beside, used_alone, used_beside = list[float](), list[float](), list[float](), list[float]()
    with serving(["-m", "bench.paper_desk", str(folder)], folder / "service.log") as server:
        trader = Trader(server)
        trader.run()
        for _ in range(PAIRS):
            rate, used_s = trader.run()
            alone.append(rate)
            used_alone.append(used_s)
            with open_pages(server.url) as looks:
                before = looks.value
                rate, used_s = trader.run()
                fetched = looks.value - before
            beside.append(rate)
            used_beside.append(used_s)
    cost = 100 * (statistics.median(here / there for here, there in zip(alone, beside, strict=True)) - 1)
    used = 100 * (statistics.median(there / here for here, there in zip(used_alone, used_beside, strict=True)) - 1)
    name, note = f"trades beside {PAGES} open pages", f"{PAIRS} pairs; {fetched} views fetched in the last run"
    return [
        Result("trades with no page open", "", None, statistics.median(alone), "/s"),
        Result(name, "", None, statistics.median(beside), "/s", note=note),
        Result("what the pages cost trading", f"< {COST_PROMISED:g} %", cost < COST_PROMISED, cost, "%"),
        Result("the same in processor time of the service for a trade", "", None, used, "%"),
    ]


def _usable(folder: Path) -> list[Result]:
    """From the click to the view, its tables and forms: then the page can be used. Empty without a browser."""
    if not Path(CHROMIUM).exists():
        return []
    with contextlib.suppress(ImportError):
        from playwright.sync_api import sync_playwright
        from tests.browser import stage as fifty

        with fifty.stage(folder) as served, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(extra_http_headers={"authorization": f"Bearer {fifty.TOKEN}"})
            times = [_opened_ms(page, f"{served.url}{WALLETS.path}") for _ in range(LOADS + 1)][1:]
            browser.close()
        spread = spread_of(round(took * 1e6) for took in times)
        p90_ms = spread.p90 / 1_000
        name = "a page of 50 wallets, from the click until it can be used"
        return [
            Result(name, "", None, spread.p50, "µs", spread),
            Result("the same, p90", f"< {USABLE_PROMISED_MS:g} ms", p90_ms < USABLE_PROMISED_MS, p90_ms, "ms"),
        ]
    return []


def _opened_ms(page: Any, url: str) -> float:
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_selector("#main table tbody tr")
    return float(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))


def pages() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        costs, opened = Path(scratch) / "costs", Path(scratch) / "opened"
        costs.mkdir()
        opened.mkdir()
        return [*_cost(costs), *_usable(opened)]
