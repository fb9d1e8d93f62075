"""Encodes the state in slices of the event loop, at the end, when it does not change any more."""

from __future__ import annotations

from typing import Final

from overmind.clock.clocks import loop_turn
from overmind.core.books.state import State, encoded_in_parts

SLICE_BYTES: Final = 256 << 10  # a millisecond or so


async def encoded(state: State) -> bytes:
    """As `encode_state`. Whoever still asks for something is answered meanwhile."""
    parts, size = list[bytes](), 0
    for part in encoded_in_parts(state):
        parts.append(part)
        size += len(part)
        if size >= SLICE_BYTES:
            size = 0
            await loop_turn()
    return b"".join(parts)
