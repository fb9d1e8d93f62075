"""Follows the journal of a running desk, and what is wrong with it, and tells the targets.

    feed → Telling (which kind?) → Sieve (at once, or counted?) → Delivery of each target

It reads committed entries alone, so nothing is told that a crash could take back.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from overmind.clock.clocks import loop_turn
from overmind.config.notice_kinds import KINDS, NoticeKind, Severity
from overmind.config.notices import NoticeSettings
from overmind.core.model.events import Entry
from overmind.desk.app import App
from overmind.journal.aside import Aside
from overmind.journal.errors import JournalUnusable
from overmind.notices.alarms import Alarms
from overmind.notices.beside import Beside
from overmind.notices.confirmed import Confirmed
from overmind.notices.delivery import Delivery, TargetRow
from overmind.notices.memory import Memory, read_memory, write_memory
from overmind.notices.notice import Notice, Told
from overmind.notices.outlook import Outlook
from overmind.notices.sieve import Sieve
from overmind.notices.tail import entries_after
from overmind.notices.targets import Target
from overmind.notices.telling import Telling, is_wanted
from overmind.views.reports import wide_holds

CATCH_UP_MAX: Final = 10_000  # entries of before the start; older ones are not told
TOGETHER: Final = 256  # entries of one turn of the event loop
LOOK_EVERY_S: Final = 10.0  # at what is wrong
TICK_S: Final = 1.0
KEEP_EVERY: Final = 30  # ticks
KEEP_MAX_S: Final = 5.0
LEAVE_S: Final = 3.0  # for the last notices

log = structlog.get_logger("notices")


class Notices:
    def __init__(self, settings: NoticeSettings, app: App, journal: Path, targets: Sequence[Target]) -> None:
        """Call it at the start: it reads what was told before."""
        self._settings = settings
        self._app = app
        self._journal = journal
        self._before = read_memory(journal.parent)
        self._aside = Aside("notices")
        self._confirmed = Confirmed()
        self._deliveries = [Delivery(target, app.clock, self._ended) for target in targets]
        self._desk = f"Overmind {app.config.cluster.value}"
        self._sieve = Sieve(settings, self._desk, app.clock.now_ns())
        self._telling = Telling(settings, app.engine.state)
        self._alarms = Alarms()
        self._beside = Beside()
        self._feed = app.engine.subscribe()
        self._seen = app.engine.durable_seq
        self._kept: Memory | None = None

    def rows(self) -> list[TargetRow]:
        return [delivery.row for delivery in self._deliveries]

    def alarms(self) -> list[str]:
        """What an operator has to know of the notices themselves."""
        return [*self._beside.alarms(), *(told for row in self.rows() for told in row.alarms())]

    @asynccontextmanager
    async def telling(self, outlook: Outlook) -> AsyncIterator[None]:
        """Tells for as long as the block lasts, then that the service stops."""
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "following the journal": self._follow,
            "looking at what is wrong": partial(self._look_on, outlook),
            "the digest": self._tick_on,
        }
        parts |= {f"target {number}": one.run for number, one in enumerate(self._deliveries, 1)}
        try:
            async with self._beside.running(parts):
                try:
                    yield
                finally:
                    await self._leave()
        finally:
            for delivery in self._deliveries:
                delivery.close()
            self._app.engine.unsubscribe(self._feed)
            self._aside.shutdown()

    async def _follow(self) -> None:
        await self._begin()
        while True:
            entries = await self._feed.next()
            if entries is None:
                await self._catch_up(self._seen, self._seen)
                continue
            for place in range(0, len(entries), TOGETHER):
                await self._take(entries[place : place + TOGETHER], self._seen)
                await loop_turn()

    async def _begin(self) -> None:
        """Tells of the start, and of what was committed and not told before it."""
        state, before, now_ns = self._app.engine.state, self._before, self._app.clock.now_ns()
        at, told = f"open orders: {len(state.open_orders)}", list[Told]()
        if before is not None and before.running:
            told.append(Told(NoticeKind.CRASH, f"the service before this one was killed; {at}", now_ns))
        founded, holds = state.founded, [f"{row.cause} on {row.scope}: {row.reason}" for row in wide_holds(state)]
        mode = "" if founded is None else f"trading mode {founded.mode}, cluster {founded.cluster}, "
        text = "\n".join([f"started: {mode}{len(state.wallets)} wallets, {at}", *holds])
        await self._tell([*told, Told(NoticeKind.SERVICE, text, now_ns)])
        if before is not None:
            await self._catch_up(min(before.delivered, before.seen), before.seen)
        await self._keep()

    async def _catch_up(self, after: int, seen: int) -> None:
        """Reads entries that the feed has not given. Up to `seen`, only critical ones are told."""
        last = self._app.engine.durable_seq
        first = max(after, last - CATCH_UP_MAX)
        now_ns = self._app.clock.now_ns()
        if first > after:
            await self._tell([Told(NoticeKind.MISSED, f"entries {after + 1} to {first} are not told", now_ns)])
        if first >= last:
            return
        try:
            entries = await self._aside.run(partial(entries_after, self._journal, first, last - first))
        except (JournalUnusable, OSError) as fault:
            log.error("entries cannot be read for notices", after=first, why=str(fault))
            await self._tell([Told(NoticeKind.MISSED, f"entries {first + 1} to {last} cannot be read", now_ns)])
            return
        self._seen = min(self._seen, first)
        for place in range(0, len(entries), TOGETHER):
            await self._take(entries[place : place + TOGETHER], seen)
            await loop_turn()
        self._seen = max(self._seen, last)

    async def _take(self, entries: Sequence[Entry], seen: int) -> None:
        """`seen`: entries up to this one are told again only if they are critical."""
        batch = list[Told]()
        for entry in entries:
            if entry.seq <= self._seen:
                continue
            self._seen = entry.seq
            kind = self._telling.kind_told(entry)
            if kind is None:
                continue
            if entry.seq <= seen and KINDS[kind].severity is not Severity.CRITICAL:
                self._telling.passed_over(entry)
            elif self._sieve.only_counts(kind):
                self._telling.passed_over(entry)
                self._sieve.count(kind, entry.seq)
            else:
                batch.append(self._telling.told(kind, entry))
        if batch:
            await self._tell(batch)

    async def _look_on(self, outlook: Outlook) -> None:
        while True:
            await self._app.clock.sleep(LOOK_EVERY_S)
            reasons, now_ns = await outlook.reasons(), self._app.clock.now_ns()
            alarms = [alarm for alarm in outlook.alarms() if alarm not in reasons]
            told = self._alarms.look(NoticeKind.NOT_READY, reasons, now_ns)
            await self._tell([*told, *self._alarms.look(NoticeKind.ALARM, alarms, now_ns)])

    async def _tick_on(self) -> None:
        ticks = 0
        while True:
            await self._app.clock.sleep(TICK_S)
            digest = self._sieve.digest(self._app.clock.now_ns())
            if digest is not None:
                self._put(digest)
            ticks += 1
            if ticks % KEEP_EVERY == 0 or self._is_confirmed():
                await self._keep()

    async def _tell(self, batch: Sequence[Told]) -> None:
        """What is not critical waits until the file says so: after a kill it is not told a second time."""
        notices = self._sieve.sift([one for one in batch if is_wanted(self._settings, one.kind)])
        for notice in notices:
            if notice.is_critical:
                self._put(notice)
        others = [notice for notice in notices if not notice.is_critical]
        if others:
            await self._keep()
        for notice in others:
            self._put(notice)

    def _put(self, notice: Notice) -> None:
        self._confirmed.sent(notice)
        for delivery in self._deliveries:
            delivery.put(notice)

    def _ended(self, notice: Notice, took: bool) -> None:
        if took:
            self._confirmed.taken(notice)

    async def _leave(self) -> None:
        """The last notices have a moment."""
        now_ns = self._app.clock.now_ns()
        text = f"stops; open orders: {len(self._app.engine.state.open_orders)}"
        await self._tell([Told(NoticeKind.SERVICE, text, now_ns)])
        if (digest := self._sieve.end_period(now_ns)) is not None:
            self._put(digest)
        waited_s, step_s = 0.0, 0.05
        while any(row.waiting for row in self.rows()) and waited_s < LEAVE_S:
            await self._app.clock.sleep(step_s)
            waited_s += step_s
        await self._keep(running=False)

    def _is_confirmed(self) -> bool:
        """Whether a critical notice was taken that the file calls unconfirmed."""
        kept = self._kept
        return kept is not None and kept.delivered < kept.seen and self._memory(True).delivered > kept.delivered

    def _memory(self, running: bool) -> Memory:
        return Memory(self._seen, self._confirmed.up_to(self._seen, self._sieve.first_critical_seq), running)

    async def _keep(self, running: bool = True) -> None:
        """Without a disk the notices go on: after a kill some may come twice."""
        memory = self._memory(running)
        if memory == self._kept:
            return
        try:
            await self._aside.run(partial(write_memory, self._journal.parent, memory), KEEP_MAX_S)
        except (TimeoutError, OSError) as fault:
            log.warning("what was told cannot be kept", why=str(fault) or "the disk does not answer")
        self._kept = memory
