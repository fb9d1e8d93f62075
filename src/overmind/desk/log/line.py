"""A line of the log: captured at once where it is written, shown as text later, in the thread of the log."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import timedelta
from functools import lru_cache
from types import NoneType
from typing import Final

import msgspec
import structlog

from overmind.clock.clocks import SystemClock
from overmind.clock.instants import EPOCH
from overmind.core.model.units import MICROS, NS
from overmind.text.printable import printable

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
NAMES: Final = {level: name for name, level in LEVELS.items() if name != "exception"}
TRACES: Final = ("exception", "stack")  # Only a traceback has lines of its own.
_PLAIN: Final = frozenset({str, int, float, bool, NoneType})

_wall = SystemClock()
_json = json.JSONEncoder(default=repr)
_console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)


class Line(msgspec.Struct, frozen=True, gc=False):
    level: int
    at_ns: int
    logger: str
    fields: dict[str, object]  # the event is one of them
    failure: traceback.TracebackException | None


class _Shown:
    """What a value looked like. It may have changed since."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def captured(level: int, logger: str, fields: dict[str, object]) -> Line:
    """Takes the fields over: nothing that happens to their values later changes the line."""
    failure = _failure(fields.pop("exc_info")) if "exc_info" in fields else None
    for name, value in fields.items():
        if type(value) not in _PLAIN:
            fields[name] = _held(value)
    return Line(level, _wall.now_ns(), logger, fields, failure)


def captured_record(record: logging.LogRecord) -> Line:
    """The same for a line of a library."""
    failure = _failure(record.exc_info) if record.exc_info else None
    return Line(record.levelno, _wall.now_ns(), record.name, {"event": record.getMessage()}, failure)


def _held(value: object) -> object:
    match value:
        case str() | int() | float() | None:
            return value
        case list() | tuple():
            return [_held(one) for one in value]
        case dict():
            return {name if isinstance(name, str) else repr(name): _held(one) for name, one in value.items()}
        case _:
            return _Shown(repr(value))


def _failure(found: object) -> traceback.TracebackException | None:
    """`found` is an exception, or anything true for the one that is being handled. The lines of code are read later."""
    if isinstance(found, tuple):
        found = found[1]
    error = found if isinstance(found, BaseException) else sys.exc_info()[1] if found else None
    return (
        None if error is None else traceback.TracebackException.from_exception(error, lookup_lines=False, compact=True)
    )


def as_json(line: Line) -> str:
    told = _told(line)
    try:
        text = msgspec.json.format(msgspec.json.encode(told, enc_hook=repr), indent=0).decode()
    except (UnicodeError, OverflowError):  # half a letter, or a number of more than 64 bits
        return _json.encode(told)
    return text if text.isascii() else _json.encode(told)


def as_text(line: Line) -> str:
    """For people at a terminal."""
    return str(_console(None, "", _told(line)))


def instant(at_ns: int) -> str:
    return f"{_second(at_ns // NS)}.{at_ns // 1_000 % MICROS:06}Z"


@lru_cache(maxsize=2)  # Many lines are of one second.
def _second(at_s: int) -> str:
    return f"{EPOCH + timedelta(seconds=at_s):%Y-%m-%dT%H:%M:%S}"


def _told(line: Line) -> dict[str, object]:
    """Its fields, escaped: texts may come from outside."""
    told: dict[str, object] = {}
    for name, value in line.fields.items():
        if type(value) in _PLAIN and (type(value) is not str or value.isprintable()):
            told[name] = value
        else:
            told[name] = _escaped(value, "\n" if name in TRACES else "")
    told["level"] = NAMES.get(line.level, str(line.level))
    told["logger"] = line.logger
    told["timestamp"] = instant(line.at_ns)
    if line.failure is not None:
        told["exception"] = printable("".join(line.failure.format()).rstrip("\n"), "\n")
    return told


def _escaped(value: object, keep: str = "") -> object:
    match value:
        case str():
            return printable(value, keep)
        case list():
            return [_escaped(one) for one in value]
        case dict():
            return {printable(name): _escaped(one) for name, one in value.items()}
        case _:
            return value
