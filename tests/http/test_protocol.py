"""What a connection makes of bytes: malformed heads, smuggled requests, pipelines (specification §13.4)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop
from tests.support.echo import CHUNKED, GET, HOST, LAST, POST, SLOW, UPGRADE, WHOLE, Echo, Request, protocol_of

from overmind.http.protocol import HEAD_BYTES_MAX, WAITING_MAX

PATIENCE_S = 10.0


@asynccontextmanager
async def stage() -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = await asyncio.get_running_loop().create_server(lambda: protocol_of(echo), "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield echo, server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def told(reader: asyncio.StreamReader) -> list[str]:
    """All answers until the connection ends: the path that was served, or the status of a refusal."""
    answers = list[str]()
    with contextlib.suppress(ConnectionResetError):
        while status := await reader.readline():
            length = 0
            while (line := await reader.readline()) != b"\r\n":
                name, _, value = line.partition(b": ")
                length = int(value) if name == b"content-length" else length
            body, code = (await reader.readexactly(length)).decode(), status.decode().split()[1]
            answers.append(body if code == "200" else code)
    return answers


async def ask(port: int, data: bytes) -> list[str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answers = await told(reader)
    writer.close()
    return answers


def on_stage(play: Callable[[Echo, int], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with stage() as (echo, port):
            return await play(echo, port)

    return uvloop.run(run())


REFUSED = {
    "content-length and transfer-encoding": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "transfer-encoding and content-length": POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "the same length twice": POST + b"content-length: 1\r\ncontent-length: 1\r\n\r\na",
    "a list of lengths": POST + b"content-length: 1, 1\r\n\r\na",
    "a signed length": POST + b"content-length: +1\r\n\r\na",
    "a negative length": POST + b"content-length: -1\r\n\r\na",
    "a hexadecimal length": POST + b"content-length: 0x1\r\n\r\na",
    "no length": POST + b"content-length:\r\n\r\na",
    "a length over 64 bits": POST + b"content-length: 99999999999999999999\r\n\r\na",
    "a space before the colon": POST + b"content-length : 1\r\n\r\na",
    "another coding last": POST + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "another coding first": POST + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "no such coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding after a vertical tab": POST + b"transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"transfer-encoding: identity\r\n\r\na",
    "bare LF after a header": GET + b"a: b\nc: d\r\n\r\n",
    "bare LF everywhere": b"GET /a HTTP/1.1\nhost: desk\n\n",
    "bare CR": b"GET /a HTTP/1.1\rhost: desk\r\r",
    "bare CR in a value": GET + b"a: b\rc: d\r\n\r\n",
    "a folded header": GET + b"a: b\r\n c\r\n\r\n",
    "a folded first header": b"GET /a HTTP/1.1\r\n host: desk\r\n\r\n",
    "a space in a name": GET + b"a b: c\r\n\r\n",
    "no name": GET + b": c\r\n\r\n",
    "no colon": GET + b"abc\r\n\r\n",
    "NUL": GET + b"a: b\x00c\r\n\r\n",
    "a control character": GET + b"a: b\x01c\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/2.0": b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/1.2": b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    "a response": b"HTTP/1.1 200 OK\r\n\r\n",
    "no such method": b"DANCE /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method in small letters": b"get /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "an address for a path": b"GET http://desk/a HTTP/1.1\r\n" + HOST + b"\r\n",
    "an asterisk for a path": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "CONNECT": b"CONNECT desk:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a path that is not ASCII": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "a space in the path": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "two hosts": GET + b"Host: evil\r\n\r\n",
    "two tokens": GET + b"authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
    "a long head": GET + b"a: " + b"b" * HEAD_BYTES_MAX + b"\r\n\r\n",
    "a long path": b"GET /" + b"b" * HEAD_BYTES_MAX + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "many headers": GET + b"".join(b"a%d: b\r\n" % n for n in range(HEAD_BYTES_MAX // 4)) + b"\r\n",
    "bare LF after a chunk's length": CHUNKED + b"1\na\r\n0\r\n\r\n",
    "a chunk's length with a space": CHUNKED + b"1 \r\na\r\n0\r\n\r\n",
    "a chunk's negative length": CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    "a chunk's hexadecimal length": CHUNKED + b"0x1\r\na\r\n0\r\n\r\n",
    "a chunk's length over 64 bits": CHUNKED + b"fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "a folded header after the chunks": CHUNKED + b"1\r\na\r\n0\r\nb: c\r\n d\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(name: str) -> None:
    """Nothing behind it is served, and another connection is."""

    async def play(echo: Echo, port: int) -> None:
        assert await ask(port, REFUSED[name] + LAST) == ["400"]
        assert echo.seen == []
        assert await ask(port, LAST) == ["/last"]

    on_stage(play)


LARGE = b"GET /a HTTP/1.1\r\n" + HOST + b"a: " + b"b" * (HEAD_BYTES_MAX - 100) + b"\r\n\r\n"
UPGRADING = b"POST /a HTTP/1.1\r\n" + HOST + UPGRADE
SERVED: dict[str, tuple[bytes, list[Request]]] = {
    "a GET": (WHOLE, [("GET", "/a", b"")]),
    "blank lines before it": (b"\r\n\r\n" + WHOLE, [("GET", "/a", b"")]),
    "an empty header": (GET + b"a:\r\nb: c\r\n\r\n", [("GET", "/a", b"")]),
    "a large head": (LARGE, [("GET", "/a", b"")]),
    "a body": (POST + b"content-length: 2\r\n\r\nab", [("POST", "/a", b"ab")]),
    "a body that looks like a request": (
        POST + b"content-length: %d\r\n\r\n" % len(WHOLE) + WHOLE,
        [("POST", "/a", WHOLE)],
    ),
    "a GET with a body": (GET + b"content-length: 2\r\n\r\nab", [("GET", "/a", b"ab")]),
    "chunks": (CHUNKED + b"1;a=b\r\na\r\n2\r\nbc\r\n0\r\n\r\n", [("POST", "/a", b"abc")]),
    "an escaped path": (b"GET /%61?b=c HTTP/1.1\r\n" + HOST + b"\r\n", [("GET", "/a", b"")]),
    "a wish for HTTP/2": (GET + UPGRADE + b"\r\n", [("GET", "/a", b"")]),
    "a wish for HTTP/2 with a body": (UPGRADING + b"content-length: 2\r\n\r\nab", [("POST", "/a", b"ab")]),
    "a wish for HTTP/2 with chunks": (
        UPGRADING + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        [("POST", "/a", b"ab")],
    ),
}


@pytest.mark.parametrize("name", SERVED)
def test_what_is_clear_is_served_and_so_is_what_follows(name: str) -> None:
    data, expected = SERVED[name]

    async def play(echo: Echo, port: int) -> None:
        assert await ask(port, data * 2 + LAST) == ["/a", "/a", "/last"]
        assert echo.seen == [*expected * 2, ("GET", "/last", b"")]

    on_stage(play)


def test_nothing_after_the_body_counts_as_a_header() -> None:
    async def play(echo: Echo, port: int) -> None:
        await ask(port, CHUNKED + b"1\r\na\r\n0\r\nHost: evil\r\nauthorization: Bearer a\r\n\r\n" + LAST)
        assert echo.headers[0] == {b"host": b"desk", b"transfer-encoding": b"chunked"}

    on_stage(play)


def test_a_head_without_its_body_is_written_all_the_same() -> None:
    """A stream may have nothing to tell for long."""

    async def play(echo: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream HTTP/1.1\r\n" + HOST + b"\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert not echo.gate.is_set()
        echo.gate.set()
        assert (await reader.read()).endswith(b"\r\n\r\n0\r\n\r\n")
        writer.close()

    on_stage(play)


def test_old_clients_are_answered_once() -> None:
    async def play(echo: Echo, port: int) -> None:
        assert await ask(port, WHOLE.replace(b"1.1", b"1.0") + LAST) == ["/a"]

    on_stage(play)


def test_a_refusal_comes_after_the_answers_before_it() -> None:
    """Else its sender would take it for the answer to what was decided."""

    async def play(echo: Echo, port: int) -> None:
        for broken in (b"GARBAGE\r\n\r\n", CHUNKED + b"x\r\n", WHOLE + CHUNKED + b"x\r\n", b"GET /a HTTP/9\r\n\r\n"):
            echo.gate.clear()
            echo.waits.clear()
            asking = asyncio.create_task(ask(port, SLOW + broken))
            await echo.waits.wait()
            echo.gate.set()
            assert await asking == ["/slow", *(["/a"] if broken.startswith(WHOLE) else []), "400"]

    on_stage(play)


def test_a_body_that_breaks_off_is_not_taken() -> None:
    async def play(echo: Echo, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED + b"1\r\na\r\n")
        await echo.began.wait()
        writer.write(b"x\r\n")
        assert await told(reader) == ["400"]
        writer.close()
        assert (echo.seen, echo.cut) == ([], 1)

    on_stage(play)


def test_requests_that_wait_are_bounded() -> None:
    async def play(echo: Echo, port: int) -> None:
        asking = asyncio.create_task(ask(port, SLOW + WHOLE * (WAITING_MAX + 10)))
        await echo.waits.wait()
        echo.gate.set()
        assert await asking == ["/slow", *["/a"] * WAITING_MAX, "400"]

    on_stage(play)


def test_while_requests_wait_nothing_more_is_read() -> None:
    async def play(echo: Echo, port: int) -> None:
        slow = b"POST /slow HTTP/1.1\r\n" + HOST + b"content-length: 1\r\n\r\na"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(slow + WHOLE)
        await echo.waits.wait()
        flow = echo.connections[0].flow
        assert flow.read_paused, "the body of the first has come, and the second waits"
        writer.write(LAST)
        echo.gate.set()
        assert await told(reader) == ["/slow", "/a", "/last"]
        assert not flow.read_paused
        writer.close()

    on_stage(play)
