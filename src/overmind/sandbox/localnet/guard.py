"""Where a panic of the Rust libraries ends. It arrives as a BaseException whose class cannot be imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def guarded(act: Callable[[], T]) -> T | None:
    """What `act` returns, or None if the library panicked. Its other errors pass."""
    try:
        return act()
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":
            raise
        return None
