"""The conversation with Telegram's server: polls for updates, has them judged and done, and sends the answers.

Three loops, so that none waits for another: the poll does stops at once, the work does the other commands in turn, and
the post sends answers. Each queue between them is bounded.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import aiohttp
import structlog

from overmind.config.notices import TelegramSettings
from overmind.core.model.units import NS
from overmind.journal.aside import Aside
from overmind.notices.telegram.acting import Actions
from overmind.notices.telegram.bot_api import BotApi, TelegramSilent
from overmind.notices.telegram.judging import AGE_MAX_S, Fate, Judged, judged
from overmind.notices.telegram.offset import Offset, read_offset, write_offset
from overmind.notices.telegram.texts import cut
from overmind.notices.telegram.wire import Update
from overmind.ports import Clock
from overmind.solana.backoff import backoff_s
from overmind.solana.resolver import connector

QUEUE_MAX: Final = 32  # commands, and answers
COMMANDS_A_MINUTE: Final = 30  # besides stops
POLL_EVERY_S: Final = 0.2  # at most so often, also when the server answers at once
KEEP_MAX_S: Final = 5.0
TOLD_EVERY_NS: Final = 60 * NS  # a line about strangers
POST_TRIES: Final = 3
UNKEPT: Final = "Not done: the data folder's disk does not take which command is next."

log = structlog.get_logger("telegram")


class Api(Protocol):
    """`BotApi`, as far as it is used here. Each call raises TelegramSilent."""

    async def username(self) -> str: ...

    async def updates(self, offset: int) -> list[Update]: ...

    async def send(self, chat_id: int, text: str) -> None: ...


class TelegramChat:
    def __init__(self, settings: TelegramSettings, actions: Actions, clock: Clock, folder: Path) -> None:
        """Call it at the start: it reads which update is next."""
        self._settings = settings
        self._actions = actions
        self._clock = clock
        self._folder = folder
        self._offset = read_offset(folder)
        self._aside = Aside("telegram")
        self._bot = ""
        self._work: deque[Judged] = deque(maxlen=QUEUE_MAX)
        self._post: deque[tuple[int, str]] = deque(maxlen=QUEUE_MAX)
        self._wake_work, self._wake_post = asyncio.Event(), asyncio.Event()
        self._minute, self._done_in_minute = 0, 0
        self._strangers: Counter[int] = Counter()
        self._strangers_told_ns = 0
        self._silent = False  # as it is logged

    def close(self) -> None:
        self._aside.shutdown()

    def alarms(self) -> list[str]:
        return ["Telegram does not answer, so no command comes from there"] if self._silent else []

    async def run(self) -> None:
        """Runs until cancelled."""
        async with aiohttp.ClientSession(connector=connector(4)) as session:
            await self.converse(BotApi(session, self._settings))

    async def converse(self, api: Api) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for part in (self._poll_on(api), self._work_on(), self._post_on(api)):
                tasks.create_task(part)

    async def _poll_on(self, api: Api) -> None:
        failures = 0
        await self._learn_name(api)
        while True:
            try:
                updates = await api.updates(self._offset.at(self._clock.now_ns()).next)
            except TelegramSilent as silent:
                failures += 1
                self._tell_silent(silent)
                await self._clock.sleep(max(silent.retry_after_s, backoff_s(failures, "telegram")))
                continue
            failures = 0
            if self._silent:
                log.warning("Telegram answers again")
                self._silent = False
                await self._learn_name(api)
            await self.take(updates)
            await self._clock.sleep(POLL_EVERY_S)

    async def _learn_name(self, api: Api) -> None:
        """In a group, commands for other bots name them. While ours is not known, whatever is named is taken for us."""
        with suppress(TelegramSilent):
            self._bot = self._bot or await api.username()

    async def take(self, updates: Sequence[Update]) -> None:
        """Does what listed people ask for in these updates."""
        now_ns = self._clock.now_ns()
        expected = self._offset.at(now_ns).next
        new = [update for update in updates if update.update_id >= expected]
        if not new:
            return
        found = [
            judged(update.message, self._settings, self._bot, now_ns // NS)
            for update in new
            if update.message is not None
        ]
        await self._stop(found)  # First of all: a stop that comes twice is harmless.
        self._offset = Offset(max(update.update_id for update in new) + 1, now_ns)
        kept = await self._keep()
        self._count_strangers(found, now_ns)
        for one in found:
            if one.fate is Fate.OLD:
                self._answer(one, f"/{one.command} was sent more than {AGE_MAX_S} s ago: not done. Send it again.")
            elif one.fate is Fate.COMMAND and not kept:
                self._answer(one, UNKEPT)
            elif one.fate is Fate.COMMAND and self._has_room(now_ns):
                self._work.append(one)
                self._wake_work.set()

    async def _stop(self, found: Sequence[Judged]) -> None:
        """Once for all stops of one poll."""
        stops = [one for one in found if one.fate is Fate.STOP]
        if stops:
            told = await self._actions.stop(stops[-1])
            for one in {stop.chat_id: stop for stop in stops}.values():
                self._answer(one, told)

    async def _keep(self) -> bool:
        try:
            await self._aside.run(partial(write_offset, self._folder, self._offset), KEEP_MAX_S)
        except (TimeoutError, OSError) as fault:
            log.warning("which update of Telegram is next cannot be kept", why=str(fault) or "the disk does not answer")
            return False
        return True

    def _has_room(self, now_ns: int) -> bool:
        """Whether one more command may be done in this minute."""
        minute = now_ns // (60 * NS)
        if minute != self._minute:
            self._minute, self._done_in_minute = minute, 0
        self._done_in_minute += 1
        return self._done_in_minute <= COMMANDS_A_MINUTE

    async def _work_on(self) -> None:
        while True:
            await self._wake_work.wait()
            self._wake_work.clear()
            while self._work:
                one = self._work.popleft()
                self._answer(one, await self._actions.answer(one))

    def _answer(self, to: Judged, text: str) -> None:
        self._post.append((to.chat_id, cut(text, to.command)))
        self._wake_post.set()

    async def _post_on(self, api: Api) -> None:
        while True:
            await self._wake_post.wait()
            self._wake_post.clear()
            while self._post:
                await self._posted(api, *self._post.popleft())

    async def _posted(self, api: Api, chat_id: int, text: str) -> None:
        for attempt in range(1, POST_TRIES + 1):
            try:
                await api.send(chat_id, text)
            except TelegramSilent as silent:
                await self._clock.sleep(max(silent.retry_after_s, backoff_s(attempt, "telegram answer")))
            else:
                return
        log.warning("an answer was not taken by Telegram", chat=chat_id)

    def _count_strangers(self, found: Sequence[Judged], now_ns: int) -> None:
        """One line a minute, however many they are."""
        self._strangers.update(one.user_id for one in found if one.fate in (Fate.STRANGER, Fate.ELSEWHERE))
        if self._strangers and now_ns - self._strangers_told_ns >= TOLD_EVERY_NS:
            (most, _), count = self._strangers.most_common(1)[0], self._strangers.total()
            log.warning("messages that nobody listed sent, or in no listed chat", messages=count, most_of_user=most)
            self._strangers.clear()
            self._strangers_told_ns = now_ns
        if len(self._strangers) > QUEUE_MAX:
            self._strangers = Counter(dict(self._strangers.most_common(QUEUE_MAX)))

    def _tell_silent(self, silent: TelegramSilent) -> None:
        """Once, until it answers again."""
        if not self._silent:
            log.warning("Telegram does not answer; commands are not heard", why=str(silent))
        self._silent = True
