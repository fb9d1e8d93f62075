"""Child processes of tests: started, read, killed, and never left behind."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 180.0  # A slow machine must pass; a hang must fail.


class Child:
    """A child process with line-based input and output. Its stderr goes to a file, so that no pipe fills up."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], folder: Path, name: str) -> None:
        self.lines: list[str] = []
        self.said = 0
        self._news = threading.Condition()
        self._complaints = folder / f"{name}.stderr"
        with self._complaints.open("ab") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=dict(environment),
                cwd=folder,
                text=True,
                bufsize=1,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def complaints(self) -> str:
        return self._complaints.read_text()[-4_000:]

    def say(self, *lines: str) -> None:
        """Writes lines to its input. A process that has ended ignores them."""
        assert self.process.stdin
        self.said += len(lines)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("".join(f"{line}\n" for line in lines))
            self.process.stdin.flush()

    def hush(self) -> None:
        """Closes its input."""
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def wait_for_lines(self, count: int) -> None:
        """Waits for so many lines, or for the end of the process."""
        with self._news:
            told = self._news.wait_for(lambda: len(self.lines) >= count or not self._reader.is_alive(), PATIENCE_S)
        assert told, f"{len(self.lines)} lines of {count}: {self.complaints}"

    def wait_for_answers(self) -> None:
        """Waits for one output line per input line."""
        self.wait_for_lines(self.said)
        assert len(self.lines) == self.said, f"it ended after {len(self.lines)} lines of {self.said}: {self.complaints}"

    def ready(self) -> dict[str, Any]:
        """Its first line, as JSON."""
        self.wait_for_lines(1)
        assert self.lines, f"it ended: {self.complaints}"
        said: dict[str, Any] = json.loads(self.lines[0])
        return said

    def end(self) -> int:
        """Waits until it ends by itself."""
        self.hush()
        code = self.process.wait(PATIENCE_S)
        self._close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith("\n"):  # A dying process may leave an incomplete line, which does not count.
                self._hear(line)
        with self._news:
            self._news.notify_all()

    def _hear(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            self._news.notify_all()

    def _close(self) -> None:
        self._reader.join()
        self.hush()
        assert self.process.stdout
        self.process.stdout.close()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, f"in vain: {what}"
        time.sleep(0.05)
