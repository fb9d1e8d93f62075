"""Lines of the journal as rows of the screen: time, what happened, to what, and the words."""

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
ABOUT_COLUMNS_MAX: Final = 24


def rows(lines: Sequence[Line]) -> list[Text]:
    """With the words below each other. Times are UTC."""
    columns = min(ABOUT_COLUMNS_MAX, max((len(line.about) for line in lines), default=0))
    return [_row(line, columns) for line in lines]


def _row(line: Line, columns: int) -> Text:
    return Text.assemble(
        present.text(f"{line.at[11:19]} ", "dim"),
        present.text(f"{line.kind:<{KIND_COLUMNS}} ", STYLES[line.tone]),
        present.text(f"{line.about:<{columns}}  "),
        present.text(line.text),
    )
