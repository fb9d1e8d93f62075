"""Measures a hook of a real service: from an alert of TradingView to its durable decision, in another process.

Every alert is a trade on a desk without limits: it is read, decided, journaled, answered, filled and settled.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import uvloop

from bench.cluster import Server, serving
from bench.http_door import raw_disk
from bench.measure import Result, spread_of
from bench.paper_desk import STRATEGY
from bench.stop_under_load import asked
from bench.wire import load
from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds

SOURCE: Final = {
    "reason": "a bench",
    "name": "chart",
    "kind": "tradingview",
    "symbols": {"SOLUSDC": "SOL"},
    "defaults": {"strategy_type": STRATEGY.value, "notional_usd": "5"},
}
PER_S, PACED_S, CONNECTIONS = 20, 15, 8
WARM: Final = 1_000
PROMISED_MS = 10.0


def alerts(port: int, path: str, numbers: Iterator[int]) -> Iterator[bytes]:
    """Whole requests, without a token: the path has the secret."""
    alert = {"ticker": "SOLUSDC", "action": "buy", "position": "long", "previous": "long", "contracts": "1"}
    for number in numbers:
        fired_at = iso_seconds(SystemClock().now_ns())
        body = json.dumps({**alert, "order_id": f"order {number}", "fired_at": fired_at}).encode()
        head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        yield f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def _measured(server: Server, path: str) -> list[Result]:
    requests = alerts(server.port, path, count())
    async with load(server.port, CONNECTIONS) as senders:
        used_s = server.cpu_s()
        await senders.as_fast_as_answered(requests, WARM)
        used_us = (server.cpu_s() - used_s) / WARM * 1e6
        await senders.at_a_rate(requests, PER_S * PACED_S, PER_S)
        spread = spread_of(senders.times)
    p50_ms, what = spread.p50 / 1_000, f"an alert by hook at {PER_S}/s, from when it was due to its durable decision"
    return [
        Result(what, f"p50 < {PROMISED_MS:g} ms", p50_ms < PROMISED_MS, p50_ms, "ms", spread),
        Result("processor time of the service for each, its trade included", "", None, used_us, "µs"),
    ]


def hooks() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        folder = Path(scratch)
        with serving(["-m", "bench.paper_desk", str(folder)], folder / "service.log") as server:
            path: str = asked(server.port, "POST", "/v1/hooks", json.dumps(SOURCE).encode())["path"]
            measured = uvloop.run(_measured(server, path))
        return [*raw_disk(folder), *measured]
