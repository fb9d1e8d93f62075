"""The results of a sweep on disk: a small file for each run, whole or not there. Whoever runs it again goes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from overmind.report.files import write_text
from overmind.sweep.told import Result, Task

END: Final = ".json"


class Results:
    """In a folder of their own. Files of other runs are left alone."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def known(self, tasks: Iterable[Task]) -> dict[str, Result]:
        """By key. A run that failed is played again; so is one whose file a crash of the machine left empty."""
        found: dict[str, Result] = {}
        for task in tasks:
            path = self._path(task.key)
            try:
                result = msgspec.json.decode(path.read_bytes(), type=Result)
            except (FileNotFoundError, msgspec.DecodeError):
                continue
            if result.task == task and result.figures is not None:
                found[task.key] = result
        return found

    def keep(self, result: Result) -> None:
        """Raises OSError."""
        write_text(self._path(result.task.key), msgspec.json.encode(result).decode())

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{END}"
