"""What a target may do with a post: only a status of 200 to 299 counts, and nothing else takes long or leads away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from overmind.desk.answers.post import HttpPost, NotDelivered

HEADERS = {"content-type": "application/json", "webhook-id": "tv-1"}
BODY = b'{"id": "tv-1"}'


class Target:
    """Answers every request with the same bytes, and then closes the connection; None: never."""

    def __init__(self, answer: bytes | None) -> None:
        self.requests: list[bytes] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head + await reader.readexactly(len(BODY)))
            if self._answer is None:
                await reader.read()
            else:
                writer.write(self._answer)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(answer: bytes | None) -> AsyncIterator[tuple[Target, str]]:
    target = Target(answer)
    server = await asyncio.start_server(target.serve, "127.0.0.1", 0)
    try:
        yield target, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def posted(url: str, within_s: float = 30.0) -> str:
    """Why it was not delivered; blank: it was."""
    post = HttpPost(within_s=within_s)
    try:
        await post.send(url, HEADERS, BODY)
    except NotDelivered as why:
        return str(why)
    finally:
        await post.close()
    return ""


def answer(status: str, *more: str, body: bytes = b"") -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", *more, f"content-length: {len(body)}", "", ""))
    return head.encode() + body


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (answer("200 OK"), ""),
        (answer("204 No Content"), ""),
        (answer("202 Accepted", body=b"x" * 200_000), ""),
        (answer("500 Internal Server Error"), "the target answered 500"),
        (answer("404 Not Found"), "the target answered 404"),
        (answer("429 Too Many Requests"), "the target answered 429"),
        (b"garbage\r\n\r\n", "Bad status line"),
        (b"", "Server disconnected"),
        (None, "no answer within 0.2 s"),
    ],
)
def test_only_an_acknowledgement_counts(answered: bytes | None, why: str) -> None:
    async def run() -> None:
        async with listening(answered) as (target, url):
            told = await posted(f"{url}/a", 30.0 if answered is not None else 0.2)
            assert why in told
            assert bool(told) == bool(why)
            (request,) = target.requests
            assert request.startswith(b"POST /a HTTP/1.1\r\n")
            assert request.endswith(BODY)
            assert b"webhook-id: tv-1" in request

    asyncio.run(run())


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_never_followed(status: str) -> None:
    async def run() -> None:
        async with listening(answer("200 OK")) as (other, elsewhere):
            async with listening(answer(status, f"location: {elsewhere}/steal")) as (target, url):
                assert "a redirect is never followed" in await posted(url)
            assert len(target.requests) == 1
            assert other.requests == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/", "Cannot connect"),
        ("https://10.0.0.1/", "private network"),
        ("https://169.254.169.254/", "private network"),
        ("http://bot.example.org/", "http to another machine"),
        ("not an address", "no address"),
    ],
)
def test_where_nobody_may_hear_it(url: str, why: str) -> None:
    assert why in asyncio.run(posted(url))
