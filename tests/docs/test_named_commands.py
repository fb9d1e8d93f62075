"""Every command that a message, a help text or a document names is there, with the options that are named."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from overmind.cli import main
from overmind.cli.commands import COMMANDS, load

ROOT = Path(__file__).parents[2]
QUOTED = re.compile(r"`(?:\.venv/bin/)?overmind\s+([a-z][^`]*)`")
TYPED = re.compile(r"^(?:try:)?\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?overmind ([a-z].*)$", re.MULTILINE)
WORD = re.compile(r"[a-z][a-z-]*")
LEAST = 100  # so many are named today; fewer would mean that they are not found any more


class Named(NamedTuple):
    place: str
    words: str


def _texts_of_module(path: Path) -> Iterator[str]:
    """Its texts as they are told; what is filled in is shown as X."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Constant(str(text)):
                yield text
            case ast.JoinedStr(values):
                yield "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in values)
            case _:
                pass


def _named() -> Iterator[Named]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        for text in _texts_of_module(path):
            yield from (Named(place, " ".join(words.split())) for words in QUOTED.findall(text))
            if "\n" not in text:  # Not a docstring, whose lines may begin anywhere in a sentence.
                yield from (Named(place, words) for words in TYPED.findall(text) if "--" in words)
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), ROOT / ".env.example"):
        text, place = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
        yield from (Named(place, " ".join(words.split())) for words in QUOTED.findall(text))
        for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            yield from (Named(place, words) for words in TYPED.findall(block))


NAMED = sorted(set(_named()))


def _command_path(words: list[str]) -> list[str]:
    """The command and its subcommand, as far as they are words of the list."""
    if words[0] not in COMMANDS or len(words) == 1 or not WORD.fullmatch(words[1]):
        return words[:1]
    return words[:2] if hasattr(load(words[0]), "commands") else words[:1]


def _help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    code = main([*_command_path(words), "--help"])
    told = capsys.readouterr()
    assert code == 0, told.err
    return told.out


@pytest.mark.parametrize("named", NAMED, ids=[f"{one.place}: {one.words}" for one in NAMED])
def test_the_command_is_there(named: Named, capsys: pytest.CaptureFixture[str]) -> None:
    unquoted = re.sub(r'"[^"]*"', "X", named.words)  # What is quoted may be another command's words.
    words = re.split(r" [#|&;>]", unquoted)[0].replace("[", " ").replace("]", " ").split()
    shown = _help_of(words, capsys)
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", shown), f"{words[0]} has no {option}"


def test_they_are_found() -> None:
    assert len(NAMED) >= LEAST
    assert {"keys", "stop", "venue", "run"} <= {one.words.split()[0] for one in NAMED}
    assert any(one.words.startswith("keys import") for one in NAMED)


@pytest.mark.parametrize("words", [["keys", "made-up"], ["made-up"]])
def test_a_command_that_is_not_there_is_noticed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError):
        _help_of(words, capsys)
