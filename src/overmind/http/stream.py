"""Server-sent events by sequence number: first from the journal, then live, without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from overmind.clock.clocks import loop_turn
from overmind.core.model.events import Entry
from overmind.desk.engine import Engine
from overmind.desk.feed import Feed
from overmind.http.archive import Archive
from overmind.http.bounds import SEQ_MAX, whole_within
from overmind.http.known_parameters import StrictRoute
from overmind.http.own_entries import AllEntries, OwnEntries, Page, Source, source_asked
from overmind.http.responses import HttpRefusal
from overmind.text.printable import json_bytes

STREAMS_MAX: Final = 64
PAGE_ENTRIES: Final = 500
PART_BYTES: Final = 65_536  # written in one turn of the event loop
HEARTBEAT_S: Final = 10.0
RETRY_MS: Final = 1_000  # before a browser reconnects
_HEADERS: Final = {"cache-control": "no-store"}

_READ: Final = BeforeValidator(whole_within(0, SEQ_MAX))
Seq = Annotated[
    Annotated[int, _READ] | None,
    Query(ge=0, le=SEQ_MAX, description="The number of an entry: later ones are sent. Without it: new ones."),
]
LastEventId = Annotated[
    Annotated[int, _READ] | None,
    Header(ge=0, le=SEQ_MAX, description="The last `id` that the reader saw. It wins over `after`."),
]


class Streams:
    """All open streams."""

    def __init__(self, engine: Engine, archive: Archive, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._engine = engine
        self._archive = archive
        self._heartbeat_s = heartbeat_s
        self._closing = asyncio.Event()
        self._open = 0

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open

    def close(self) -> None:
        """Ends all streams. Their readers know the number to resume from."""
        self._closing.set()

    def routes(self) -> APIRouter:
        router = APIRouter(route_class=StrictRoute)

        @router.get("/v1/stream")
        async def stream(
            request: Request, after: Seq = None, last_event_id: LastEventId = None, source: Source = None
        ) -> Response:
            """A reconnecting reader's `Last-Event-ID` wins over the query parameter."""
            seen = last_event_id if last_event_id is not None else after
            if seen is not None and seen > self._engine.durable_seq:
                raise HttpRefusal(
                    400, f"the journal ends at entry {self._engine.durable_seq}", "is this the right desk?"
                )
            if self._open >= STREAMS_MAX or self._closing.is_set():
                raise HttpRefusal(503, f"{self._open} streams are open, at most {STREAMS_MAX} may be")
            start = self._engine.durable_seq if seen is None else seen
            lines = self.lines(start, source_asked(request, source))
            return StreamingResponse(lines, media_type="text/event-stream", headers=_HEADERS)

        return router

    async def lines(self, after: int, source: str = "") -> AsyncGenerator[bytes, None]:
        """Every entry with a higher `seq`, once and in order, until the streams close or the client disconnects.

        With a source: of these, every entry that concerns it.
        """
        feed, self._open = self._engine.subscribe(), self._open + 1
        shown = OwnEntries(self._archive, source) if source else AllEntries(self._archive)
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            while not self._closing.is_set():
                async for page in self._past(shown, after):
                    for events in _events(page.entries):
                        yield events
                        await loop_turn()
                    after = page.seq
                async for entries in self._live(feed):
                    fresh = [entry for entry in entries if entry.seq > after]
                    after = fresh[-1].seq if fresh else after
                    for events in _events(await shown.among(fresh)) if fresh else shown.heartbeat(after):
                        yield events
                        await loop_turn()
        finally:
            self._engine.unsubscribe(feed)
            self._open -= 1

    async def _past(self, shown: AllEntries | OwnEntries, after: int) -> AsyncIterator[Page]:
        """Pages of the journal up to its end."""
        while (page := await shown.page(after, PAGE_ENTRIES)).seq > after:
            yield page
            after = page.seq

    async def _live(self, feed: Feed) -> AsyncIterator[tuple[Entry, ...]]:
        """Committed entries, and an empty tuple at each heartbeat, until the feed is lost or the streams close."""
        closing = asyncio.ensure_future(self._closing.wait())
        coming = asyncio.ensure_future(feed.next())
        try:
            while not closing.done():
                await asyncio.wait((closing, coming), timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    yield ()
                    continue
                entries = coming.result()
                if entries is None:
                    return
                yield entries
                coming = asyncio.ensure_future(feed.next())
        finally:
            closing.cancel()
            coming.cancel()


def _events(entries: Iterable[Entry]) -> Iterator[bytes]:
    """In parts, because a reader that lags may get thousands of entries at once."""
    part = list[bytes]()
    size = 0
    for event in map(_event, entries):
        part.append(event)
        size += len(event)
        if size >= PART_BYTES:
            yield b"".join(part)
            part, size = [], 0
    if part:
        yield b"".join(part)


def _event(entry: Entry) -> bytes:
    name = type(entry.event).__name__.encode()
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.seq, name, json_bytes(entry))
