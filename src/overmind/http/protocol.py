"""How the bytes of a connection become requests. What two readers could understand differently is refused.

httptools parses, uvicorn makes requests of it. Here are the bounds that neither has: of a head, of the time for it, of
what waits behind a request, and of a client that leaves its response unread. A request that cannot be read is answered
after all the requests before it, since a client takes the next answer for that of its oldest request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Sized
from http import HTTPStatus
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from overmind.http.connections import ANONYMOUS_IDLE_S, CONNECTION, HEAD_S, IDLE_S, STALL_S, ServerConfig
from overmind.text.printable import json_bytes

HEAD_BYTES_MAX: Final = 16_384
WAITING_MAX: Final = 64  # requests of one connection that wait for the one before them
VERSIONS: Final = ("1.0", "1.1")
BEGINS: Final = b"HTTP/1.1 "  # a response
ONCE: Final = (b"host", b"authorization")  # They say who is asked, and who asks.

Headers = Sequence[tuple[bytes, bytes]]


class Malformed(Exception):
    """A head that httptools can read, and that is refused all the same."""


class Backpressure(FlowControl):
    """Reads nothing more from a connection while requests wait in it."""

    def __init__(self, transport: asyncio.Transport, waiting: Sized) -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if not self._waiting:
            super().resume_reading()


class Joined:
    """Writes the head of a response with the body that follows in the same turn: each write is a system call."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self.get_extra_info = transport.get_extra_info
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading
        self.is_closing, self.abort = transport.is_closing, transport.abort

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(BEGINS):
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            data, self._head = self._head, b""
            self._transport.write(data)


class ConnectionProtocol(HttpToolsProtocol):
    """A connection. It drops a client that sends its head too slowly, asks nothing, or leaves its response unread."""

    _late: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None
    _in_head = False  # of a request whose head is not whole
    _head_is_new = False  # It began in the data that came last.
    _head_bytes = 0  # of a head that came in parts, so far
    _fault: str | None = None  # why nothing more can be read

    def connection_made(self, transport: Any) -> None:  # A transport by its methods, not by its base class.
        joined: Any = Joined(transport, self.loop)
        super().connection_made(joined)
        assert isinstance(self.config, ServerConfig), self.config
        self.flow = Backpressure(transport, self.pipeline)
        self._connections = self.config.connections
        self.app_state = {CONNECTION: self}
        self.timeout_keep_alive = ANONYMOUS_IDLE_S
        self._late = self.loop.call_later(HEAD_S, transport.abort)
        self._connections.add(self, self.loop.time())

    @property
    def peer(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def idle(self) -> bool:
        return self._late is None and (self.cycle is None or self.cycle.response_complete)

    def abort(self) -> None:
        self.transport.abort()

    def recognise(self) -> bool:
        self.timeout_keep_alive = IDLE_S
        return self._connections.recognise(self)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._late, self._stalled):
            if timer is not None:
                timer.cancel()
        self._connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._fault is None:
            self._read(data)
        in_head = self.cycle is None or self.cycle.response_complete
        if in_head and self._late is None:
            self._late = self.loop.call_later(HEAD_S, self.transport.abort)
        elif not in_head and self._late is not None:
            self._late.cancel()
            self._late = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._head_is_new = True
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # What follows a body in chunks is no part of the head, and nobody asks for it.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Whatever it raises, the parser raises as an error of its own."""
        self._in_head = False
        if (why := self._malformed()) is not None:
            raise Malformed(why)
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._fault is not None and not self.pipeline:
            self._refuse(self._fault)
        else:
            super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _read(self, data: bytes) -> None:
        self._head_is_new = False
        while data:
            try:
                self.parser.feed_data(data)
                break
            except HttpParserUpgrade as upgrade:
                data = self._without_upgrade() + data[upgrade.args[0] :]
            except HttpParserError as error:
                self._fail(str(error.__context__ if isinstance(error.__context__, Malformed) else error))
                return
        if self._in_head:
            self._head_bytes += _size(self.url, self.headers) if self._head_is_new else len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._fail(f"a head of more than {HEAD_BYTES_MAX} bytes")

    def _malformed(self) -> str | None:
        """Why this head is refused: a proxy before us could understand it in another way."""
        names, version = [name for name, _ in self.headers], self.parser.get_http_version()
        if _size(self.url, self.headers) > HEAD_BYTES_MAX:
            return f"a head of more than {HEAD_BYTES_MAX} bytes"
        if version not in VERSIONS:
            return f"HTTP/{version}: send HTTP/1.1"
        if not self.url.startswith(b"/") or self.parser.get_method() == b"CONNECT":
            return "the target is not a path"
        for name in ONCE:
            if names.count(name) > 1:
                return f"two headers {name.decode()}"
        if b"transfer-encoding" in names and dict(self.headers)[b"transfer-encoding"].strip().lower() != b"chunked":
            return "a transfer-encoding other than chunked"
        return f"more than {WAITING_MAX} requests at once" if len(self.pipeline) >= WAITING_MAX else None

    def _without_upgrade(self) -> bytes:
        """A server may ignore the wish for another protocol. The parser cannot: it would leave out the body."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = b"".join(b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade")
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, kept)
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return head

    def _fail(self, why: str) -> None:
        """Reads nothing more. What was whole before is answered first."""
        self._fault, newest = why, self.cycle
        if newest is None or newest.response_complete:
            self._refuse(why)
        elif newest.more_body and self.pipeline:
            self.pipeline.popleft()  # It waits, and will never be whole. The newest is at the left.
        elif newest.more_body:
            newest.disconnected = True
            newest.message_event.set()
            if newest.response_started:
                self.transport.abort()
            else:
                self._refuse(why)

    def _refuse(self, why: str) -> None:
        body = json_bytes({"error": f"not a valid HTTP request: {why}", "fix": "send it anew, as HTTP/1.1"})
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(STATUS_LINE[HTTPStatus.BAD_REQUEST] + head + body)
        self.transport.close()


def _size(url: bytes, headers: Headers) -> int:
    return len(url) + sum(len(name) + len(value) for name, value in headers)
