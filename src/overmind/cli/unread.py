"""Standard output and error of a service: a reader that is slow, or gone, holds nothing up."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TextIO

from overmind.desk.log.outlet import Outlet, write_all

TEXTS_MAX: Final = 1_000  # that wait for a reader; later ones are dropped
FLUSH_S: Final = 2.0  # for the last texts, when the service ends


class _Stream(io.TextIOBase):
    """A thread writes. Python's own stream and its buffer stay empty."""

    encoding = "utf-8"

    def __init__(self, stream: TextIO) -> None:
        self._descriptor = stream.fileno()
        self._is_terminal = stream.isatty()
        self._outlet: Outlet[str] = Outlet("standard stream", self._write_all, TEXTS_MAX)

    def write(self, text: str) -> int:
        self._outlet.put(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        """For the log, which has a thread of its own."""
        return self._descriptor

    def isatty(self) -> bool:
        return self._is_terminal

    def leave(self) -> None:
        """Gives the last texts a moment. If nobody reads them, whatever comes later goes nowhere, and cannot hang."""
        if not (self._outlet.close(FLUSH_S) and self._takes_more()):
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), self._descriptor)

    def _takes_more(self) -> bool:
        ready = select.poll()
        ready.register(self._descriptor, select.POLLOUT)
        return ready.poll(0) == [(self._descriptor, select.POLLOUT)]

    def _write_all(self, texts: Sequence[str]) -> bool:
        with contextlib.suppress(OSError):  # The reader has left.
            write_all(self._descriptor, "".join(texts).encode(errors="backslashreplace"))
            return True
        return False


@contextmanager
def unread() -> Iterator[None]:
    """Nothing that the block prints waits for a reader."""
    before = sys.stdout, sys.stderr
    ours = []
    try:
        for name in ("stdout", "stderr"):
            with contextlib.suppress(AttributeError, io.UnsupportedOperation):  # closed, or replaced by a buffer
                ours.append(_Stream(getattr(sys, name)))
                setattr(sys, name, ours[-1])
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in ours:
            stream.leave()
