"""What the console of `overmind run` looks like: a row for each line, or an object for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from typing import Final

from overmind.cli import present
from overmind.config.variables.service import LogLevel
from overmind.desk.engine import Engine
from overmind.desk.log.console import DEBUG, INFO, Console
from overmind.desk.log.outlet import write_all
from overmind.text.printable import json_bytes, printable
from overmind.views.lines import Line, Tone

KIND_COLUMNS: Final = 9
ABOUT_COLUMNS: Final = 12
RESET: Final = "\x1b[0m"
COLOURS: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "",
    Tone.GOOD: "\x1b[32m",
    Tone.WARNING: "\x1b[33m",
    Tone.DANGER: "\x1b[1;31m",
}


def console_of(engine: Engine, level: LogLevel, as_json: bool, wanted: bool | None) -> Console | None:
    """`wanted` None: only on a terminal. None: nothing is told."""
    is_told = (sys.stdout.isatty() and not as_json) if wanted is None else wanted
    if not is_told or level not in (LogLevel.DEBUG, LogLevel.INFO):
        return None
    kinds = DEBUG if level is LogLevel.DEBUG else INFO
    write = partial(_write, sys.stdout.fileno())
    if as_json:
        return Console(engine, kinds, _as_json, _left_out_as_json, write)
    in_colour = present.out().color_system is not None
    return Console(engine, kinds, partial(row, in_colour), _left_out, write)


def row(in_colour: bool, line: Line) -> str:
    """Made by hand: a busy desk makes many, and the terminal's library takes a millisecond for each."""
    kind = f"{line.kind:<{KIND_COLUMNS}}"
    colour = COLOURS[line.tone] if in_colour else ""
    shown = f"{colour}{kind}{RESET}" if colour else kind
    return f"{line.at[11:19]} {shown} {printable(f'{line.about:<{ABOUT_COLUMNS}}  {line.text}')}"


def _left_out(count: int | None) -> str:
    if count is None:
        return "         … lines left out: the console lagged; `overmind events` has them"
    return f"         … {count} line{'' if count == 1 else 's'} left out: `overmind events` has them"


def _as_json(line: Line) -> str:
    return json_bytes(line).decode()


def _left_out_as_json(count: int | None) -> str:
    return json_bytes({"left_out": count}).decode()


def _write(descriptor: int, text: str) -> bool:
    try:
        write_all(descriptor, text.encode(errors="backslashreplace"))
    except OSError:  # The reader has left.
        return False
    return True
