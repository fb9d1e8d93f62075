"""A point of the checklist, and what the points need to know."""

from __future__ import annotations

from overmind.config import MultiWalletConfig
from overmind.core.model.value import Value


class Point(Value, frozen=True):
    name: str
    ok: bool
    seen: str  # what was found, with its figures
    fix: str = ""  # what to do; blank: nothing


def passed(name: str, seen: str) -> Point:
    return Point(name, True, seen)


def failed(name: str, seen: str, fix: str) -> Point:
    return Point(name, False, seen, fix)


def unknown(name: str) -> Point:
    """It depends on a configuration that cannot be read."""
    return failed(name, "not looked at: the configuration is wrong", "mend the configuration first")


Read = MultiWalletConfig | None  # None: the configuration is wrong
