"""Any bytes, however they arrive: every request is read in one way, or refused (specification §13.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.echo import CHUNKED, GET, HOST, LAST, POST, SLOW, UPGRADE, WHOLE, Echo, Request, protocol_of

from overmind.clock.virtual import run_virtual
from overmind.http.connections import ANONYMOUS_IDLE_S, HEAD_S


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        if not self.closed:
            self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """All has come at once."""

    def resume_reading(self) -> None:
        """All has come at once."""


async def _read(parts: list[bytes]) -> tuple[list[Request], bytes, bool]:
    """What was served of these parts, what was written, and whether the connection ends in time.

    Whoever serves a request bounds the time for its body.
    """
    echo, wire = Echo(), Wire()
    echo.gate.set()
    protocol = protocol_of(echo)
    protocol.connection_made(wire)
    for part in parts:
        if not wire.closed:
            protocol.data_received(part)
        for _ in range(8):
            await asyncio.sleep(0)
    await asyncio.sleep(max(HEAD_S, ANONYMOUS_IDLE_S) + 1)
    ends = wire.closed or protocol.cycle.more_body
    protocol.connection_lost(None)
    await asyncio.sleep(1)
    return echo.seen, wire.written, ends


def read(parts: list[bytes]) -> tuple[list[Request], bytes, bool]:
    return run_virtual(_read(parts))


def as_h11_reads(data: bytes) -> tuple[list[Request], bool]:
    """The requests that another parser finds, and whether it refuses what comes after them."""
    reader, found = h11.Connection(h11.SERVER), list[Request]()
    reader.receive_data(data)
    head, body = h11.Request(method="GET", target="/", headers=[("host", "")]), b""
    while True:
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            return found, True
        if isinstance(event, h11.Request):
            head, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            found.append((head.method.decode(), head.target.decode().partition("?")[0], body))
            reader.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            reader.send(h11.EndOfMessage())
            if reader.our_state is not h11.DONE or reader.their_state is not h11.DONE:
                return found, False
            reader.start_next_cycle()
        else:
            return found, False


PIECES = (
    *(WHOLE, SLOW, CHUNKED, GET, POST, HOST, UPGRADE, LAST, b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x00", b":", b"a"),
    *(b"content-length: 3\r\n", b"content-length: 0\r\n", b"transfer-encoding: chunked\r\n"),
    *(b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\n", b"abc", b"connection: close\r\n", b"connection: keep-alive\r\n"),
    *(
        b"GET /a HTTP/1.0\r\n",
        b"HEAD /a HTTP/1.1\r\n",
        b"x: y\r\n",
        b"3;e=f\r\n",
        b"trailer: t\r\n",
        b"expect: 100-continue\r\n",
    ),
)
STREAMS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(b"".join)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(STREAMS, st.lists(st.integers(1, 40), max_size=8))
def test_how_the_bytes_arrive_changes_nothing(data: bytes, sizes: list[int]) -> None:
    parts, rest = list[bytes](), data
    for size in sizes:
        parts.append(rest[:size])
        rest = rest[size:]
    seen, written, ends = read([part for part in (*parts, rest) if part])
    once, at_once, _ = read([data])
    assert seen == once
    assert written.count(b"HTTP/1.1 400 ") == at_once.count(b"HTTP/1.1 400 ") <= 1
    assert ends, "it is closed at the latest when it has been idle, or sends half a head for too long"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(STREAMS)
def test_another_parser_finds_the_same_requests(data: bytes) -> None:
    """Or one of the two refuses. Else a request could be smuggled past a proxy."""
    seen, written, _ = read([data])
    other, refused = as_h11_reads(data)
    either = b"HTTP/1.1 400 " in written or refused
    assert seen == other or (either and (seen == other[: len(seen)] or seen[: len(other)] == other))
