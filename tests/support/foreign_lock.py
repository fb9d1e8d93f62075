"""Another program that keeps the journal locked. It is a process: SQLite's locks are between processes."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from overmind.ports import Journal

NOTICED_S: Final = 20.0
_POLL_S: Final = 0.01
_PROGRAM: Final = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
other.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a write transaction on the database for as long as the block lasts."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _PROGRAM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            other.stdin.close()
            other.wait()


async def until_locked(journal: Journal) -> str:
    """Waits until the journal says that it is locked, and by what."""
    for _ in range(round(NOTICED_S / _POLL_S)):
        if (found := journal.storage().locked) is not None:
            return found
        await asyncio.sleep(_POLL_S)
    raise AssertionError("the lock was not noticed")
