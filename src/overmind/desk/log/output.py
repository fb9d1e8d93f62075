"""Where the lines of the log go: to a file, and from WARNING to the terminal, each in a thread of its own.

A disk that hangs, or a reader that does not read, holds up nothing but its own thread. What does not fit into the queue
meanwhile is dropped and counted, and the log says so as soon as it is written again.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from overmind.clock.clocks import SystemClock
from overmind.desk.log.file import LogFile
from overmind.desk.log.line import Line, as_json, as_text, captured_record
from overmind.desk.log.outlet import Outlet, write_all

LINES_MAX: Final = 10_000  # that wait for the disk: some ten megabytes
LINES_SPARE: Final = 1_000  # of these, kept for warnings and errors
SHOWN_MAX: Final = 1_000  # lines that wait for the terminal
GATHER_S: Final = 0.05  # A line of the log may be on disk so much later.
STALLED_S: Final = 5.0  # A write that takes longer is told.

_wall = SystemClock()


class LogOutput:
    """The open log of this process."""

    def __init__(self, folder: Path, level: int, days_max: int = 0) -> None:
        self.level = level
        self._terminal: Outlet[Line | str] = Outlet("terminal", _show, SHOWN_MAX)
        self._file = LogFile(folder, self._terminal.put, days_max)
        self._lines: Outlet[Line] = Outlet("log", self._write, LINES_MAX, GATHER_S)
        self._told_lost = 0  # lines that are missing in the file, and that it says are missing
        self._told_unread = 0  # the same for the terminal

    def make_folder(self) -> None:
        """Raises OSError."""
        self._file.make_folder()

    def put(self, line: Line) -> None:
        """Never waits."""
        if line.level < logging.WARNING:
            self._lines.put(line, LINES_SPARE)
        else:
            self._lines.put(line)
            self._terminal.put(line)

    @property
    def lost(self) -> int:
        """Lines that are not in the file, and never will be."""
        return self._lines.lost

    def fault(self) -> str | None:
        """Why the log's reader misses something now; None: nothing is wrong."""
        path, losing = self._file.baseFilename, self._lines.lost - self._told_lost
        if losing:
            return f"the log {path} cannot be written; lines lost until now: {losing}"
        if (stalled_s := self._lines.stalled_s) >= STALLED_S:
            return f"the log {path} has not been written for {stalled_s:.0f} s"
        return None

    def flush(self, within_s: float) -> bool:
        """Waits until every line so far is written; False: its disk or reader was too slow."""
        return self._lines.flush(within_s) and self._terminal.flush(within_s)

    def close(self, within_s: float) -> None:
        if self._lines.close(within_s):
            self._file.close()
        self._terminal.close(within_s)

    def _write(self, lines: Sequence[Line]) -> bool:
        lost, unread = self._lines.lost, self._terminal.lost
        texts = [as_json(line) for line in lines]
        if lost > self._told_lost:
            texts.append(_notice(logging.ERROR, "lines of the log were lost", lost - self._told_lost))
        if unread > 2 * self._told_unread:  # Said seldom, since it may be so for ever.
            texts.append(_notice(logging.WARNING, "nobody reads the lines on standard error", unread))
        else:
            unread = self._told_unread
        self._file.emit(logging.makeLogRecord({"msg": "\n".join(texts)}))
        if self._file.failed:
            return False
        self._told_lost, self._told_unread = lost, unread
        return True


class LibraryLines(logging.Handler):
    """Takes the lines of libraries into the log."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        self._output.put(captured_record(record))


def _notice(level: int, event: str, lost: int) -> str:
    return as_json(Line(level, _wall.now_ns(), "overmind.log", {"event": event, "lost": lost}, None))


def _show(lines: Sequence[Line | str]) -> bool:
    """Writes to standard error, past Python's buffer: its lock would not let the process end while the reader hangs."""
    shown = "".join(f"{line if isinstance(line, str) else as_text(line)}\n" for line in lines)
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, io.UnsupportedOperation):  # A caller in this process replaced or closed it.
        descriptor = None
    with contextlib.suppress(OSError, ValueError):
        if descriptor is None:
            sys.stderr.write(shown)
            sys.stderr.flush()
        else:
            write_all(descriptor, shown.encode(errors="backslashreplace"))
        return True
    return False
