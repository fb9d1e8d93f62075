"""Bad disks as SQLite file systems: one loses unsynced writes at a power loss, one fills up."""

from __future__ import annotations

import contextlib
import errno
import random
from collections.abc import Iterator
from pathlib import Path

import apsw

SECTOR_BYTES = 512

Name = str | apsw.URIFilename | None


def _path(name: Name) -> Path:
    assert name is not None, "SQLite asked for a temporary file"
    return Path(name.filename() if isinstance(name, apsw.URIFilename) else name)


class _DiskContent:
    """A file's content after a power loss, and the unsynced changes that programs already see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._synced = bytearray(path.read_bytes() if path.exists() else b"")
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes), or (new size, None)

    def sync(self) -> None:
        for at, content in self.pending:
            _apply(self._synced, at, content)
        self.pending.clear()

    def settle(self, chance: random.Random, kept: float) -> None:
        """Keeps or loses each unsynced sector as a whole, at random."""
        for at, content in (part for change in self.pending for part in _sectors(*change)):
            if chance.random() < kept:
                _apply(self._synced, at, content)
        self._path.write_bytes(self._synced)
        Path(f"{self._path}-shm").unlink(missing_ok=True)  # It was memory.


def _sectors(at: int, content: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    if content is None:
        yield at, None
        return
    start = at
    while start < at + len(content):
        end = (start // SECTOR_BYTES + 1) * SECTOR_BYTES
        yield start, content[start - at : end - at]
        start = end


def _apply(content: bytearray, at: int, change: bytes | None) -> None:
    if change is None:
        del content[at:]
        return
    content.extend(bytes(max(0, at - len(content))))
    content[at : at + len(change)] = change


class ForgetfulDisk(apsw.VFS):
    """Loses power before its `dies_at`-th change. From then on every call fails; `settle` then writes what survived."""

    def __init__(self, dies_at: int) -> None:
        self.disk_name = f"forgetful-{id(self)}"
        super().__init__(self.disk_name, "")
        self._contents: dict[Path, _DiskContent] = {}
        self._left = dies_at

    @property
    def dead(self) -> bool:
        return self._left <= 0

    def change(self) -> None:
        self._left -= 1
        self.require_power()

    def require_power(self) -> None:
        if self.dead:
            raise apsw.IOError("no power")

    def xOpen(self, name: Name, flags: list[int]) -> apsw.VFSFile:
        self.require_power()
        path = _path(name)
        content = self._contents.setdefault(path, _DiskContent(path))
        return _ForgetfulFile(self, content, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self.change()
        self._contents.pop(Path(filename), None)
        super().xDelete(filename, syncdir)

    def settle(self, chance: random.Random, kept: float) -> None:
        self._left = 0
        for content in self._contents.values():
            content.settle(chance, kept)
        self._contents.clear()


class _ForgetfulFile(apsw.VFSFile):
    """The real file is what programs see; its content after a power loss follows at each sync."""

    def __init__(self, disk: ForgetfulDisk, content: _DiskContent, name: Name, flags: list[int]) -> None:
        self._disk = disk
        self._content = content
        super().__init__("", name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self._disk.require_power()
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.change()
        self._content.pending.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.change()
        self._content.pending.append((newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.change()
        self._content.sync()


class SmallDisk(apsw.VFS):
    """Has room for so many bytes of journal, log and reserve together. When full, a write fails, or only a sync."""

    def __init__(self, directory: Path, capacity: int, *, late: bool = False) -> None:
        self.disk_name = f"small-{id(self)}"
        super().__init__(self.disk_name, "")
        self._directory = directory
        self.capacity = capacity
        self.late = late

    def left(self) -> int:
        return self.capacity - sum(
            path.stat().st_size for path in self._directory.iterdir() if not path.name.endswith(("-shm", ".lock"))
        )

    def xOpen(self, name: Name, flags: list[int]) -> apsw.VFSFile:
        return _SmallFile(self, name, flags)

    def xGetLastError(self) -> tuple[int, str | None]:
        return errno.ENOSPC, None


class _SmallFile(apsw.VFSFile):
    def __init__(self, disk: SmallDisk, name: Name, flags: list[int]) -> None:
        self._disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        growth = offset + len(data) - self.xFileSize()
        if not self._disk.late and growth > max(0, self._disk.left()):
            raise apsw.FullError("the small disk is full")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        if self._disk.late and self._disk.left() < 0:
            raise apsw.IOError("the small disk cannot hold what it took")
        super().xSync(flags)


@contextlib.contextmanager
def mounted(vfs: ForgetfulDisk | SmallDisk) -> Iterator[str]:
    try:
        yield vfs.disk_name
    finally:
        vfs.unregister()
