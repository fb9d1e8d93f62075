"""The sources that the running service knows. A changed file is read again while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from overmind.config.private_records import Stamp, stamp_of
from overmind.config.problems import ConfigError
from overmind.core.model.value import Value
from overmind.desk.sources.changes import SourceChange
from overmind.desk.sources.source import Source
from overmind.desk.sources.store import SOURCES_FILE, change_sources, read_sources, read_sources_with_keys
from overmind.journal.aside import Aside
from overmind.ports import Clock

LOOK_EVERY_S: Final = 1.0
FILE_MAX_S: Final = 5.0  # for a disk to answer

log = structlog.get_logger("hooks")


class _Read(Value, frozen=True):
    """What the file said when it had this stamp. What cannot be read lets nobody in."""

    stamp: Stamp | None
    sources: dict[str, Source]
    problem: str = ""


class KnownSources:
    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self.clock = clock
        self._data_dir = data_dir
        self._file = Aside("hooks")
        self._reachable = True
        self._read = _read(data_dir)
        self._tell(self._read)

    @property
    def sources(self) -> Mapping[str, Source]:
        return self._read.sources

    def close(self) -> None:
        self._file.shutdown()

    async def change(self, change: SourceChange) -> None:
        """In force on return. Raises CommandRefused, ConfigError, OSError."""
        await self._file.run(partial(change_sources, self._data_dir, change), FILE_MAX_S)
        await self.look()

    async def with_keys(self) -> Mapping[str, Source]:
        """As the files have them now. Raises ConfigError, OSError."""
        return await self._file.run(partial(read_sources_with_keys, self._data_dir), FILE_MAX_S)

    async def look(self) -> None:
        """Reads the file again if it has changed. Raises OSError."""
        found = await self._file.run(partial(_read_if_changed, self._data_dir, self._read.stamp), FILE_MAX_S)
        if found is not None:
            self._read = found
            self._tell(found)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.clock.sleep(LOOK_EVERY_S)
            await self.look_once()

    async def look_once(self) -> None:
        try:
            await self.look()
        except OSError as fault:  # TimeoutError and Hangs are of this kind.
            if self._reachable:
                log.error("the file of sources cannot be reached", error=str(fault) or type(fault).__name__)
            self._reachable = False
        else:
            self._reachable = True

    def _tell(self, found: _Read) -> None:
        if found.problem:
            log.error("the sources cannot be read, so no hook is served", problem=found.problem)


def _read(data_dir: Path) -> _Read:
    stamp = stamp_of(data_dir / SOURCES_FILE)  # Before the content, so that a change in between is seen the next time.
    try:
        return _Read(stamp, read_sources(data_dir))
    except ConfigError as bad:
        return _Read(stamp, {}, str(bad.problems[0]))


def _read_if_changed(data_dir: Path, known: Stamp | None) -> _Read | None:
    return None if stamp_of(data_dir / SOURCES_FILE) == known else _read(data_dir)
