"""The variables of the process and of the `.env` file; the process wins. Records where each value came from."""

from __future__ import annotations

import enum
import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from overmind.config.files import FileText, InvalidValue, read_file
from overmind.config.problems import Findings
from overmind.config.secrecy import shown

DEFAULT_DOTENV: Final = Path(".env")


class Origin(enum.StrEnum):
    PROCESS = "env"
    FILE = ".env"
    DEFAULT = "default"


class Environment:
    """Contains secrets, so its repr shows none of its values."""

    __slots__ = ("_file", "_process", "dotenv", "open_to_others", "repeated")

    def __init__(self, process: Mapping[str, str], dotenv: Path | None, findings: Findings) -> None:
        self._process = dict(process)
        self._file: dict[str, str] = {}
        self.dotenv = dotenv
        self.open_to_others = False
        self.repeated: list[tuple[str, str]] = []  # places in the file, and names that stand there again
        if dotenv is not None:
            self._read(dotenv, findings)

    def get(self, name: str) -> str | None:
        return self._process.get(name, self._file.get(name))

    def origin(self, name: str) -> Origin:
        if name in self._process:
            return Origin.PROCESS
        return Origin.FILE if name in self._file else Origin.DEFAULT

    def names(self) -> Iterator[str]:
        yield from self._process.keys() | self._file.keys()

    def _read(self, dotenv: Path, findings: Findings) -> None:
        where = shown(str(dotenv))
        file = read_file(dotenv)
        if isinstance(file, FileText):
            self.open_to_others = file.open_to_others
            for binding in parse_stream(io.StringIO(file.text)):
                self._take(binding, where, findings)
        elif isinstance(file, InvalidValue) and not (dotenv == DEFAULT_DOTENV and not os.path.exists(dotenv)):
            findings.refuse(where, file.problem, file.fix)

    def _take(self, binding: Binding, where: str, findings: Findings) -> None:
        where = f"{where}: line {binding.original.line}"
        if binding.error or (binding.key is not None and binding.value is None):
            findings.refuse(where, "not of the form NAME=value", "correct the line, or put a # before it")
        elif binding.key is not None and binding.value is not None:
            if binding.key in self._file:
                self.repeated.append((where, binding.key))
            self._file[binding.key] = binding.value
