"""How the command shows things: one JSON object for programs, tables for people, plain text in a pipe.

What is shown may come from outside, so every text is escaped here and nothing else writes to a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from textwrap import wrap
from typing import Final

from rich.box import HEAVY_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from overmind.clock.instants import EPOCH
from overmind.config import ConfigError, Problem
from overmind.text.printable import json_bytes, printable
from overmind.views.amounts import dollars

usd = dollars
PIPE_COLUMNS: Final = 400  # wide, so that programs read unfolded lines
PAGE_COLUMNS: Final = 80  # of text that people read
MARGIN: Final = 2  # of what belongs to the line above
GAP: Final = "  "  # between fields of one line


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Rich would end the process; the edge of the command decides instead."""
        raise BrokenPipeError


def out() -> Console:
    """Standard output of this call: one process may run several commands, each with its own streams."""
    return _Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPE_COLUMNS)


def err() -> Console:
    return _Console(stderr=True, highlight=False, soft_wrap=True)


def emit_json(value: object) -> None:
    """Writes one line and flushes it, since the reader of a pipe may wait for it."""
    sys.stdout.write(json_bytes(value).decode() + "\n")
    sys.stdout.flush()


def emit_line(line: str) -> None:
    """Writes one line and flushes it. The caller has escaped it. It costs far less than `say`."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def text(line: str, style: str = "") -> Text:
    """Every text that a terminal gets is made here."""
    return Text(printable(line), style=style)


def _cell(cell: object) -> str:
    return "\n".join(printable(str(line)) for line in (cell if isinstance(cell, tuple) else (cell,)))


def say(line: str, style: str = "") -> None:
    out().print(text(line, style))


def indented(line: str, style: str = "") -> None:
    """Folded at words where the terminal is too narrow."""
    out().print(Padding(text(line, style), (0, 0, 0, 9)), overflow="fold", soft_wrap=False)


def sentence(line: str, style: str = "") -> None:
    """Folded at words on a terminal, and one line for a program."""
    out().print(text(line, style), soft_wrap=not out().is_terminal)


def paragraph(line: str, style: str = "", indent: int = 0) -> None:
    """Folded at words to 80 columns, or to the terminal's if it has fewer, in a pipe too."""
    room, margin = min(PAGE_COLUMNS, out().width) - indent, " " * indent
    for folded in wrap(printable(line), room):
        out().print(Text(f"{margin}{folded}", style=style))


def note(line: str) -> None:
    """Shows a line on a terminal only."""
    if err().is_terminal:
        err().print(text(line, "dim"))


def announce(line: str) -> None:
    """Shows at once what must not wait for the end of the command. Standard output stays free for its result."""
    err().print(text(line, "bold"))


def ask(question: str) -> None:
    """Shows a question, with the cursor behind it."""
    err().print(text(question, "bold"), end="")


def complain(what: str, fix: str = "") -> None:
    """Shows an error: what is wrong, then how to fix it."""
    err().print(Text("error: ", style="bold red") + text(what))
    if fix:
        err().print(Text("  fix: ", style="bold") + text(fix))


def complain_of_config(error: ConfigError) -> None:
    count = len(error.problems)
    complain(f"{count} problem{'s' if count > 1 else ''} in the configuration")
    for problem in error.problems:
        _say_problem("error", problem, "red")
    for warning in error.warnings:
        _say_problem("warning", warning, "yellow")


def _say_problem(label: str, problem: Problem, style: str) -> None:
    err().print(Text(f"  • {label}: ", style=style) + text(problem.where, "bold") + text(f": {problem.problem}"))
    err().print(text(f"      fix: {problem.fix}"))


def warn(what: str) -> None:
    err().print(Text("warning: ", style="yellow") + text(what))


def warn_of(warnings: Iterable[Problem]) -> None:
    for warning in warnings:
        err().print(Text("warning: ", style="yellow") + text(str(warning)))


def progress() -> Progress:
    """A progress bar on standard error. Without a terminal it shows nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err(), transient=True, disable=not err().is_terminal)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """A grid if the terminal is wide enough, else a paragraph for each row. Nothing is cut.

    A cell that is a tuple has a line for each of its texts.
    """
    cells = [tuple(map(_cell, row)) for row in rows]
    if not cells:
        say(f"{title}: none")
    elif out().is_terminal and len(columns) > len(("name", "value")) and _width(columns, cells) > out().width:
        _paragraphs(title, columns, cells)
    else:
        out().print(_grid(title, columns, cells, right))


def _grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> Table:
    shown = Table(
        title=text(title), title_justify="left", title_style="bold", box=HEAVY_HEAD if out().is_terminal else None
    )
    for column in columns:
        shown.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    return shown


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """The width of the grid with its frame, in characters."""
    lines = [[line for cell in cells for line in cell.split("\n")] for cells in zip(columns, *rows, strict=True)]
    return sum(max(map(cell_len, column)) + len(" │ ") for column in lines) + 1


def _paragraphs(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    say(title, "bold")
    for first, *others in rows:
        out().print(Text(first, style="bold"), overflow="fold", soft_wrap=False)
        told = [
            Text.assemble((f"{name}: " if name else "", "dim"), cell)
            for name, cell in zip(columns[1:], others, strict=True)
            if cell
        ]
        for line in _packed(told, out().width - MARGIN):
            out().print(Padding(line, (0, 0, 0, MARGIN)), overflow="fold", soft_wrap=False)


def _packed(fields: Iterable[Text], room: int) -> Iterator[Text]:
    """Lines of whole fields: a name stays with its value. Only a field that is wider than the room is folded."""
    line: list[Text] = []
    width = 0
    for field in fields:
        several = "\n" in field.plain or (line and "\n" in line[-1].plain)
        if line and (several or width + len(GAP) + field.cell_len > room):
            yield Text(GAP).join(line)
            line, width = [], 0
        width += field.cell_len + (len(GAP) if line else 0)
        line.append(field)
    if line:
        yield Text(GAP).join(line)


def instant(at_ns: int) -> str:
    return f"{EPOCH + timedelta(microseconds=at_ns // 1_000):%Y-%m-%d %H:%M} UTC"
