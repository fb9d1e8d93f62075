"""`backtest --bot`: the bots of the examples as they are, and every mistake told with its place."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind
from tests.support.saw_tape import saw_tape

EXAMPLES = Path(__file__).parents[2] / "examples"
MAKES = """class B:
    bar_s = {bar_s}
    def on_bar(self, desk, at_s):
        {act}

def bot(words):
    return B()
"""


@pytest.fixture(autouse=True)
def same_paths() -> Iterator[None]:
    """A command puts the folder of a bot on the path, as Python does for a script."""
    before = [*sys.path]
    yield
    sys.path[:] = before


@pytest.mark.parametrize("line", ["momentum_bot.py SOL --lookback 3 --usd 300", "rebalancing_bot.py SOL=0.01"])
def test_the_bots_of_the_examples_run_in_a_backtest(line: str, tmp_path: Path) -> None:
    tape = saw_tape(tmp_path, step_s=300)
    words = ("backtest", str(tape), "--bot", f"{EXAMPLES}/{line}", "--bot-log", "said", "--audit", "--json")
    told = as_json(overmind(tmp_path, *words))
    assert told["filled"] > 0
    assert told["verified"]["ok"] is True
    assert told["books_equal_chain"] is True
    assert [one["delay_s"] for one in told["audit"]] == [0, 1, 300]
    assert told["audit"][0]["signals"] == told["signals"]
    said = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert sum(": placed, " in one for one in said) == told["signals"] - told["refused"]
    assert said[0].startswith("20")


@pytest.mark.parametrize(
    ("content", "line", "complaint"),
    [
        ("", "", "it names no file"),
        ("", "'", "No closing quotation"),
        ("", "missing.py", "no such Python file"),
        ("x = 1\n", "b.py", "it has no bot"),
        ("1 / 0\n", "b.py", "b.py, line 1: ZeroDivisionError"),
        ("def bot(words):\n    return words[5]\n", "b.py", "b.py, line 2: IndexError"),
        ("def bot(words):\n    return 5\n", "b.py", "is no bot"),
        (MAKES.format(bar_s="0", act="pass"), "b.py", "1 to 31,622,400 whole seconds"),
        (MAKES.format(bar_s="300", act="{}['x']"), "b.py", "b.py, line 4: KeyError"),
        (MAKES.format(bar_s="300", act="desk.submit({'action': 'Buy'})"), "b.py", "b.py, line 4: BadSignal: signal_id"),
    ],
)
def test_a_mistake_of_a_bot_is_told_with_its_place(content: str, line: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text(content)
    done = overmind(tmp_path, "backtest", str(saw_tape(tmp_path, step_s=300)), "--bot", line, "--journal-dir", "run")
    assert done.returncode == 2
    assert complaint in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [(), ("--signals", "s", "--bot", "b.py"), ("--bot", "b.py", "--stamps", "close")])
def test_signals_have_one_source(words: tuple[str, ...], tmp_path: Path) -> None:
    done = overmind(tmp_path, "backtest", str(saw_tape(tmp_path, step_s=300)), *words)
    assert done.returncode == 2
    assert "fix: " in done.stderr
