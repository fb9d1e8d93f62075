"""The tutorial works as pasted: its blocks for the shell in one shell, its Python in one session."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.support.command_process import outside_environment
from tests.support.ports import free_ports

from overmind.http.pages.navigation import NAVIGATION

ROOT: Final = Path(__file__).parents[2]
TUTORIAL: Final = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
NEEDED: Final = ("examples", "src")
LEAVE_NOBODY: Final = "trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT\n"  # if a command fails
MAKE_CLIENTS: Final = "make clients\n"  # the fixture `clients` has done it
PASTED_S: Final = 480  # A slow machine is no fault; a hang is.


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)


@pytest.fixture
def checkout(clients: Path, tmp_path: Path) -> Path:
    """What the tutorial needs of the repository, with what is set up already."""
    for name in NEEDED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "clients").symlink_to(clients)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path


def test_the_shell_blocks_work_as_pasted(checkout: Path) -> None:
    (port,) = free_ports(1)
    script = "".join(blocks("bash"))
    assert script.startswith(MAKE_CLIENTS)
    assert "8080" in script
    script = LEAVE_NOBODY + script.removeprefix(MAKE_CLIENTS).replace("8080", str(port))
    environment = {
        name: value for name, value in outside_environment().items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    environment |= {"SNIPER_SERVER_PORT": str(port)}
    written = checkout / "written"
    with (
        written.open("wb") as out,
        subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=checkout,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            code = shell.wait(PASTED_S)
        finally:
            shell.terminate()
    text = written.read_text(encoding="utf-8")
    logs = {name: (checkout / f"{name}.log") for name in ("bot", "again", "weights")}
    said = {name: path.read_text(encoding="utf-8") if path.exists() else "" for name, path in logs.items()}
    assert code == 0, (text[-4_000:], {name: one[-500:] for name, one in said.items()})
    assert re.search(r"^momentum-SOL-\d+$", text, re.MULTILINE), "the page shows the bot's signal"
    assert re.search(r"^\d\d:\d\d:\d\d momentum-SOL-\d+: Buy SOL 500: placed, expected cost", said["bot"], re.MULTILINE)
    assert "signals carry the time at which" not in text, "the backtest believes their times"
    assert "</html>" in (checkout / "past.html").read_text(encoding="utf-8")
    for told in ("MomentumTrading", "the books equal the venue", "ok: "):
        assert told in text
    assert "portfolio is held: operator, I try the pause" in said["again"]
    assert "stopped; the positions stay" in said["again"]
    assert "stopped; the positions stay" in said["weights"]


def test_the_views_that_it_shows_are_on_the_page() -> None:
    shown = re.findall(r"^- \*\*(\w+)\*\*:", TUTORIAL, re.MULTILINE)
    assert shown
    assert set(shown) <= {view.name for view in NAVIGATION}


def test_the_python_blocks_say_what_the_text_says() -> None:
    (session,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", session],
        env={**os.environ, "PYTHONPATH": str(ROOT / "examples")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    bought, sold = done.stdout.splitlines()
    assert bought == "Trade(action='Buy', symbol='SOL', usd=Decimal('500'))"
    assert sold == "Trade(action='Sell', symbol='SOL', usd=None)"


def test_shell_blocks_have_no_comments() -> None:
    """An interactive zsh takes a comment for words of the command."""
    lines = "".join(blocks("bash")).splitlines()
    assert lines
    assert [line for line in lines if re.search(r"(^|\s)#", line)] == []
