"""Output in a terminal: nothing is cut, however narrow it is."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from rich.text import Text

from overmind.cli import present

ID = "close:primary_wallet:So11111111111111111111111111111111111111112:0.0.0"
COLUMNS = ("order", "wallet", "USD", "detail")
SCRIPT = f"""
from overmind.cli import present
present.table("Orders", {COLUMNS!r}, [({ID!r}, "primary_wallet", "$1,234,567.89", ""), ("a", "b", "c", "said so")])
present.table("Nothing", {COLUMNS!r}, [])
"""


def seen(width: int) -> str:
    """The text in a terminal of this width, without colours."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment = {**env, "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", SCRIPT], stdin=theirs, stdout=theirs, env=environment, check=True)
    os.close(theirs)
    with os.fdopen(ours, "rb") as terminal:
        return re.sub(r"\x1b\[[0-9;]*m", "", terminal.read1(65_536).decode()).replace("\r\n", "\n")


@pytest.mark.parametrize("width", [80, 100, 116])
def test_a_row_that_does_not_fit_is_a_paragraph(width: int) -> None:
    orders, first, told, other, more, nothing, _ = seen(width).split("\n")
    assert (orders.strip(), first.strip(), other.strip()) == ("Orders", ID, "a")
    assert "wallet: primary_wallet  USD: $1,234,567.89" in told
    assert "detail" not in told  # Empty values are not shown.
    assert "wallet: b  USD: c  detail: said so" in more
    assert nothing.strip() == "Nothing: none"


def test_rows_that_fit_are_a_table() -> None:
    shown = seen(117)
    assert ID in shown
    assert "wallet: b" not in shown
    assert "┃" in shown or "|" in shown


@pytest.mark.parametrize("room", [20, 30, 200])
def test_a_name_stays_with_its_value(room: int) -> None:
    """Only a field that is wider than the room is folded."""
    fields = ["wallet: hft_wallet", "USD: $500.00", "detail: the reason of it is long", "state: filled"]
    lines = [line.plain for line in present._packed(map(Text, fields), room)]
    assert "  ".join(lines) == "  ".join(fields)
    assert all(line.split("  ")[0] in fields for line in lines)
    assert all(len(line) <= room or line in fields for line in lines)


def test_a_field_of_several_lines_has_them_alone() -> None:
    fields = ["a: 1", "refusals: one\nanother", "b: 2"]
    assert [line.plain for line in present._packed(map(Text, fields), 80)] == fields
