"""Commands that go on: `status --watch` in a real terminal, and `events --follow` over restarts of the service."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import overmind
from tests.support.command_process import COMMAND, environment
from tests.support.processes import PATIENCE_S, Child
from tests.support.service import serving
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
    watching.wait_for("%  exposure 0")  # On one line where there is room; of 0.05 % the price decides the rounding.
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


def test_followed_events_have_no_gap_and_no_repeat_over_restarts(tmp_path: Path) -> None:
    """The service ends in order once, and is killed once."""
    buy(tmp_path, "before")
    words = [*COMMAND[1:], "events", "--follow", "--json", "--after", "0"]
    with Child(words, environment(tmp_path), tmp_path, "events") as following:
        for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
            with serving(tmp_path) as service:
                assert service.post("/v1/signals", {"signal_id": f"s{number}", **BUY}).status == 202
                service.child.process.send_signal(end)
                service.child.process.wait(PATIENCE_S)
        past = overmind(tmp_path, "events", "--after", "0", "--json").stdout.splitlines(keepends=True)
        following.wait_for_lines(len(past))
        assert following.lines == past
        assert [json.loads(line)["seq"] for line in past] == list(range(1, len(past) + 1))
        following.process.send_signal(signal.SIGINT)
        assert following.end() == 0


def test_the_console_of_a_service_tells_each_decision(tmp_path: Path) -> None:
    env = environment(tmp_path, SNIPER_SERVER_PORT="0")
    with terminal(tmp_path, [*COMMAND, "run"], env, width=100) as shown:
        shown.wait_for("Ctrl-C settles open orders")
        buy(tmp_path, "told")
        shown.wait_for("filled    told.0.0")
        assert "placed    told          Buy SOL $50.00 → " in shown.shown()
        shown.press("C-c")
        shown.wait_for(f"{AFTER} 0")


@pytest.mark.parametrize(("options", "count"), [([], 0), (["--decisions"], 2)])
def test_without_a_terminal_decisions_are_told_only_if_asked_for(
    tmp_path: Path, options: list[str], count: int
) -> None:
    env = environment(tmp_path, SNIPER_SERVER_PORT="0")
    with Child([*COMMAND[1:], "run", "--json", *options], env, tmp_path, "service") as service:
        service.ready()
        buy(tmp_path, "told")
        service.process.send_signal(signal.SIGTERM)
        assert service.end() == 0
        kinds = [json.loads(line)["kind"] for line in service.lines[1:]]
        assert kinds == ["placed", "filled"][:count]
