"""The `overmind` command inside this process, as a shell would see it: a folder, variables, words, output, a code.

It costs a thirtieth of a process. What only a process can show (a kill, a signal, a pipe, the start itself) stays in
`command_process`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.command_process import environment

from overmind.cli import main


class CommandResult(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def overmind(folder: Path, *words: str, given: str = "", **more: str) -> CommandResult:
    """Run to the end, on the desk of four wallets."""
    return command_in(folder, environment(folder, **more), words, given)


def command_in(folder: Path, variables: Mapping[str, str], words: Sequence[str], given: str = "") -> CommandResult:
    """Run to the end, with these variables."""
    out, err = _pipe(), _pipe()
    with (
        _inside(folder, variables),
        _standard_input(given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(words)
    return CommandResult(code, _told(out), _told(err))


def as_json(done: CommandResult) -> Any:
    return json.loads(done.stdout)


def copy_of(desk: Path, folder: Path) -> Path:
    """A desk of its own that has been through the same. It is cheaper than going through it again."""
    return Path(shutil.copytree(desk, folder, dirs_exist_ok=True))


def _pipe() -> TextIOWrapper:
    return TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True)


def _told(pipe: TextIOWrapper) -> str:
    assert isinstance(pipe.buffer, BytesIO)
    return pipe.buffer.getvalue().decode()


@contextlib.contextmanager
def _standard_input(given: str) -> Iterator[None]:
    kept, sys.stdin = sys.stdin, TextIOWrapper(BytesIO(given.encode()))
    try:
        yield
    finally:
        sys.stdin = kept


@contextlib.contextmanager
def _inside(folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """The folder and the variables of one command; those of the tests come back afterwards."""
    kept = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        with contextlib.chdir(folder), warnings.catch_warnings(action="ignore", category=ResourceWarning):
            yield  # A command that fails leaves its files to the end of the process.
    finally:
        os.environ.clear()
        os.environ.update(kept)
