"""Runs the deliveries of all sources that want answers, while the service runs.

Where no source wants answers it hears nothing and costs nothing. Trading waits for nothing here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from overmind.config.private_records import Stamp, stamp_of
from overmind.config.problems import ConfigError
from overmind.core.model.desk_settings import Desk
from overmind.desk.answers.delivery import Delivery, Outside
from overmind.desk.answers.following import Following
from overmind.desk.answers.journal_pages import JournalPages
from overmind.desk.answers.mailbox import Mailbox
from overmind.desk.answers.pace import Pace
from overmind.desk.answers.post import HttpPost, Post
from overmind.desk.answers.progress import Progress, read_progress, write_progress
from overmind.desk.engine import Engine
from overmind.desk.sources.source import Source
from overmind.desk.sources.store import SOURCES_FILE, read_sources_with_keys
from overmind.journal.aside import Aside
from overmind.ports import Clock

LOOK_EVERY_S: Final = 1.0  # for changed sources, and to write how far they are
CLOSE_MAX_S: Final = 2.0

log = structlog.get_logger("answers")


class Answers:
    def __init__(self, engine: Engine, journal: Path, clock: Clock, post: Post | None = None) -> None:
        self._engine = engine
        self._data_dir = journal.parent
        self._clock = clock
        self._pages = JournalPages(journal)
        self._post = post or HttpPost()
        self._files = Aside("answers' files")
        self._sources: dict[str, Source] = {}  # that want answers
        self._boxes: dict[str, Mailbox] = {}
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._following: asyncio.Task[None] | None = None
        self._stamp: Stamp | None = None
        self._saved: Sequence[Progress] = ()
        self._news = Following(engine, self._pages, self._boxes, clock)
        self._outside = Outside(self._pages, self._post, clock, Pace(clock), self._desk, self._news.offered)

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        try:
            while True:
                await self.look_once()
                await self._clock.sleep(LOOK_EVERY_S)
        finally:
            running = [*self._deliveries.values(), *filter(None, (self._following,))]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self._post.close()

    def close(self) -> None:
        """Writes how far the sources are. Does not wait for a disk that hangs."""
        last = partial(write_if_changed, self._data_dir, self._progress(), self._saved)
        wait((self._files.submit(last),), CLOSE_MAX_S)
        self._files.shutdown()
        self._pages.close()

    @property
    def lags(self) -> dict[str, int]:
        """By source, the durable entries that its target may still hear of."""
        durable_seq = self._engine.durable_seq
        return {name: max(0, durable_seq - box.place) for name, box in self._boxes.items()}

    async def look_once(self) -> None:
        """Takes in changed sources, and writes how far the sources are. A fault of ours ends the service."""
        for task in (*self._deliveries.values(), *filter(None, (self._following,))):
            if task.done():
                task.result()
        try:
            await self._take_changes()
            await self._save()
        except (ConfigError, OSError) as fault:
            log.warning("the sources' answers wait for their files", why=str(fault) or type(fault).__name__)

    async def _take_changes(self) -> None:
        path = self._data_dir / SOURCES_FILE
        stamp = await self._files.run(partial(stamp_of, path))
        if stamp == self._stamp:
            return
        found = await self._files.run(partial(read_sources_with_keys, self._data_dir))
        told = await self._files.run(partial(read_progress, self._data_dir))
        self._stamp = stamp
        for name in sorted(name for name, one in found.items() if one.answers_url and not one.answers_keys):
            log.warning("answers wait for a key: `overmind hooks rotate-answers` makes one", source=name)
        self._take({name: one for name, one in found.items() if one.answers_url and one.answers_keys}, told)

    def _take(self, sources: Mapping[str, Source], told: Mapping[str, Progress]) -> None:
        for name in [name for name, one in self._sources.items() if sources.get(name) != one]:
            self._deliveries.pop(name).cancel()
            before = self._sources.pop(name)
            again = sources.get(name)
            if again is None or again.answers_after != before.answers_after:
                del self._boxes[name]
        if sources and self._following is None:
            self._following = asyncio.create_task(self._news.run(), name="answers")
        for name, source in sources.items():
            if name not in self._sources:
                self._begin(source, told.get(name))
        if not sources and self._following is not None:
            self._following.cancel()
            self._following = None

    def _begin(self, source: Source, told: Progress | None) -> None:
        box = self._boxes.get(source.name)
        if box is None:
            is_known = told is not None and told.began_after == source.answers_after
            place = told.seq if told is not None and is_known else source.answers_after
            box = Mailbox(min(place, self._engine.durable_seq))  # A restored journal may end earlier.
        box.fall_behind()
        self._boxes[source.name], self._sources[source.name] = box, source
        delivery = Delivery(source, box, self._outside)
        self._deliveries[source.name] = asyncio.create_task(delivery.run(), name=f"answers to {source.name}")

    def _desk(self) -> Desk:
        return self._engine.state.settings

    def _progress(self) -> tuple[Progress, ...]:
        return tuple(
            Progress(name, self._sources[name].answers_after, box.place)
            for name, box in sorted(self._boxes.items())
            if name in self._sources
        )

    async def _save(self) -> None:
        progress = self._progress()
        await self._files.run(partial(write_if_changed, self._data_dir, progress, self._saved))
        self._saved = progress


def write_if_changed(data_dir: Path, progress: Sequence[Progress], before: Iterable[Progress]) -> None:
    if tuple(before) != tuple(progress):
        write_progress(data_dir, progress)
