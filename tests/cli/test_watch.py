"""`status --watch` in a real terminal: it stays current, fits any size, and leaves the terminal as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import overmind
from tests.support.command_process import COMMAND, environment
from tests.support.tmux import AFTER, BEFORE, Terminal, terminal

pytestmark = pytest.mark.soak
BUY = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}


def buy(folder: Path, signal_id: str) -> None:
    overmind(folder, "submit", "-", given=json.dumps({"signal_id": signal_id, **BUY}))


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Terminal]:
    buy(tmp_path, "first")
    with terminal(tmp_path, [*COMMAND, "status", "--watch"], environment(tmp_path)) as shown:
        shown.wait_for("Last decisions")
        yield shown


def was_left_clean(shown: Terminal) -> bool:
    """The first buffer is back with what stood there, and the cursor is seen."""
    shown.wait_for(AFTER)
    lines = shown.shown().split("\n")
    return (
        lines[0] == BEFORE
        and lines[1] == f"{AFTER} 0"
        and (shown.told("alternate_on"), shown.told("cursor_flag")) == ("0", "1")
    )


def test_it_stays_current_and_leaves_the_terminal_as_it_was(watching: Terminal, tmp_path: Path) -> None:
    assert "PAPER · no real money" in watching.shown().split("\n")[0]
    assert watching.told("alternate_on") == "1"
    buy(tmp_path, "second")
    watching.wait_for("placed    second")
    watching.press("C-c")
    assert was_left_clean(watching)


def test_it_follows_the_size_of_the_terminal(watching: Terminal, tmp_path: Path) -> None:
    watching.tmux("resize-window", "-x", "120", "-y", "40")
    watching.wait_for("%  exposure 0 %")  # On one line where there is room.
    watching.tmux("resize-window", "-x", "60", "-y", "20")
    buy(tmp_path, "third")
    watching.wait_for("third")
    lines = watching.shown().rstrip("\n").split("\n")
    assert len(lines) <= 20
    assert "PAPER" in lines[0]


def test_a_signal_of_the_system_leaves_it_clean_too(watching: Terminal) -> None:
    shell = watching.told("pane_pid")
    children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
    watching.tmux("run-shell", f"kill -TERM {children[0]}")
    assert was_left_clean(watching)
