"""The signals that ask a service to end, heeded from its first moment on, so that each end has its last line.

Before the event loop runs, a signal ends the process like Ctrl-C. While the desk opens, it ends the opening. A start
that hangs in one step hears nothing: then a thread ends the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

import structlog

from overmind.cli.exit_codes import INTERRUPTED
from overmind.desk.log.setup import flush_log

ASKING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
START_ENDS_S: Final = 3.0  # from a signal to the end of a start

log = structlog.get_logger("service")


class Ending:
    def __init__(self) -> None:
        self.stop, self.stop_now = asyncio.Event(), asyncio.Event()  # by the first signal, and by the second
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._heard = threading.Event()  # A start that hears is not ended by force.
        self._forcing: threading.Thread | None = None

    @contextmanager
    def opening(self) -> Iterator[None]:
        """The event loop runs, and its current task opens the desk, then serves."""
        self._loop, self._opening = asyncio.get_running_loop(), asyncio.current_task()
        try:
            yield
        finally:
            self._loop = None

    def opened(self) -> None:
        """From now on a signal asks for an orderly end."""
        self._heard.set()
        self._opening = None

    def over(self) -> None:
        self._heard.set()

    def heed(self, _number: int, _frame: FrameType | None) -> None:
        if not self._heard.is_set() and self._forcing is None:
            self._forcing = threading.Thread(target=self._end_by_force, name="ending", daemon=True)
            self._forcing.start()
        if self._loop is None:
            raise KeyboardInterrupt
        self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        self._heard.set()
        (self.stop_now if self.stop.is_set() else self.stop).set()
        if self._opening is not None:
            self._opening.cancel("a signal ended it while it opened")

    def _end_by_force(self) -> None:
        if not self._heard.wait(START_ENDS_S):
            log.critical("service ended", why=["a signal asked it to end, and its start hangs"], stack=_where())
            flush_log()
            os._exit(INTERRUPTED)


@contextmanager
def heeded() -> Iterator[Ending]:
    ending = Ending()
    before = {one: signal.getsignal(one) for one in ASKING}
    ours = [one for one, handler in before.items() if handler is not signal.SIG_IGN]  # `nohup` has SIGHUP ignored.
    for one in ours:
        signal.signal(one, ending.heed)
    try:
        yield ending
    finally:
        ending.over()
        for one in ours:
            signal.signal(one, before[one])


def _where() -> list[str]:
    """The place of the main thread. Reads no line of code, since the disk may be what hangs."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    found = [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}" for frame, line in traceback.walk_stack(frame)]
    return found[::-1]
