"""Measures the emergency stop of a real service while eight clients send batches of 512 signals without a pause.

The wallets are 50, the journal is on disk, and every request goes over HTTP. Once the clients resend known batches,
once each batch is new. Each stop has a connection of its own, as an operator's command has.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from solders.keypair import Keypair

from bench.cluster import COMMAND, Server, serving, still_tape
from bench.measure import Result, spread_of

WALLETS: Final = 50
CLIENTS: Final = 8
BATCH: Final = 512
STOPS: Final = 100
BETWEEN_S: Final = 0.05
PROMISED_MS: Final = 100.0
STEP_PROMISED_MS: Final = 20.0
TOKEN: Final = "a token for the bench, and for nothing else"
RECEIVED_BYTES: Final = 1 << 20


class Connection:
    """One HTTP connection that stays open, with as little work as possible on this side."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        heard = b""
        while (end := heard.find(b"\r\n\r\n")) < 0:
            heard += self._heard()
        parts, left = [heard[end + 4 :]], _length(heard[:end]) - (len(heard) - end - 4)
        while left > 0:
            parts.append(self._heard())
            left -= len(parts[-1])
        return b"".join(parts)

    def close(self) -> None:
        self._socket.close()

    def _heard(self) -> bytes:
        heard = self._socket.recv(RECEIVED_BYTES)
        assert heard, "the service closed the connection"
        return heard


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    return next(int(value) for name, _, value in lines if name.lower() == b"content-length")


def asked(port: int, method: str, path: str, body: bytes = b"") -> Any:
    """Asks over a new connection, as a command does."""
    connection = Connection(port)
    try:
        return json.loads(connection.request(method, path, body))
    finally:
        connection.close()


def _batch(name: str) -> bytes:
    """A quarter of the signals may be placed, a quarter are recorded; no wallet may take the others."""
    wishes = [{"action": "Buy", "notional_usd": 5}, {"action": "Hold"}, *[{"action": "Buy", "notional_usd": 9e7}] * 2]
    common = {"strategy_type": "TokenSniping", "symbol": "SOL"}
    signals = [{"signal_id": f"{name}-{n}", **common, **wishes[n % len(wishes)]} for n in range(BATCH)]
    return json.dumps(signals).encode()


def _load(port: int, known: bool, going: Any, sent: Any) -> None:
    """Eight clients, each with its own connection and batch. Runs in a process of its own."""

    def client(number: int) -> None:
        connection, round_number = Connection(port), 0
        while going.value:
            round_number += not known
            connection.request("POST", "/v1/signals", _batch(f"client{number}-{round_number}"))
            sent[number] += 1
        connection.close()

    clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        one.join()


@contextmanager
def clients(port: int, known: bool) -> Iterator[Any]:
    """How many batches each client has had answered."""
    context = get_context("spawn")
    going, sent = context.Value("b", 1), context.Array("q", CLIENTS)
    process = context.Process(target=_load, args=(port, known, going, sent))
    process.start()
    while not all(sent):
        time.sleep(0.01)
    try:
        yield sent
    finally:
        going.value = 0
        process.join()


@contextmanager
def service(folder: Path, wallets: int) -> Iterator[Server]:
    """A desk on paper: its wallets are alike, and its prices stand still."""
    keys = {f"KEY{n}": str(Keypair()) for n in range(wallets)}
    lines = ",".join(f"wallet{n}:env:KEY{n}:primary:medium:{1 / wallets:.6f}" for n in range(wallets))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OVERMIND_", "SNIPER_"))}
    env = {
        **kept,
        **keys,
        "OVERMIND_MANAGED_WALLETS": lines,
        "OVERMIND_DEFAULT_WALLET": "wallet0",
        "OVERMIND_DATA_DIR": str(folder / "data"),
        "OVERMIND_LOGS_DIR": str(folder / "logs"),
        "OVERMIND_PRICE_TAPE": str(still_tape(folder)),
        "OVERMIND_API_TOKEN": TOKEN,
        "SNIPER_SERVER_PORT": "0",
    }
    with serving([*COMMAND, "run", "--json"], folder / "service.log", env) as server:
        yield server


def _measured(server: Server, known: bool) -> tuple[list[int], int, float]:
    """The times of the stops, the batches answered meanwhile, and the seconds that all took."""
    port = server.port
    times = list[int]()
    with clients(port, known) as sent:
        began, before = time.perf_counter(), sum(sent)
        for number in range(STOPS):
            time.sleep(BETWEEN_S)
            called_ns = time.perf_counter_ns()
            while "stopped" not in asked(port, "POST", "/v1/emergency-stop", b'{"reason": "a drill"}'):
                pass  # It holds, and its answer did not wait any longer for the journal.
            times.append(time.perf_counter_ns() - called_ns)
            path = f"/v1/wallets/wallet{number % WALLETS}/reactivate"  # So that the next stop has something to stop.
            asked(port, "POST", path, b'{"reason": "the drill is over"}')
        answered, took = sum(sent) - before, time.perf_counter() - began
    return times, answered, took


def stop_under_load() -> list[Result]:
    results = []
    for known, what in ((True, "known"), (False, "new")):
        with (
            tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch,
            service(Path(scratch), WALLETS) as server,
        ):
            times, answered, took = _measured(server, known)
            ready = asked(server.port, "GET", "/readyz")
        spread = spread_of(times)
        p99_ms = spread.p99 / 1_000
        name = f"emergency stop, {CLIENTS} clients with {what} batches of {BATCH}, {WALLETS} wallets"
        note = f"{STOPS} stops in {took:.1f} s; {answered} batches answered meanwhile"
        results.append(Result(name, "", None, spread.p50, "µs", spread, note))
        results.append(Result("the same, p99", "≤ 100 ms", p99_ms <= PROMISED_MS, p99_ms, "ms"))
        if (loop := ready.get("loop")) is not None:
            longest = loop["longest_turn_ms"]
            results.append(
                Result("longest turn of the event loop", "≤ 20 ms", longest <= STEP_PROMISED_MS, longest, "ms")
            )
    return results
