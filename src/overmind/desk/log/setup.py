"""The log of this process: where it goes, from when to when, and what of it is missing."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import ClassVar, Final

import structlog

from overmind.config import ConfigError, Problem
from overmind.config.variables.service import LOGS_DIR
from overmind.desk.log.file import LOG_FILE, obstacle
from overmind.desk.log.line import LEVELS, NAMES, captured
from overmind.desk.log.output import LibraryLines, LogOutput

HANDLER: Final = "overmind"
FLUSH_S: Final = 2.0  # for the last lines; a disk or a reader that takes longer loses them


class _Logger:
    """What the loggers of all modules write to: the log of this process, or the standard library until there is one."""

    output: ClassVar[LogOutput | None] = None

    def __init__(self, name: str = "desk") -> None:
        self.name = f"overmind.{name}"
        self.standard = logging.getLogger(self.name)


def configure_logging(logs_dir: Path, level: str, days_max: int = 0) -> None:
    """Writes JSON lines to `logs_dir`/overmind.log, and warnings also to the terminal, from a thread of its own.

    A line stays for `days_max` days at most; 0: until the files take too much room.

    Raises OSError if the folder cannot be made, and ConfigError where something else stands in the file's place.
    """
    stop_logging()
    require_regular(logs_dir)
    output = _Logger.output = LogOutput(logs_dir, logging.getLevelNamesMapping()[level], days_max)
    handler = LibraryLines(output)
    handler.set_name(HANDLER)
    root = logging.getLogger("overmind")
    root.setLevel(level)
    root.propagate = False
    root.addHandler(handler)
    output.make_folder()


def require_regular(logs_dir: Path) -> None:
    """Raises ConfigError where the log would not be a regular file."""
    path = logs_dir / LOG_FILE
    with contextlib.suppress(OSError):  # A folder that cannot be read is told when it is made.
        if (found := obstacle(path)) is not None:
            fix = f"the log needs a regular file: move it away, or name another folder in {LOGS_DIR.name}"
            raise ConfigError((Problem(str(path), f"is {found}", fix),))


def stop_logging() -> None:
    """Undo `configure_logging`, after the last lines. The next call in this process starts afresh."""
    root, output = logging.getLogger("overmind"), _Logger.output
    for handler in [one for one in root.handlers if one.get_name() == HANDLER]:
        root.removeHandler(handler)
    root.setLevel(logging.NOTSET)
    root.propagate = True
    _Logger.output = None
    if output is not None:
        output.close(FLUSH_S)


def flush_log(within_s: float = FLUSH_S) -> bool:
    """Waits until every line so far is written; False: its disk or reader was too slow."""
    return _Logger.output is None or _Logger.output.flush(within_s)


def lines_lost() -> int:
    """Lines of this process that are not in the log, because it could not be written fast enough, or at all."""
    return 0 if _Logger.output is None else _Logger.output.lost


def log_fault() -> str | None:
    """Why the log's reader misses something now; None: nothing is wrong."""
    return None if _Logger.output is None else _Logger.output.fault()


def log_alarm() -> str | None:
    """The same, and what is missing for good."""
    told = f"lines missing in the log since the start: {lines_lost()}; its disk was too slow, or refused them"
    return log_fault() or (told if lines_lost() else None)


class _Lines(structlog.BoundLoggerBase):
    """A line takes the event loop a few microseconds: all else is done in the log's own thread."""

    def debug(self, event: str, **fields: object) -> None:
        self._line("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._line("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._line("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._line("error", event, fields)

    def exception(self, event: str, **fields: object) -> None:
        self._line("exception", event, {"exc_info": True, **fields})

    def critical(self, event: str, **fields: object) -> None:
        self._line("critical", event, fields)

    def _line(self, method: str, event: str, fields: dict[str, object]) -> None:
        level, output = LEVELS[method], _Logger.output
        if output is None:
            self._proxy_to_logger(method, event, **fields)
        elif level >= output.level:
            fields["event"] = event
            output.put(captured(level, self._logger.name, fields))


def _to_standard(logger: _Logger, method: str, fields: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """For programs that use this package as a library, and configure logging themselves, or not at all."""
    level = LEVELS[method]
    if logger.standard.isEnabledFor(level):
        logger.standard.log(level, {**fields, "level": NAMES[level], "logger": logger.name})
    raise structlog.DropEvent


# A library stays silent until its user configures logging: by default nothing goes to stdout.
logging.getLogger("overmind").addHandler(logging.NullHandler())
structlog.configure(
    processors=[_to_standard],
    logger_factory=_Logger,
    wrapper_class=_Lines,
    cache_logger_on_first_use=True,
)
