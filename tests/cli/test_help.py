"""The list of commands: complete, grouped, quick to show, and completed by shells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from overmind import __version__
from overmind.cli import COMPLETION, main
from overmind.cli.commands import COMMANDS, GROUPS, load
from overmind.cli.exit_codes import SHOWN

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "aiohttp", "fastapi", "uvicorn", "solders", "rich", "apsw", "asyncio", "overmind.core")


def process(words: Sequence[str], **env: str) -> subprocess.CompletedProcess[str]:
    """A real process, since only a new one has imported nothing yet."""
    return subprocess.run([sys.executable, *words], env=os.environ | env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_the_list_of_commands_imports_no_command(words: Sequence[str]) -> None:
    script = (
        "import json, sys; from overmind.cli import main; code = main(sys.argv[1:]);"
        "print(json.dumps(list(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = process(["-c", script, *words])
    assert done.returncode == 0
    imported = set(json.loads(done.stderr))
    assert "overmind.cli.commands" in imported
    assert imported.isdisjoint(HEAVY)


def test_completion_of_a_name_imports_no_command() -> None:
    script = (
        "import json, sys; from overmind.cli import main; code = main([]);"
        "print(json.dumps(list(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    asked = {COMPLETION: "complete_bash", "COMP_WORDS": "overmind re", "COMP_CWORD": "1"}
    done = process(["-c", script], **asked)
    assert done.stdout.split() == ["restore", "refusals", "report", "reactivate", "resume", "rebalance"]
    assert set(json.loads(done.stderr)).isdisjoint(HEAVY)


SEARCHED = ["--wallet", "--token", "--signal", "--from", "--to"]


@pytest.mark.parametrize(
    ("line", "number", "completed"),
    [
        ("overmind limits ", "2", ["set", "reset"]),
        ("overmind orders --", "2", ["--json", "--data-dir", "--open", "--last", *SEARCHED, "--help"]),
        ("overmind --v", "1", ["--version"]),
    ],
)
def test_shells_complete_subcommands_and_options(
    line: str,
    number: str,
    completed: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {COMPLETION: "complete_bash", "COMP_WORDS": line, "COMP_CWORD": number}.items():
        monkeypatch.setenv(name, value)
    assert main([]) == 0
    assert capsys.readouterr().out.split() == completed


def test_show_completion_prints_a_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert main(["--show-completion", "bash"]) == 0
    assert COMPLETION in capsys.readouterr().out


def test_every_command_is_listed_in_its_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"\n{title}:\n") for title in GROUPS]
    assert places == sorted(places)
    for name, entry in COMMANDS.items():
        assert f"\n  {name} " in shown
        assert entry.help.removesuffix(".") in shown
    assert SHOWN in " ".join(shown.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_the_first_line_of_each_help(name: str) -> None:
    assert (load(name).help or "").partition("\n")[0] == COMMANDS[name].help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_is_explained(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: overmind {name} [OPTIONS]" in capsys.readouterr().out
    unexplained = [parameter.name for parameter in load(name).params if not getattr(parameter, "help", "")]
    assert unexplained == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"overmind {__version__}\n"
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


@pytest.mark.parametrize(
    ("words", "message", "fix"),
    [
        (["wallts"], "No such command 'wallts'. Did you mean 'wallets'?", "see `overmind --help`"),
        (["stats", "--nonsense"], "No such option: --nonsense", "see `overmind stats --help`"),
        (["pause", "portfolio"], "Missing option '--reason'.", "see `overmind pause --help`"),
        (["limits", "set", "w"], "Missing argument 'NAME=VALUE'.", "see `overmind limits set --help`"),
    ],
)
def test_a_usage_error_names_its_fix(
    words: Sequence[str], message: str, fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert f"error: {message}" in told
    assert f"fix: {fix}" in told


def test_without_words_the_list_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: overmind" in capsys.readouterr().err
