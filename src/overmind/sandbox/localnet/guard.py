"""Catches panics of the Rust libraries. A panic arrives as a BaseException whose class cannot be imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def guarded(act: Callable[[], T]) -> T | None:
    """The result of `act`, or None if the library panicked. Other errors propagate."""
    try:
        return act()
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":
            raise
        return None
