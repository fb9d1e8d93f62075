"""What a backup says of itself: which journal, up to which entry, and the hash of each of its files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from overmind.core.model.value import Value
from overmind.journal.errors import JournalUnusable
from overmind.keys.private_file import write_private

MANIFEST: Final = "backup.json"
FORMAT: Final = 1
BYTES_MAX: Final = 16 * 2**20  # of the manifest: some 100,000 files
CHUNK_BYTES: Final = 2**20
NAME: Final = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)?[A-Za-z0-9_-][A-Za-z0-9_.-]*")  # leads out of no folder


class BackupUnusable(JournalUnusable):
    """A backup that cannot be made, or is not whole. The message says where, why, and what to do."""


class BackupFile(Value, frozen=True):
    name: str  # below the backup's folder
    bytes: int
    sha256: str


class Manifest(Value, frozen=True):
    made_at: str
    version: str  # of the program that made it
    first: str  # the hash of the journal's first entry, which names the journal
    seq: int  # number and hash of its last entry
    head: str
    files: tuple[BackupFile, ...]
    keys: bool  # whether private keys are in it
    format: int = FORMAT
    digest: str = ""  # of all the rest

    @property
    def bytes(self) -> int:
        return sum(one.bytes for one in self.files)


class _Format(msgspec.Struct):
    format: int


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Durable on return. Raises OSError."""
    signed = structs.replace(manifest, digest=_digest(manifest))
    write_private(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(signed), indent=1) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupUnusable when this is no whole backup."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX)
    except OSError as error:
        raise BackupUnusable(
            f"{path}: cannot be read ({error.strerror}). Name the folder of a finished backup."
        ) from error
    try:
        if (found := msgspec.json.decode(raw, type=_Format).format) > FORMAT:
            raise BackupUnusable(f"{path}: written in format {found} by a newer Overmind. Upgrade this one.")
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise _changed(path) from error
    if manifest.digest != _digest(manifest) or not all(NAME.fullmatch(one.name) for one in manifest.files):
        raise _changed(path)
    return manifest


def files_below(folder: Path) -> Iterator[BackupFile]:
    """Every file of a folder, by name, read from disk. Raises OSError."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield BackupFile(path.relative_to(folder).as_posix(), path.stat().st_size, hash_of(path))


def hash_of(path: Path) -> str:
    """Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_durably(source: Path, target: Path) -> str:
    """Copies a file for the owner's eyes alone, and returns the hash of what was read. Raises OSError."""
    known = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb") as original, os.fdopen(os.open(target, flags, 0o600), "wb") as copy:
        while chunk := original.read(CHUNK_BYTES):
            known.update(chunk)
            copy.write(chunk)
        copy.flush()
        os.fsync(copy.fileno())
    return known.hexdigest()


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(structs.replace(manifest, digest=""))).hexdigest()


def _changed(path: Path) -> BackupUnusable:
    return BackupUnusable(f"{path}: it was changed or cut off. Restore another backup.")
