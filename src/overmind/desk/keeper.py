"""Keeps the journal short to read: a snapshot every so many entries, old entries in sealed segments, and states close
together for explanations.

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

from overmind.core.model.units import DAY_NS, NS
from overmind.desk.engine import BOUNDS, Engine
from overmind.journal.errors import JournalUnusable
from overmind.journal.kept.keeping import EVERY as STATES_AFTER
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
STATES_EVERY_S: Final = 60.0  # What is younger is explained from further away.
STATES_PAUSE_S: Final = 5.0  # between two runs of earlier entries
AGED_MIN: Final = 1_000  # entries that are worth a segment of their own once they are old
AGED_LOOK_NS: Final = 3_600 * NS
FAILURES_TOLD: Final = 2  # tries in a row that failed before probes are told: one may have run out of memory

log = structlog.get_logger("journal")


class KeeperFailed(Exception):
    """Nothing was made. The message says why."""


class Maker(Protocol):
    """Makes what is kept. It only reads the journal."""

    async def state_after(self, seq: int) -> bytes:
        """The encoded state after a durable entry. Raises KeeperFailed."""

    def segments(self, entries_min: int, entries_max: int) -> AsyncGenerator[Sealed, None]:
        """Writes the next segments of so many entries each. Raises KeeperFailed."""

    async def keep_states(self) -> bool:
        """Keeps states close together. False: no earlier entries are left. Raises KeeperFailed."""


class KeeperProcess:
    """A process of the lowest priority for each task. It ends with its task, so it keeps no memory."""

    def __init__(self, path: Path, executable: str = sys.executable) -> None:
        self._path = path
        self._executable = executable

    async def state_after(self, seq: int) -> bytes:
        async with self._running("state", str(seq)) as output:
            return await output.read()

    async def segments(self, entries_min: int, entries_max: int) -> AsyncGenerator[Sealed, None]:
        async with self._running("seal", str(entries_min), str(entries_max)) as output:
            async for line in output:
                yield msgspec.json.decode(line, type=Sealed)

    async def keep_states(self) -> bool:
        async with self._running("keep") as output:
            return bool(await output.read())

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
        seal_after_ns: int = 0,
    ) -> None:
        """`segment_entries` 0: nothing is sealed. `seal_after_ns`: entries that are older are sealed although there
        are fewer; 0: none are.
        """
        self._engine = engine
        self._journal = journal
        self._maker = maker
        self._clock = clock
        self._segment_entries = segment_entries
        self._snapshot_every = snapshot_every
        self._seal_after_ns = seal_after_ns
        self._aged_due_ns = clock.now_ns()  # No look for old entries before.
        kept = journal.snapshot()
        self._kept_seq = kept.seq if kept is not None else 0
        self._failures = 0  # tries in a row
        self._why = ""  # the newest one failed
        self._states_seq = 0  # up to where states were kept
        self._states_due_ns = clock.now_ns() + round(STATES_EVERY_S * NS)
        self._more_states = False  # of earlier entries
        self._states_told = ""  # why they were not kept

    async def run(self) -> None:
        """Runs until cancelled. Raises JournalFailed."""
        await self._release()  # What the process before this one has sealed.
        unfinished = False
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            if unfinished or self._snapshot_is_due:
                unfinished = not await self.keep()
                await self._clock.sleep(RETRY_S if unfinished else 0)
            elif self._sealing_is_overdue:
                self._aged_due_ns = self._clock.now_ns() + DAY_NS
                unfinished = not await self.keep(aged=True)
            elif self._states_are_due:
                await self.keep_states()

    async def keep(self, *, aged: bool = False) -> bool:
        """Makes a snapshot if one is due, and seals what may be sealed then. False: it failed, and the log says why.

        `aged`: entries wait for too long, so fewer make a snapshot and a segment. Raises JournalFailed.
        """
        try:
            if self._snapshot_is_due or (aged and self.snapshot_lag >= AGED_MIN):
                await self._save_snapshot()
            if self._segment_entries:
                await self._seal(min(AGED_MIN, self._segment_entries) if aged else self._segment_entries)
        except (KeeperFailed, JournalUnusable) as failed:
            log.error("the keeper failed; the journal grows", why=str(failed), next_try_s=RETRY_S)
            self._failures, self._why = self._failures + 1, str(failed)
            return False
        self._failures = 0
        return True

    async def keep_states(self) -> None:
        """Keeps states close together, of the newest entries first. Without them explanations take longer."""
        seq, more = self._engine.durable_seq, False
        try:
            more = await self._maker.keep_states()
            self._states_seq, self._states_told = seq, ""
        except KeeperFailed as failed:
            if str(failed) != self._states_told:
                log.warning("no states are kept close together; explanations take longer", why=str(failed))
            self._states_told = str(failed)
        self._more_states = more
        wait_s = STATES_PAUSE_S if more else STATES_EVERY_S
        self._states_due_ns = self._clock.now_ns() + round(wait_s * NS)

    @property
    def snapshot_lag(self) -> int:
        """Entries since the newest snapshot, which the next start reads."""
        return self._engine.durable_seq - self._kept_seq

    @property
    def states_lag(self) -> int:
        """Entries after the newest states that are kept close together."""
        return self._engine.durable_seq - self._states_seq

    @property
    def failures(self) -> int:
        """Tries in a row that failed."""
        return self._failures

    def alarm(self) -> str | None:
        """Why the newest try failed; None: it did not."""
        if not self._failures:
            return None
        times = "" if self._failures == 1 else f" {self._failures} times in a row"
        return f"the keeper failed{times}, so the journal grows and the next start takes longer: {self._why}"

    def fault(self) -> str | None:
        """The same, once it is more than an accident."""
        return self.alarm() if self._failures >= FAILURES_TOLD else None

    @property
    def _states_are_due(self) -> bool:
        if self._clock.now_ns() < self._states_due_ns:
            return False
        return self._more_states or self.states_lag >= STATES_AFTER

    @property
    def _snapshot_is_due(self) -> bool:
        return self.snapshot_lag >= self._snapshot_every

    async def _save_snapshot(self) -> None:
        seq = self._engine.durable_seq
        state = await self._maker.state_after(seq)
        await self._journal.save_snapshot(Snapshot(seq, state))
        self._kept_seq = seq
        log.info("snapshot saved", seq=seq, bytes=len(state))

    @property
    def _sealing_is_overdue(self) -> bool:
        """Only what comes before the oldest snapshot can be sealed, so it takes two looks, a day apart."""
        now_ns = self._clock.now_ns()
        if not (self._seal_after_ns and self._segment_entries) or now_ns < self._aged_due_ns:
            return False
        self._aged_due_ns = now_ns + AGED_LOOK_NS
        oldest_ns = self._journal.unsealed_since_ns()
        return oldest_ns is not None and now_ns - oldest_ns > self._seal_after_ns

    async def _seal(self, entries_min: int) -> None:
        async with aclosing(self._maker.segments(entries_min, self._segment_entries)) as segments:
            async for segment in segments:
                await self._journal.adopt(segment)
                log.info("entries sealed", first=segment.first, last=segment.last)
                await self._release()

    async def _release(self) -> None:
        while await self._journal.release():
            await self._clock.sleep(RELEASE_PAUSE_S)
