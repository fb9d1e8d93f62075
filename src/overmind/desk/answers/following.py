"""Offers new entries to the mailboxes of the sources that they concern, while a source is near the journal's end.

A source that lags reads the journal. While all of them do, nothing is followed, so a slow target costs trading nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from overmind.clock.clocks import loop_turn
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import OrderId
from overmind.core.model.units import NS
from overmind.desk.answers.mailbox import Mailbox
from overmind.desk.engine import Engine
from overmind.desk.feed import Feed
from overmind.journal.catalogue.concerned import Follower
from overmind.journal.errors import JournalUnusable
from overmind.ports import Clock

FOLLOWED_AT_ONCE: Final = 256  # entries in one turn of the event loop
WANTED_NS: Final = NS  # for how long a source that has read all is waited for
RETRY_S: Final = 60.0

log = structlog.get_logger("answers")


class PlacedOrders(Protocol):
    """Finds in the journal how an order was placed. Raises JournalUnusable and OSError."""

    async def placed(self, order_id: OrderId) -> OrderPlaced | None: ...


class Following:
    def __init__(self, engine: Engine, pages: PlacedOrders, boxes: Mapping[str, Mailbox], clock: Clock) -> None:
        self._engine = engine
        self._pages = pages
        self._boxes = boxes
        self._clock = clock
        self._follower = Follower()  # has seen every entry since the last that was passed by
        self._is_following = False
        self._seq = 0  # of the last entry that was offered
        self._wanted = asyncio.Event()
        self._wanted_ns = 0  # when a source last was near the journal's end

    def offered(self) -> int:
        """The last entry that was offered. Asked by a source that has read the journal to its end."""
        self._wanted_ns = self._clock.now_ns()
        if self._is_following:
            return self._seq
        self._wanted.set()
        return self._engine.durable_seq + 1  # It reads on until new entries are offered.

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            feed = self._engine.subscribe()
            self._pass_by(self._engine.durable_seq)
            self._is_following = True
            try:
                await self._follow(feed)
            finally:
                self._is_following = False
                self._engine.unsubscribe(feed)

    async def _follow(self, feed: Feed) -> None:
        """Until every source lags."""
        while (entries := await feed.next()) is None or self._is_wanted():
            if entries is None:
                self._all_fall_behind()
                continue
            try:
                await self._offer(entries)
            except (JournalUnusable, OSError) as fault:
                log.warning("answers wait: the journal cannot be read", why=str(fault))
                self._all_fall_behind()
                await self._clock.sleep(RETRY_S)

    def _is_wanted(self) -> bool:
        return not self._all_lag() or self._clock.now_ns() - self._wanted_ns <= WANTED_NS

    def _all_lag(self) -> bool:
        return all(box.is_behind for box in self._boxes.values())

    def _all_fall_behind(self) -> None:
        """They read the journal up to what is durable now. What comes later is offered again."""
        self._pass_by(self._engine.durable_seq)
        for box in self._boxes.values():
            box.fall_behind()

    def _pass_by(self, seq: int) -> None:
        """Everybody reads what is before from the journal. Orders of it are looked up if more comes of them."""
        self._seq, self._follower = seq, Follower()

    async def _offer(self, entries: Sequence[Entry]) -> None:
        if self._all_lag():
            self._pass_by(entries[-1].seq)
            return
        for start in range(0, len(entries), FOLLOWED_AT_ONCE):
            part = entries[start : start + FOLLOWED_AT_ONCE]
            for entry in part:
                await self._offer_one(entry)
            self._seq = max(self._seq, part[-1].seq)
            for box in self._boxes.values():
                box.passed(part[-1].seq)
            await loop_turn()

    async def _offer_one(self, entry: Entry) -> None:
        order_id = self._follower.missing(entry.event)
        if order_id is not None and (placed := await self._pages.placed(order_id)) is not None:
            self._follower.learn(placed)
        concern = self._follower.concern(entry)
        for name in () if concern is None else concern.sources:
            if concern is not None and (box := self._boxes.get(name)) is not None:
                box.offer(concern)
