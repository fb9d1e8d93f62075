"""Says which signal ids the journal cannot have, in about a microsecond and without asking the disk.

A Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13(7), 1970): "no" is
certain, "maybe" has to be looked up. With 10 bits and 4 probes an id, about one unknown id in 80 is a "maybe":
(1 - e^(-4/10))^4 = 1.2 %. The positions come from one 64-bit hash of the id, by double hashing (A. Kirsch and
M. Mitzenmacher, "Less hashing, same performance", 2006). Python makes that hash anew in every process, so nobody can
send ids that collide, and the filter is never written to disk.

Nothing is ever taken out: the journal keeps every id for ever. Only one thread may use it, the event loop's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

BITS_PER_ID: Final = 10
PROBES: Final = 4
IDS_MIN: Final = 1 << 16
HALF: Final = 0xFFFF_FFFF


class _Layer:
    def __init__(self, ids: int) -> None:
        self.room = ids
        self._size = ids * BITS_PER_ID
        self._bits = bytearray(-(-self._size // 8))

    def add(self, hashed: int) -> None:
        self.room -= 1
        bits, size, step = self._bits, self._size, hashed >> 32 | 1
        place = hashed & HALF
        for _ in range(PROBES):
            at = place % size
            bits[at >> 3] |= 1 << (at & 7)
            place += step

    def may_have(self, hashed: int) -> bool:
        bits, size, step = self._bits, self._size, hashed >> 32 | 1
        place = hashed & HALF
        for _ in range(PROBES):
            at = place % size
            if not bits[at >> 3] >> (at & 7) & 1:
                return False
            place += step
        return True


class IdFilter:
    """Grows with what is added: each further layer has room for as many ids as all before it."""

    def __init__(self, expected: int = 0) -> None:
        """`expected`: how many ids will be added soon."""
        self._size = max(IDS_MIN, expected * 5 // 4)
        self._layers = [_Layer(self._size)]

    def add(self, ids: Iterable[str]) -> None:
        layer = self._layers[-1]
        for one in ids:
            if not layer.room:
                self._layers.append(layer := _Layer(self._size))
                self._size *= 2
            layer.add(hash(one))

    def may_have(self, one: str) -> bool:
        """False: it was never added."""
        hashed = hash(one)
        return any(layer.may_have(hashed) for layer in self._layers)
