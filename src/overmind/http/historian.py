"""Draws the desk's equity, PnL and prices into bars while the service runs, for the charts of the page.

It looks at the state once a second, which costs a few microseconds, and writes in a thread of its own. What was
journaled before it began is drawn by a process beside the desk. Nothing waits for it, and nothing ends with it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import structlog

from overmind.core.model.units import NS
from overmind.desk.engine import Engine
from overmind.desk.keeper import PASSED_ON
from overmind.http.responses import HttpRefusal
from overmind.journal.aside import Aside, Hangs
from overmind.journal.bars.bar import Bar, Bars, pnl_of, values_of
from overmind.journal.bars.replay_process import is_short, replay
from overmind.journal.bars.store import BarsFailed, BarStore
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock

LOOK_EVERY_S: Final = 1.0
PNL_EVERY: Final = 15  # looks: adding up the PnL of all wallets takes longer
WRITE_EVERY: Final = 15  # looks
COMMAND: Final = (sys.executable, "-P", "-m", "overmind.journal.bars.replay_process")
REPLAY_MAX_S: Final = 1_800.0
RETRY_S: Final = 60.0  # after a fault, such as a full disk
CLOSE_MAX_S: Final = 2.0
READ_MAX_S: Final = 5.0
WHY_MAX: Final = 500  # characters

T = TypeVar("T")
log = structlog.get_logger("bars")


class Historian:
    def __init__(
        self,
        engine: Engine,
        path: Path,
        clock: Clock,
        command: Sequence[str] = COMMAND,
        is_short: Callable[[Path], bool] = is_short,
    ) -> None:
        self._engine = engine
        self._path = path
        self._clock = clock
        self._command = command
        self._is_short = is_short
        self._bars = Bars()
        self._writing, self._reading = Aside("bars"), Aside("charts")
        self._told = ""  # why it could not write
        self.behind = True  # until what was journaled before is drawn

    async def run(self) -> None:
        """Draws until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            replaying = tasks.create_task(self._catch_up())
            looks = 0
            while True:
                self._look(with_pnl=looks % PNL_EVERY == 0)
                looks += 1
                if looks % WRITE_EVERY == 0 and replaying.done():
                    await self._write()
                await self._clock.sleep(LOOK_EVERY_S)

    def close(self) -> None:
        """Waits for a write that is under way, and not for a disk that hangs."""
        wait((self._writing.submit(lambda: None),), CLOSE_MAX_S)
        self._writing.shutdown()
        self._reading.shutdown()

    async def bars(self, series: str, length_s: int, from_s: int, to_s: int) -> list[Bar]:
        """Bars that begin in this time, in order; none while there are none. Raises HttpRefusal."""
        try:
            return await self._reading.run(partial(self._read, series, length_s, from_s, to_s), READ_MAX_S)
        except (BarsFailed, Hangs, TimeoutError) as fault:
            raise HttpRefusal(503, f"the bars of the charts cannot be read: {fault}", "ask again later") from None

    def _look(self, with_pnl: bool) -> None:
        state = self._engine.state
        if state.desk is not None:
            values = values_of(state) | (pnl_of(state) if with_pnl else {})
            self._bars.add(self._clock.now_ns() // NS, values)

    async def _catch_up(self) -> None:
        """Draws what was journaled before: in the thread if that is little, else in a process."""
        try:
            if await self._in_thread(partial(self._is_short, self._path)):
                await self._in_thread(partial(replay, self._path))
            else:
                await self._replay_aside()
        except (JournalUnusable, OSError, TimeoutError) as fault:
            self._tell(f"the past is not drawn: {fault}")
        self.behind = False

    async def _replay_aside(self) -> None:
        """Raises OSError, TimeoutError and BarsFailed."""
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *self._command, str(self._path), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE, env=environment
        )
        try:
            async with asyncio.timeout(REPLAY_MAX_S):
                _, complained = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise BarsFailed(complained.decode(errors="replace").strip()[-WHY_MAX:])

    async def _write(self) -> None:
        bars, seq = self._bars.take(), self._engine.durable_seq
        try:
            await self._in_thread(lambda: self._add(bars, seq))
        except (JournalUnusable, OSError) as fault:  # These bars are lost, and the next ones are tried.
            self._tell(str(fault))
            await self._clock.sleep(RETRY_S)

    def _add(self, bars: Sequence[Bar], seq: int) -> None:
        journal = SqliteJournal.open_read_only(self._path)
        try:
            store = BarStore.open(self._path, journal)
            try:
                store.add(bars, seq, journal)
            finally:
                store.close()
        finally:
            journal.close()

    def _read(self, series: str, length_s: int, from_s: int, to_s: int) -> list[Bar]:
        store = BarStore.open_read_only(self._path)
        if store is None:
            return []
        try:
            return store.read(series, length_s, from_s, to_s)
        finally:
            store.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, work)

    def _tell(self, why: str) -> None:
        """Once for each reason: it tries again for as long as the service runs."""
        if why != self._told:
            log.warning("the charts lack bars", why=why)
        self._told = why
