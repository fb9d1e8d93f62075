"""Draws a screen again and again in a terminal's second buffer. Whatever ends it, the first buffer comes back."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.text import Text

from overmind.cli import present

OPEN: Final = "\x1b[?1049h\x1b[?25l"  # the second buffer, without a cursor
CLOSE: Final = "\x1b[?25h\x1b[?1049l"
HOME: Final = "\x1b[H"
REST_OF_LINE: Final = "\x1b[K"
REST_OF_SCREEN: Final = "\x1b[J"


@contextmanager
def second_buffer() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block like Ctrl-C."""
    asked = {one: signal.signal(one, signal.default_int_handler) for one in (signal.SIGTERM, signal.SIGHUP)}
    _write(OPEN)
    try:
        yield
    finally:
        _write(CLOSE)
        for one, handler in asked.items():
            signal.signal(one, handler)


def draw(lines: Sequence[Text]) -> None:
    """In one write, over what was there, so that nothing flickers."""
    out = present.out()
    with out.capture() as captured:
        for line in lines:
            out.print(line)
    drawn = captured.get().rstrip("\n").replace("\n", f"{REST_OF_LINE}\n")
    _write(f"{HOME}{drawn}{REST_OF_LINE}{REST_OF_SCREEN}")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
