"""The line of each key of a TOML file: its parser tells values only, and whoever corrects a key has to find it."""

from __future__ import annotations

import re
from typing import Final

PART: Final = r"""(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)"""
KEY: Final = re.compile(rf"\s*({PART}(?:\s*\.\s*{PART})*)\s*=")
HEADER: Final = re.compile(rf"\s*\[\s*({PART}(?:\s*\.\s*{PART})*)\s*\]")
PARTS: Final = re.compile(PART)


def lines_of(text: str) -> dict[str, int]:
    """Each key with the names of its tables before it, joined by points, and the line where it stands first."""
    found: dict[str, int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            table = _names(header[1])
            found.setdefault(".".join(table), number)
        elif key := KEY.match(line):
            found.setdefault(".".join((*table, *_names(key[1]))), number)
    return found


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in PARTS.findall(dotted))
