"""Delivers the answers of one source, one after the other, each until the target has acknowledged it.

    the journal after its place ──→ caught up ──→ new entries ──┐
        ↑                                                       │
        └────────── more new entries than the mailbox holds ────┘

A target that hangs holds up its own answers alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from overmind.core.model.desk_settings import Desk
from overmind.core.model.events import SignalRefused
from overmind.core.model.units import NS
from overmind.desk.answers.answer import Answer, answer_to
from overmind.desk.answers.journal_pages import Slice
from overmind.desk.answers.mailbox import Mailbox
from overmind.desk.answers.pace import Pace
from overmind.desk.answers.post import NotDelivered, Post
from overmind.desk.answers.signing import headers_of
from overmind.desk.sources.source import Source
from overmind.journal.catalogue.concerned import Concern, Follower
from overmind.journal.errors import JournalUnusable
from overmind.ports import Clock
from overmind.solana.backoff import backoff_s

SLICE_PAUSE_S: Final = 0.005
JOURNAL_RETRY_S: Final = 60.0

log = structlog.get_logger("answers")


class Pages(Protocol):
    """Reads the journal. Raises JournalUnusable and OSError."""

    async def after(self, follower: Follower, source: str, after: int) -> Slice: ...

    async def whole(self, refused: SignalRefused) -> SignalRefused: ...


class Outside:
    """What every delivery asks for."""

    def __init__(
        self, pages: Pages, post: Post, clock: Clock, pace: Pace, desk: Callable[[], Desk], offered: Callable[[], int]
    ) -> None:
        """`desk`: its settings now. `offered`: the last entry that was offered to the mailboxes."""
        self.pages = pages
        self.post = post
        self.clock = clock
        self.pace = pace
        self.desk = desk
        self.offered = offered


class Delivery:
    def __init__(self, source: Source, box: Mailbox, outside: Outside) -> None:
        self._source = source
        self._box = box
        self._outside = outside
        self._told = ""  # why the target was not reached

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                async for concern in self._due():
                    await self._tell(concern)
            except (JournalUnusable, OSError) as fault:
                log.warning("answers wait: the journal cannot be read", source=self._source.name, why=str(fault))
                self._box.fall_behind()
                await self._outside.clock.sleep(JOURNAL_RETRY_S)

    async def _due(self) -> AsyncIterator[Concern]:
        """In the order of the journal. One is acknowledged before the next is asked for."""
        while True:
            if self._box.is_behind:
                async for concern in self._past():
                    yield concern
            elif (new := await self._box.next()) is not None:
                yield new

    async def _past(self) -> AsyncIterator[Concern]:
        follower = Follower()
        while True:
            concerns, seq = await self._outside.pages.after(follower, self._source.name, self._box.place)
            for concern in concerns:
                yield concern
            if seq == self._box.place and not concerns and self._box.catch_up(self._outside.offered()):
                return
            self._box.acknowledge(seq)
            await self._outside.clock.sleep(SLICE_PAUSE_S)

    async def _tell(self, concern: Concern) -> None:
        if isinstance(concern.entry.event, SignalRefused):
            whole = await self._outside.pages.whole(concern.entry.event)
            concern = replace(concern, entry=replace(concern.entry, event=whole))
        answer = answer_to(self._source.name, concern, self._outside.desk())
        if answer is not None:
            await self._deliver(answer)
        self._box.acknowledge(concern.entry.seq)

    async def _deliver(self, answer: Answer) -> None:
        """Returns once it is acknowledged."""
        body, attempt = answer.body(), 0
        while True:
            await self._outside.pace.wait()
            try:
                await self._send(answer, body)
            except NotDelivered as why:
                attempt += 1
                self._complain(str(why), answer.seq)
                await self._outside.clock.sleep(backoff_s(attempt, answer.id))
            else:
                self._recovered()
                return

    async def _send(self, answer: Answer, body: bytes) -> None:
        at_ns = self._outside.clock.now_ns()
        keys = [one.key for one in self._source.answers_keys if one.is_valid(at_ns)]
        headers = headers_of(answer.id, at_ns // NS, body, keys)
        await self._outside.post.send(self._source.answers_url, headers, body)

    def _complain(self, why: str, seq: int) -> None:
        """Once for each reason. The address may hold a secret of the target, so it is not told."""
        if why != self._told:
            log.warning("answers are not delivered, and are sent again", source=self._source.name, seq=seq, why=why)
        self._told = why

    def _recovered(self) -> None:
        if self._told:
            log.info("answers are delivered again", source=self._source.name)
        self._told = ""
