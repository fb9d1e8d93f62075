"""A lean HTTP client for measuring: kept connections on one event loop, and almost no work for each answer.

A general client needs more processor time for a request than the service that is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

LENGTH: Final = b"content-length: "
END: Final = b"\r\n\r\n"


class Wire(asyncio.Protocol):
    """One connection. It carries one request at a time, and tells the owner of each whole answer."""

    def __init__(self, answered: Callable[[Wire, bytes], None]) -> None:
        self._answered = answered
        self._transport: Any = None
        self._heard = b""
        self._size = 0  # of the whole answer; 0: its head is not complete
        self.closed = False

    def connection_made(self, transport: Any) -> None:  # A transport by its methods, not by its base class.
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True

    def send(self, request: bytes) -> None:
        assert self._transport is not None, "not connected"
        assert not self.closed, "the service closed the connection"
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._heard = self._heard + data if self._heard else data
        if not self._size and (end := self._heard.find(END)) >= 0:
            begins = self._heard.lower().index(LENGTH, 0, end) + len(LENGTH)
            self._size = end + len(END) + int(self._heard[begins : self._heard.index(b"\r", begins)])
        if self._size and len(self._heard) >= self._size:
            answer, self._heard, self._size = self._heard, b"", 0
            self._answered(self, answer)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Load:
    """Several connections to one service, and the times that their answers took."""

    def __init__(self, status: bytes) -> None:
        """`status`: what each answer must begin with."""
        self._status = status
        self._wires: list[Wire] = []
        self._began_ns: dict[Wire, int] = {}
        self._next: Iterator[bytes] = iter(())
        self._left = 0
        self._done = asyncio.Event()
        self._due: deque[tuple[int, bytes]] = deque()
        self._idle: list[Wire] = []
        self._wrong: bytes | None = None
        self.times = list[int]()

    async def connect(self, port: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, wire = await loop.create_connection(lambda: Wire(self._heard), "127.0.0.1", port)
            self._wires.append(wire)

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    async def as_fast_as_answered(self, requests: Iterator[bytes], count: int) -> float:
        """Each connection sends its next request when it has the answer to the last. The seconds that all took."""
        self._begin(count)
        self._next = itertools.islice(requests, count)
        began = time.perf_counter()
        for wire in self._wires:
            self._send_next(wire)
        await self._done.wait()
        self._require_right()
        return time.perf_counter() - began

    async def at_a_rate(self, requests: Iterator[bytes], count: int, per_s: int) -> float:
        """Sends at fixed times, however slow the answers are. A time counts from when its request was due."""
        self._begin(count)
        self._next, self._idle = iter(()), list(self._wires)
        began_ns, sent = time.perf_counter_ns(), 0
        while sent < count:
            now_ns = time.perf_counter_ns()
            due = min(count, 1 + (now_ns - began_ns) * per_s // 10**9)
            for number in range(sent, due):
                self._due.append((began_ns + number * 10**9 // per_s, next(requests)))
            sent = due
            while self._due and self._idle:
                self._send_due(self._idle.pop())
            await asyncio.sleep(0.0005)
        await self._done.wait()
        self._require_right()
        return (time.perf_counter_ns() - began_ns) / 1e9

    def _begin(self, count: int) -> None:
        self.times, self._left, self._wrong = [], count, None
        self._done.clear()

    def _send_next(self, wire: Wire) -> None:
        if (request := next(self._next, None)) is not None:
            self._began_ns[wire] = time.perf_counter_ns()
            wire.send(request)

    def _send_due(self, wire: Wire) -> None:
        self._began_ns[wire], request = self._due.popleft()
        wire.send(request)

    def _heard(self, wire: Wire, answer: bytes) -> None:
        self.times.append(time.perf_counter_ns() - self._began_ns[wire])
        if not answer.startswith(self._status):
            self._wrong = answer
        self._left -= 1
        if not self._left or self._wrong is not None:
            self._done.set()
        elif self._due:
            self._send_due(wire)
        else:
            self._idle.append(wire)
            self._send_next(wire)

    def _require_right(self) -> None:
        assert self._wrong is None, f"the service refused: {self._wrong!r}"


@asynccontextmanager
async def load(port: int, connections: int, status: bytes = b"HTTP/1.1 202 ") -> AsyncIterator[Load]:
    opened = Load(status)
    try:
        await opened.connect(port, connections)
        yield opened
    finally:
        opened.close()


def post(port: int, path: str, token: str, body: bytes) -> bytes:
    """The bytes of a whole request."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
