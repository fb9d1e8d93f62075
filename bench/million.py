"""Sends a real service of four wallets a million signals: buys, sales, holds, and ids that it knows already.

The service is a process of its own, its journal is on disk, it logs at INFO, and every batch goes over HTTP. After each
tenth its memory and processor time are read from the system. OVERMIND_BENCH_SIGNALS is the number of signals.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import msgspec
from solders.keypair import Keypair

from bench.cluster import COMMAND, Server, serving, still_tape
from bench.measure import Result
from bench.stop_under_load import TOKEN, Connection, asked

SIGNALS: Final = int(os.environ.get("OVERMIND_BENCH_SIGNALS", "1_000_000"))
STEP: Final = SIGNALS // 10
CLIENTS: Final = 4
BATCH: Final = 32
WALLETS: Final = 4
LONG_AGO: Final = STEP // 2  # signals
KINDS: Final = ("buy", "sale", "buy", "sale", "buy", "sale", "hold", "hold", "known", "old")
SYMBOLS: Final = ("SOL", "ETH", "BTC")
GROWTH_MAX_MB: Final = 60.0
STEP_MAX_MS: Final = 20.0
LIMITS: Final = {
    "max_daily_loss": 1e9,
    "max_position_size": 1e8,
    "max_concurrent_positions": 100,
    "max_exposure_percentage": 100.0,
    "stop_loss_threshold": 99.0,
    "daily_trade_limit": 10**9,
}


class Reading(msgspec.Struct, frozen=True):
    """Of the service's process, after so many signals."""

    signals: int
    rss_mb: float
    cpu_s: float
    keeper_cpu_s: float  # of the processes that it started and that have ended


def signal(number: int) -> dict[str, object]:
    """A known one is the signal three before it; an old one was sent long ago."""
    kind = KINDS[number % len(KINDS)]
    if kind == "known":
        return signal(number - 3)
    if kind == "old":
        return signal(number - LONG_AGO) if number > LONG_AGO else signal(number - 4)
    wish: dict[str, object] = {"action": "Hold"}
    if kind == "buy":
        wish = {"action": "Buy", "notional_usd": 10}
    elif kind == "sale":
        wish = {"action": "Sell", "quantity": "all"}
    symbol = SYMBOLS[number // len(KINDS) % len(SYMBOLS)]
    return {"signal_id": f"signal-{number}", "strategy_type": "Arbitrage", "symbol": symbol, **wish}


def _send(port: int, first: int, last: int, answers: Any) -> None:
    """Sends these signals over a few connections. Runs in a process of its own, and puts what it was answered."""
    statuses, batches, taking = Counter[str](), iter(range(first, last, BATCH)), threading.Lock()

    def client() -> None:
        connection = Connection(port)
        while True:
            with taking:
                start = next(batches, None)
            if start is None:
                break
            body = json.dumps([signal(number) for number in range(start, min(last, start + BATCH))]).encode()
            answer = json.loads(connection.request("POST", "/v1/signals", body))
            with taking:
                statuses.update(_status(one) for one in (answer if isinstance(answer, list) else [answer]))
        connection.close()

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()
    answers.put(statuses)


def _status(answer: Any) -> str:
    return str(answer.get("status") or answer.get("error", answer))[:60]


def sent(port: int, first: int, last: int) -> Counter[str]:
    context = get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_send, args=(port, first, last, answers))
    process.start()
    statuses: Counter[str] = answers.get()
    process.join()
    return statuses


@contextmanager
def service(folder: Path, env: dict[str, str]) -> Iterator[Server]:
    """A desk on paper whose limits let every signal through. Its prices stand still."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OVERMIND_", "SNIPER_"))}
    lines = ",".join(f"wallet{n}:{_wallet(folder, n)}:hft:high:{1 / WALLETS}" for n in range(WALLETS))
    about = {
        "OVERMIND_MANAGED_WALLETS": lines,
        "OVERMIND_DEFAULT_WALLET": "wallet0",
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PRICE_TAPE": str(still_tape(folder)),
        "OVERMIND_API_TOKEN": TOKEN,
        "OVERMIND_PAPER_CAPITAL_USD": "100000000",
        "OVERMIND_RATE_MAX_PER_SEC": "1000000",
        "OVERMIND_MAX_CONCURRENT_WALLETS": "1000",
        "OVERMIND_PORTFOLIO_EXPOSURE_MAX_PERCENT": "100",
        "OVERMIND_ASSET_MAX_PERCENT": "100",
        "SNIPER_SERVER_PORT": "0",
    }
    with serving([*COMMAND, "run", "--json"], folder / "service.log", {**kept, **about, **env}) as server:
        yield server


def _wallet(folder: Path, number: int) -> Path:
    key, path = Keypair(), folder / f"wallet{number}.json"
    shares = [{"strategy_type": "Arbitrage", "allocation_percentage": 100.0, "max_position_size": 1e8, "enabled": True}]
    wallet = {
        "wallet_id": f"wallet{number}",
        "name": f"Wallet {number}",
        "private_key": str(key),
        "public_key": str(key.pubkey()),
        "wallet_type": "hft",
        "strategy_allocation": shares,
        "risk_limits": LIMITS,
        "status": "Active",
    }
    path.write_text(json.dumps(wallet))
    path.chmod(0o600)
    return path


def reading(server: Server, signals: int) -> Reading:
    return Reading(signals, server.rss_mb(), server.cpu_s(), server.children_cpu_s())


def million() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch, service(Path(scratch), {}) as server:
        readings, statuses = [reading(server, 0)], Counter[str]()
        for first in range(0, SIGNALS, STEP):
            statuses += sent(server.port, first, first + STEP)
            readings.append(reading(server, first + STEP))
            sys.stderr.write(f"{readings[-1]} {dict(statuses)}\n")
        loop = asked(server.port, "GET", "/readyz").get("loop", {})
    growth, longest = readings[-1].rss_mb - readings[1].rss_mb, loop.get("longest_turn_ms", 0.0)
    cpu_us = (readings[-1].cpu_s - readings[1].cpu_s) / (SIGNALS - STEP) * 1e6
    keeper_us = readings[-1].keeper_cpu_s / SIGNALS * 1e6
    how = f"{SIGNALS:,} signals: " + ", ".join(f"{number:,} {status}" for status, number in statuses.most_common())
    return [
        Result(f"memory gained after {STEP:,} signals", "≤ 60 MB", growth <= GROWTH_MAX_MB, growth, "MB", note=how),
        Result("longest turn of the event loop", "≤ 20 ms", longest <= STEP_MAX_MS, longest, "ms", note=str(loop)),
        Result("processor time of a signal at INFO", "", None, cpu_us, "µs", note=f"the keeper's {keeper_us:.0f}"),
    ]
