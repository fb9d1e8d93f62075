"""Keeps the journal short to read: a snapshot every so many entries, and old entries in sealed segments.

The work is done beside the desk, in a process of its own, so no step of the event loop waits for it. If it fails, the
log alarms and it is tried again; trading goes on.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

import msgspec
import structlog

from overmind.desk.engine import BOUNDS, Engine
from overmind.journal.errors import JournalUnusable
from overmind.journal.segments.sealed import Sealed
from overmind.journal.sqlite import SqliteJournal
from overmind.ports import Clock, Snapshot

LOOK_EVERY_S: Final = 1.0
RETRY_S: Final = 60.0
RELEASE_PAUSE_S: Final = 0.02  # between two slices that leave the table, so that appends go first
TASK_MAX_S: Final = 3_600.0
PROCESS: Final = "overmind.journal.segments.keeper_process"
PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL")  # The process gets no secret.
WHY_MAX: Final = 500  # characters

log = structlog.get_logger("journal")


class KeeperFailed(Exception):
    """Nothing was made. The message says why."""


class Maker(Protocol):
    """Makes what is kept. It only reads the journal."""

    async def state_after(self, seq: int) -> bytes:
        """The encoded state after a durable entry. Raises KeeperFailed."""

    def segments(self, entries: int) -> AsyncGenerator[Sealed, None]:
        """Writes the next segments of this many entries each. Raises KeeperFailed."""


class KeeperProcess:
    """A process of the lowest priority for each task. It ends with its task, so it keeps no memory."""

    def __init__(self, path: Path, executable: str = sys.executable) -> None:
        self._path = path
        self._executable = executable

    async def state_after(self, seq: int) -> bytes:
        async with self._running("state", str(seq)) as output:
            return await output.read()

    async def segments(self, entries: int) -> AsyncGenerator[Sealed, None]:
        async with self._running("seal", str(entries), str(entries)) as output:
            async for line in output:
                yield msgspec.json.decode(line, type=Sealed)

    @asynccontextmanager
    async def _running(self, *words: str) -> AsyncIterator[asyncio.StreamReader]:
        """The output of a task. Raises KeeperFailed when it does not end well."""
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                self._executable, "-P", "-m", PROCESS, str(self._path), *words,
                stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise KeeperFailed(f"no process could be started ({error})") from error
        assert process.stdout is not None, "asked for"
        assert process.stderr is not None, "asked for"
        complaint = asyncio.ensure_future(process.stderr.read())
        try:
            async with asyncio.timeout(TASK_MAX_S):
                yield process.stdout
                if await process.wait():
                    raise KeeperFailed(_last_line(await complaint) or f"it ended with {process.returncode}")
        except TimeoutError:
            raise KeeperFailed(f"it did not finish within {TASK_MAX_S:.0f} s") from None
        finally:
            complaint.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()


def _last_line(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:WHY_MAX] if lines else ""


class Keeper:
    """Runs beside the engine, which then makes no snapshot of its own before it closes."""

    def __init__(
        self,
        engine: Engine,
        journal: SqliteJournal,
        maker: Maker,
        clock: Clock,
        segment_entries: int,
        snapshot_every: int = BOUNDS.snapshot_every,
    ) -> None:
        """`segment_entries` 0: nothing is sealed."""
        self._engine = engine
        self._journal = journal
        self._maker = maker
        self._clock = clock
        self._segment_entries = segment_entries
        self._snapshot_every = snapshot_every
        kept = journal.snapshot()
        self._kept_seq = kept.seq if kept is not None else 0

    async def run(self) -> None:
        """Runs until cancelled. Raises JournalFailed."""
        await self._release()  # What the process before this one has sealed.
        unfinished = False
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            if unfinished or self._snapshot_is_due:
                unfinished = not await self.keep()
                await self._clock.sleep(RETRY_S if unfinished else 0)

    async def keep(self) -> bool:
        """Makes a snapshot if one is due, and seals what may be sealed then. False: it failed, and the log says why.

        Raises JournalFailed.
        """
        try:
            if self._snapshot_is_due:
                await self._save_snapshot()
            if self._segment_entries:
                await self._seal()
        except (KeeperFailed, JournalUnusable) as failed:
            log.error("the keeper failed; the journal grows", why=str(failed), next_try_s=RETRY_S)
            return False
        return True

    @property
    def _snapshot_is_due(self) -> bool:
        return self._engine.durable_seq - self._kept_seq >= self._snapshot_every

    async def _save_snapshot(self) -> None:
        seq = self._engine.durable_seq
        state = await self._maker.state_after(seq)
        await self._journal.save_snapshot(Snapshot(seq, state))
        self._kept_seq = seq
        log.info("snapshot saved", seq=seq, bytes=len(state))

    async def _seal(self) -> None:
        async with aclosing(self._maker.segments(self._segment_entries)) as segments:
            async for segment in segments:
                await self._journal.adopt(segment)
                log.info("entries sealed", first=segment.first, last=segment.last)
                await self._release()

    async def _release(self) -> None:
        while await self._journal.release():
            await self._clock.sleep(RELEASE_PAUSE_S)
