"""A line of the journal as a row of a terminal: time, what happened, to what, and the words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

from overmind.cli import present
from overmind.views.lines import Line, Tone

STYLES: Final[Mapping[Tone, str]] = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.WARNING: "yellow",
    Tone.DANGER: "bold red",
}
KIND_COLUMNS: Final = 9
ABOUT_COLUMNS: Final = 12  # of a line whose neighbours are not known
ABOUT_COLUMNS_MAX: Final = 24


def rows(lines: Sequence[Line]) -> list[Text]:
    """With the words below each other."""
    columns = min(ABOUT_COLUMNS_MAX, max((len(line.about) for line in lines), default=0))
    return [row(line, columns) for line in lines]


def row(line: Line, columns: int = ABOUT_COLUMNS) -> Text:
    """Times are UTC."""
    return Text.assemble(
        present.text(f"{line.at[11:19]} ", "dim"),
        present.text(f"{line.kind:<{KIND_COLUMNS}} ", STYLES[line.tone]),
        present.text(f"{line.about:<{columns}}  "),
        present.text(line.text),
    )
