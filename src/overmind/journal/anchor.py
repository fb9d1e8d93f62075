"""What a live desk knows about its journal outside of the data folder, so that an older journal is found out.

The anchor names the journal by the hash of its first entry, and holds number and hash of its newest entry. A MAC, whose
key lies beside it, shows that nobody else wrote it. See specification §14.8.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Final, Protocol

import msgspec

from overmind.core.model.value import Value
from overmind.journal.place import FOLDER_MODE
from overmind.keys.private_file import write_private

KEY_FILE: Final = "anchor.key"
KEY_BYTES: Final = 32
FILE_BYTES_MAX: Final = 4_096


class Chained(Protocol):
    """A journal whose entries are chained by hashes."""

    def hash_of(self, seq: int) -> bytes | None:
        """The hash of a durable entry; None: there is no such entry."""

    def last_seq(self) -> int:
        """The newest durable entry; 0: there is none."""


class Anchored(Value, frozen=True):
    """What an anchor says of a journal."""

    seq: int  # of the entry that the anchor knows; 0: there is no anchor
    checked: bool  # whether its MAC was checked, and is right
    problem: str = ""  # why the journal is not the one that was anchored; blank: it is
    behind: bool = False  # the journal ends before the anchor: it is an older copy


class Head(Value, frozen=True):
    """The newest entry of a journal, by number and hash, and which journal it is."""

    first: str
    seq: int
    hash: str
    mac: str = ""


def head_of(journal: Chained) -> Head | None:
    """None: the journal has no entry."""
    first, seq = journal.hash_of(1), journal.last_seq()
    newest = journal.hash_of(seq)
    return None if first is None or newest is None else Head(first.hex(), seq, newest.hex())


class Anchor:
    """The anchors of a folder. Constructing it makes and reads nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self, journal: Chained) -> Anchored:
        """Compares the journal with its anchor. Raises OSError when the folder cannot be read."""
        first = journal.hash_of(1)
        if first is None or (raw := _read(self._path(first))) is None:
            return Anchored(0, False)
        key = _read(self._folder / KEY_FILE)
        try:
            head = msgspec.json.decode(raw, type=Head)
        except msgspec.DecodeError as fault:
            return Anchored(0, False, f"the anchor {self._path(first)} cannot be read ({fault})")
        if key is not None and not hmac.compare_digest(head.mac, _mac(key, head)):
            return Anchored(head.seq, False, f"the MAC of {self._path(first)} is wrong: it or its key was changed")
        checked, found = key is not None, journal.hash_of(head.seq)
        if found is None:
            behind = f"it ends at entry {journal.last_seq()}, and was at entry {head.seq} before: it is an older copy"
            return Anchored(head.seq, checked, behind, behind=True)
        if found.hex() != head.hash:
            changed = f"entry {head.seq} is another than the one that the anchor knows: the journal was changed"
            return Anchored(head.seq, checked, changed)
        return Anchored(head.seq, checked)

    def write(self, head: Head) -> None:
        """Durable on return. Makes folder and key if there are none. Raises OSError."""
        self.prepare()
        key = _read(self._folder / KEY_FILE)
        assert key is not None, "the key was just made"
        signed = msgspec.structs.replace(head, mac=_mac(key, head))
        write_private(self._path(bytes.fromhex(head.first)), msgspec.json.encode(signed) + b"\n")

    def prepare(self) -> None:
        """Makes folder and key. Raises OSError."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if not (self._folder / KEY_FILE).exists():
            write_private(self._folder / KEY_FILE, secrets.token_hex(KEY_BYTES).encode() + b"\n")

    def _path(self, first: bytes) -> Path:
        return self._folder / f"{first.hex()}.json"


def _mac(key: bytes, head: Head) -> str:
    return hmac.new(key.strip(), f"{head.first} {head.seq} {head.hash}".encode(), "sha256").hexdigest()


def _read(path: Path) -> bytes | None:
    """None: there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(FILE_BYTES_MAX)
