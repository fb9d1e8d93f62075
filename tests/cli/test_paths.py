"""Errors name files and folders in full, however they were given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.command import overmind


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["portfolio", "--data-dir", "absent"], "absent/overmind.db"),
        (["verify", "absent"], "absent"),
        (["submit", "absent.jsonl"], "absent.jsonl"),
        (["backtest", "absent", "--signals", "absent.jsonl"], "absent"),
        (["demo", "--paper", "--journal-dir", "used"], "used/overmind.db"),
    ],
)
def test_a_path_on_the_command_line(words: Sequence[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "overmind.db").touch()
    done = overmind(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert str(tmp_path / named) in done.stderr


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("OVERMIND_DATA_DIR", "absent/overmind.db"),
        ("OVERMIND_TOKENS_FILE", "absent"),
        ("OVERMIND_PRICE_TAPE", "absent"),
    ],
)
def test_a_path_in_the_configuration(name: str, named: str, tmp_path: Path) -> None:
    command = ["portfolio"] if name == "OVERMIND_DATA_DIR" else ["check"]
    done = overmind(tmp_path, *command, **{name: "absent"})
    assert done.returncode == 2, done.stderr
    assert str(tmp_path / named) in done.stderr


def test_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = overmind(tmp_path, "submit", "-", OVERMIND_DATA_DIR="file/data")
    assert (done.returncode, done.stderr) == (4, f"error: {tmp_path / 'file/data'}: Not a directory\n")
