"""`main(argv)` in this process: it returns the exit code, and calls know nothing of each other."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.command_process import COMMAND, environment

from overmind.cli import main

HOLD = {"signal_id": "h", "strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL", "notional_usd": 1}


@pytest.fixture(name="desk")
def _desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment and the working directory of a paper desk."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--help"], 0),
        ([], 2),
        (["nonsense"], 2),
        (["stats", "--nonsense"], 2),
        (["stats"], 2),
        (["resume", "portfolio", "--reason", "no desk yet"], 2),
    ],
)
def test_the_exit_code_is_returned(words: Sequence[str], code: int, desk: Path) -> None:
    assert main(words) == code


def test_calls_in_one_process_are_independent(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, json.dumps(HOLD))
    assert main(["submit", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "recorded"
    given(monkeypatch, json.dumps(HOLD))
    assert main(["submit", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "duplicate"
    monkeypatch.setenv("OVERMIND_DATA_DIR", str(desk / "other"))
    assert main(["stats"]) == 2
    assert "no journal at" in capsys.readouterr().err
    monkeypatch.setenv("OVERMIND_MANAGED_WALLETS", "")
    assert main(["check"]) == 2
    assert "in the configuration" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(desk: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run([*COMMAND, "show-config"], stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_leaves_no_log_handler_behind(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = list(logging.getLogger("overmind").handlers)
    given(monkeypatch, json.dumps(HOLD))
    assert main(["submit", "-"]) == 0
    assert logging.getLogger("overmind").handlers == before
