"""The variables of the process, of systemd's credentials and of the `.env` file, in this order of precedence.

A credential is a file in $CREDENTIALS_DIRECTORY, where systemd puts it for one service alone: `keystore_passphrase`
there is OVERMIND_KEYSTORE_PASSPHRASE. So a secret need not stand in any variable, which other programs could read.
"""

from __future__ import annotations

import enum
import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from dotenv.parser import Binding, parse_stream

from overmind.config.files import FileText, InvalidValue, read_file
from overmind.config.problems import Findings
from overmind.config.secrecy import shown

DEFAULT_DOTENV: Final = Path(".env")
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"  # systemd sets it
PREFIX: Final = "OVERMIND_"  # of the variable that a credential is the value of
CREDENTIAL: Final = re.compile(r"[a-z][a-z0-9_]*")


class Origin(enum.StrEnum):
    PROCESS = "env"
    CREDENTIAL = "credential"
    FILE = ".env"
    DEFAULT = "default"


class Environment:
    """Contains secrets, so its repr shows none of its values."""

    __slots__ = ("_credentials", "_file", "_process", "dotenv", "open_to_others", "repeated")

    def __init__(self, process: Mapping[str, str], dotenv: Path | None, findings: Findings) -> None:
        self._process = dict(process)
        self._credentials: dict[str, str] = {}
        self._file: dict[str, str] = {}
        self.dotenv = dotenv
        self.open_to_others = False
        self.repeated: list[tuple[str, str]] = []  # places in the file, and names that stand there again
        if dotenv is not None:
            self._read(dotenv, findings)
        if folder := self._process.get(CREDENTIALS):
            self._read_credentials(Path(folder), findings)

    def get(self, name: str) -> str | None:
        return self._process.get(name, self._credentials.get(name, self._file.get(name)))

    def origin(self, name: str) -> Origin:
        if name in self._process:
            return Origin.PROCESS
        if name in self._credentials:
            return Origin.CREDENTIAL
        return Origin.FILE if name in self._file else Origin.DEFAULT

    def names(self) -> Iterator[str]:
        yield from self._process.keys() | self._credentials.keys() | self._file.keys()

    def _read_credentials(self, folder: Path, findings: Findings) -> None:
        """Whatever has another name than a variable of ours is another program's, or a key file that a path names."""
        try:
            names = sorted(name for name in os.listdir(folder) if CREDENTIAL.fullmatch(name))
        except OSError as fault:
            findings.refuse(CREDENTIALS, f"cannot be read ({fault.strerror})", "name the folder of the credentials")
            return
        for name in names:
            file = read_file(folder / name)
            if isinstance(file, FileText):
                self._credentials[PREFIX + name.upper()] = file.text.removesuffix("\n")
            else:
                findings.refuse(f"credential {name}", file.problem, file.fix)

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
