"""Looks for the STOP file in a thread of its own: a disk that hangs holds up the thread, and not the desk.

Entries are sent while the last look is young and has found no file. See specification §10.6.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from overmind.clock.clocks import uptime_ns
from overmind.core.model.units import NS
from overmind.desk.watches.timers import StopFile
from overmind.journal.aside import Aside, Hangs

LOOK_EVERY_S: Final = 0.05
LOOK_MAX_S: Final = 2.0  # A look that takes longer has no answer.


class _Look(NamedTuple):
    found: bool
    said: str
    at_ns: int


class StopFileWatch(StopFile):
    def __init__(self, data_dir: Path, look_max_s: float = LOOK_MAX_S) -> None:
        super().__init__(data_dir)
        self._look_max_s = look_max_s
        self._last = _Look(found=False, said="", at_ns=uptime_ns() - round(look_max_s * NS))
        self._aside = Aside("STOP file at once")
        self._ended = threading.Event()

    def exists(self) -> bool:
        return self._last.found

    def may_exist(self) -> bool:
        last = self._last
        return last.found or uptime_ns() - last.at_ns > self._look_max_s * NS

    async def look(self) -> bool:
        try:
            await self._aside.run(self._look, self._look_max_s)
        except (TimeoutError, Hangs):
            return True
        return self._last.found

    def reason(self) -> str:
        return self._last.said

    @contextmanager
    def looking(self) -> Iterator[StopFileWatch]:
        """Looks for as long as the block lasts. The first look is over when it begins, unless the disk hangs."""
        first = threading.Event()

        def look() -> None:
            while not self._ended.is_set():
                self._look()
                first.set()
                self._ended.wait(LOOK_EVERY_S)

        threading.Thread(target=look, name="STOP file", daemon=True).start()
        first.wait(self._look_max_s)
        try:
            yield self
        finally:
            self._ended.set()
            self._aside.shutdown()

    def _look(self) -> None:
        at_ns, found = uptime_ns(), super().exists()
        said = super().reason() if found else ""
        if at_ns >= self._last.at_ns:  # else a later look was quicker
            self._last = _Look(found, said, at_ns)
