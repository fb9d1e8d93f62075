"""A watchdog on the event loop: it logs where a long step is, and ends a process whose loop hangs for good.

The loop runs everything: decisions, stops, exits and the API. While one step runs, nothing else does. So a step that
never ends would stop the desk without a word.

    the loop, five times a second           beat()
    a thread, five times a second           look(): no new beat → the step goes on
    the kernel, by processor time           ends a process in which no thread of Python can run

Only time counts in which the step could have run: a suspended machine or a paused container is not at fault.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from overmind.clock.clocks import processor_ns, uptime_ns
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.desk.log.file import open_regular
from overmind.desk.log.setup import flush_log

BEAT_S: Final = 0.2
LOOK_S: Final = 0.2
LOOK_MAX_NS: Final = 2 * round(LOOK_S * NS)  # of time between two looks that counts without processor time
TELL_S: Final = 2.0  # for a line of the log, and for writing it
CPU_MULTIPLE: Final = 2  # several threads use processor time at once
CPU_MIN_S: Final = 10.0
STACKS_FILE: Final = "hung.txt"
STACK_CHARS_MAX: Final = 20_000
EXIT_HUNG: Final = 4  # as every end of the service without the journal or the chain; a supervisor starts it again

log = structlog.get_logger("watchdog")


class Patience(Value, frozen=True):
    """How long a step may take before it is logged, and before the process ends."""

    tell_ns: int
    end_ns: int


class Alarm(Protocol):
    """What the watchdog does. Every call may come from its own thread."""

    def slow(self, seconds: float) -> None:
        """A step takes long. Told once for each step."""

    def over(self, seconds: float) -> None:
        """A step that was told as slow has ended after all."""

    def hung(self, seconds: float) -> None:
        """A step took too long. Ends the process."""


class Watchdog:
    """Measures the step that the loop is in. `beat` is called by the loop, `look` by another thread."""

    def __init__(
        self,
        patience: Patience,
        alarm: Alarm,
        uptime_ns: Callable[[], int] = uptime_ns,
        processor_ns: Callable[[], int] = processor_ns,
    ) -> None:
        self._patience = patience
        self._alarm = alarm
        self._uptime_ns = uptime_ns
        self._processor_ns = processor_ns
        self._looked_ns, self._used_ns = uptime_ns(), processor_ns()
        self._beats = self._seen = 0
        self._step_ns = 0
        self._told = False

    def beat(self) -> None:
        self._beats += 1

    def look(self) -> None:
        passed_ns = self._passed_ns()
        if self._beats != self._seen:
            self._seen = self._beats
            if self._told:
                self._alarm.over((self._step_ns + passed_ns) / NS)
            self._step_ns, self._told = 0, False
            return
        self._step_ns += passed_ns
        if self._step_ns >= self._patience.end_ns:
            self._alarm.hung(self._step_ns / NS)
        elif self._step_ns >= self._patience.tell_ns and not self._told:
            self._told = True
            self._alarm.slow(self._step_ns / NS)

    def _passed_ns(self) -> int:
        """The time since the last look that counts.

        If this thread came late, then either nothing of the process ran, or one call of C ran and let no other thread
        run. Processor time tells the two apart.
        """
        now_ns, used_ns = self._uptime_ns(), self._processor_ns()
        passed_ns, worked_ns = now_ns - self._looked_ns, used_ns - self._used_ns
        self._looked_ns, self._used_ns = now_ns, used_ns
        return min(passed_ns, max(LOOK_MAX_NS, worked_ns))


class LoopAlarm:
    """Logs with the stack of the loop's thread, and ends the process."""

    def __init__(self, loop_thread: int, end: Callable[[int], object] = os._exit) -> None:
        self._loop_thread = loop_thread
        self._end = end

    def slow(self, seconds: float) -> None:
        self._tell(log.error, "the event loop is held up by one step", seconds)

    def over(self, seconds: float) -> None:
        log.warning("the event loop runs again", seconds=round(seconds, 1))

    def hung(self, seconds: float) -> None:
        why = "the event loop hangs in one step: the process ends, so that it is started again"
        self._tell(log.critical, why, seconds)
        flush_log(TELL_S)
        self._end(EXIT_HUNG)

    def _tell(self, say: Callable[..., None], what: str, seconds: float) -> None:
        """In a thread of its own: the lines of code in the stack come from a disk that may hang."""

        def tell() -> None:
            say(what, seconds=round(seconds, 1), stack=self._stack())

        _within(TELL_S, "watchdog tells", tell)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        return "".join(traceback.format_stack(frame))[-STACK_CHARS_MAX:]


@contextmanager
def watched_loop(logs_dir: Path, patience: Patience) -> Iterator[None]:
    """Watches the running loop in every way that there is."""
    alarm = LoopAlarm(threading.get_ident())
    with ended_by_kernel(logs_dir, patience) as put_off, watching(Watchdog(patience, alarm), put_off):
        yield


@contextmanager
def watching(watchdog: Watchdog, last_resort: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Watches the running loop. Each beat also puts off the last resort."""
    loop, ended = asyncio.get_running_loop(), threading.Event()

    def beat() -> None:
        if not ended.is_set():
            watchdog.beat()
            last_resort()
            loop.call_later(BEAT_S, beat)

    def watch() -> None:
        while not ended.wait(LOOK_S):
            watchdog.look()

    beat()
    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def ended_by_kernel(logs_dir: Path, patience: Patience) -> Iterator[Callable[[], None]]:
    """Lets the kernel end this process once it has worked for long without a beat, and gives the call that puts it off.

    For a step inside one call of C, which lets no thread of Python run. Processor time does not pass while a machine is
    suspended. The stacks are written to `hung.txt` beside the log; the next start puts them into the log.
    """
    path = logs_dir / STACKS_FILE
    limit_s = max(CPU_MIN_S, CPU_MULTIPLE * patience.end_ns / NS)
    try:
        _log_last_end(path)
        stacks = open_regular(path, os.O_TRUNC)
    except OSError as error:
        log.warning("a step inside one call of C is not watched: its stacks cannot be kept", why=error.strerror)
        yield lambda: None
        return
    faulthandler.register(signal.SIGPROF, file=stacks, all_threads=True, chain=True)
    try:
        yield lambda: _put_off(limit_s)
    finally:
        _put_off(0.0)
        faulthandler.unregister(signal.SIGPROF)
        _within(TELL_S, "watchdog ends", partial(_remove, stacks, path))


def _remove(stacks: int, path: Path) -> None:
    os.close(stacks)
    path.unlink(missing_ok=True)


def _within(seconds: float, name: str, call: Callable[[], None]) -> None:
    """Makes a call that may hang with a disk, and does not wait longer."""
    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    thread.join(seconds)


def _put_off(limit_s: float) -> None:
    """0 for ever."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)


def _log_last_end(path: Path) -> None:
    """Logs what the kernel left of a process that it ended."""
    if path.is_file() and (stacks := path.read_text(errors="replace")[-STACK_CHARS_MAX:]):
        log.critical("the process before this one hung in one step and was ended", stack=stacks)
