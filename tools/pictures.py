"""The picture of the demo in the README, made from the real program: `python -m tools.pictures docs/pictures/demo.svg`.

The command runs on a terminal of its own, so that it shows tables and colours; what it wrote becomes an SVG. Fonts are
the reader's own: nothing in the file points to another address.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

COLUMNS: Final = 84
ROWS: Final = 100
MARGIN: Final = 6  # columns; fonts differ in width
TITLE: Final = "overmind demo"
# Sections that a picture has no room for; the first line of what follows each.
LEFT_OUT: Final = (("From deposits to equity", "The week made"),)
FOLDER: Final = re.compile(r"\S*/overmind-demo-\w+")  # another one in each run
FONT_FACES: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
FONT: Final = "Fira Code, monospace"
READ_BYTES: Final = 65_536


def output_of(command: list[str], folder: Path) -> str:
    """All that the command writes to a terminal, escape sequences included."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, cwd=folder, env=env) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, written)
    return written.decode()


def _read(terminal: int) -> bytes:
    """Empty at the end, which Linux tells as an error once the other side is closed."""
    try:
        return os.read(terminal, READ_BYTES)
    except OSError:
        return b""


def shortened(text: str) -> str:
    for first, following in LEFT_OUT:
        head, found, rest = text.partition(first)
        assert found, f"the output has no section {first!r}"
        assert following in rest, f"nothing named {following!r} follows {first!r}"
        text = _without_last_escape(head) + rest[_line_start(rest, following) :]
    return text


def _without_last_escape(text: str) -> str:
    return text[: text.rindex("\n") + 1]


def _line_start(text: str, word: str) -> int:
    return text.rindex("\n", 0, text.index(word)) + 1


def picture(text: str) -> str:
    console = Console(
        record=True, width=COLUMNS + MARGIN, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text.replace("\r\n", "\n").rstrip("\n")).wrap(console, COLUMNS))
    drawn = FONT_FACES.sub("", console.export_svg(title=TITLE, unique_id="demo"))
    drawn = drawn.replace(FONT, "monospace").replace("<!-- Generated with Rich https://www.textualize.io -->", "")
    return "\n".join(line.rstrip() for line in drawn.splitlines() if line.strip()) + "\n"


if __name__ == "__main__":
    overmind = str(Path(sys.executable).with_name("overmind"))
    with tempfile.TemporaryDirectory() as scratch:
        shown = output_of([overmind, "demo"], Path(scratch))
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    shown = shown.replace(overmind, os.path.relpath(overmind))  # as it is typed in the clone
    shown = FOLDER.sub(f"{tempfile.gettempdir()}/overmind-demo", shown)
    target.write_text(picture(shortened(shown)), encoding="utf-8")
