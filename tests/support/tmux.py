"""A terminal of a given size, as a person sees it: tmux runs a command in it, takes keys and tells what is shown."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.command_process import outside_environment
from tests.support.processes import wait_until

TMUX = shutil.which("tmux")
BEFORE, AFTER = "shown before", "it ended with"


class Terminal:
    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *words: str) -> str:
        assert TMUX is not None
        # Without `env` a process also gets COLUMNS, which readline sets behind the back of `os.environ`.
        call = [TMUX, "-S", str(self._socket), *words]
        return subprocess.run(call, env=outside_environment(), capture_output=True, text=True, check=True).stdout

    def shown(self) -> str:
        return self.tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def told(self, name: str) -> str:
        """A variable of the terminal, such as `alternate_on`."""
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()

    def wait_for(self, words: str) -> None:
        wait_until(lambda: words in self.shown(), f"{words!r} is shown")


@contextmanager
def terminal(
    folder: Path, words: Sequence[str], env: Mapping[str, str], width: int = 80, height: int = 24
) -> Iterator[Terminal]:
    """The command runs between two lines of its shell, whose second one has its exit code."""
    if TMUX is None:
        pytest.skip("tmux is not installed, and only a terminal shows what a person sees")
    script = f"trap : INT; echo {BEFORE}; {shlex.join(words)}; echo {AFTER} $?; exec cat"
    found = Terminal(folder / "tmux")
    exported = [word for name, value in env.items() for word in ("-e", f"{name}={value}")]
    size = ("-x", str(width), "-y", str(height))
    try:
        found.tmux("-f", "/dev/null", "new-session", "-d", *size, "-c", str(folder), *exported, "sh", "-c", script)
        yield found
    finally:
        subprocess.run([TMUX, "-S", str(folder / "tmux"), "kill-server"], capture_output=True, check=False)
