"""What the maker can still offer: its balances minus the reservations for swaps that it has signed.

A co-signed swap may land until its blockhash expires, so its payment stays reserved until then. A reservation is
released only together with balances that were read after its expiry, so no unit is ever promised twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Final

from overmind.core.model.ids import Mint

RESERVATIONS_MAX: Final = 200_000  # about 1,000 a second for the life of a blockhash


class Inventory:
    def __init__(self, mints: Iterable[Mint]) -> None:
        self._held: dict[Mint, int] = dict.fromkeys(mints, 0)
        self._reserved: dict[Mint, int] = dict.fromkeys(self._held, 0)
        self._until: list[tuple[int, Mint, int]] = []  # a heap of (last valid height, mint, units)

    @property
    def held(self) -> Mapping[Mint, int]:
        return self._held

    def available(self, mint: Mint) -> int:
        return self._held[mint] - self._reserved[mint]

    def reserve(self, mint: Mint, units: int, last_valid_height: int) -> bool:
        """Reserves the units; False, with nothing reserved, if they are not available."""
        if units > self.available(mint) or len(self._until) >= RESERVATIONS_MAX:
            return False
        self._reserved[mint] += units
        heapq.heappush(self._until, (last_valid_height, mint, units))
        return True

    def refresh(self, held: Mapping[Mint, int], height: int) -> None:
        """Takes balances that were read when the chain was at `height` or higher."""
        self._held.update(held)
        while self._until and self._until[0][0] < height:
            _, mint, units = heapq.heappop(self._until)
            self._reserved[mint] -= units
            assert self._reserved[mint] >= 0, (mint, self._reserved[mint])
