"""Small private files of records: 0600, changed by one process at a time, and written whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from overmind.config.files import FileText, read_file
from overmind.config.problems import ConfigError, Problem
from overmind.core.model.value import Value
from overmind.keys.private_file import write_private

Record = TypeVar("Record")


class Stamp(Value, frozen=True):
    """Another stamp is another content of the file."""

    inode: int
    size: int
    modified_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """None: there is no such file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Stamp(found.st_ino, found.st_size, found.st_mtime_ns)


@contextmanager
def changing(lock: Path) -> Iterator[None]:
    """One change at a time, by whichever process. The folder is made if it is missing."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_records(path: Path, decoder: msgspec.json.Decoder[tuple[Record, ...]]) -> tuple[Record, ...]:
    """Nothing, if there is no such file. Raises ConfigError."""
    if stamp_of(path) is None:
        return ()
    file = read_file(path)
    if not isinstance(file, FileText):
        raise ConfigError((Problem(str(path), file.problem, file.fix),))
    if file.open_to_others:
        raise ConfigError((Problem(str(path), "others can read or change it", f"chmod 600 {path}"),))
    try:
        return decoder.decode(file.text)
    except msgspec.DecodeError as fault:
        raise ConfigError((Problem(str(path), f"cannot be read: {fault}", "restore it from a copy"),)) from None


def write_records(path: Path, records: tuple[Record, ...]) -> None:
    """Durable on return. Raises OSError."""
    write_private(path, msgspec.json.format(msgspec.json.encode(records), indent=1) + b"\n")
