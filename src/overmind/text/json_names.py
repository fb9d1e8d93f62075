"""Finds a name that one JSON object gives twice. A decoder would keep one of the two values without a word."""

from __future__ import annotations

import json


def repeated_name(text: bytes | str) -> str | None:
    """The first such name in a text that is known to be JSON, at any depth. Raises ValueError, RecursionError."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                repeated.append(name)
            seen.add(name)

    json.loads(text, object_pairs_hook=look, parse_int=str, parse_float=str, parse_constant=str, strict=False)
    return repeated[0] if repeated else None
