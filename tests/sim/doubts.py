"""Which prices may be believed, said once more and in fractions: one step of the bound at once, and one a minute."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from overmind.core.model.ids import Mint
from overmind.core.model.money import Mark
from overmind.core.model.units import NS, PPM

MINUTE_NS = 60 * NS


class Anchor(NamedTuple):
    """A price that later ones are measured against; since when they have been too far away, 0 if they are not."""

    price: int
    at_ns: int
    far_since_ns: int = 0


class Doubts:
    """One source alone. `doubted` has the newest price of each token that is not believed."""

    def __init__(self) -> None:
        self.doubted: dict[Mint, Mark] = {}
        self._anchors: dict[Mint, Anchor] = {}

    def judge(self, mark: Mark, before: Mark | None, jump_max_ppm: int) -> bool:
        """Whether this price must be believed."""
        if not jump_max_ppm:
            return True
        first = before or mark
        anchor = self._anchors.setdefault(mark.mint, Anchor(first.price_pico, first.at_ns))
        steps = _steps(anchor, mark.at_ns)
        low, high = _band(anchor.price, steps, jump_max_ppm)
        if not low <= mark.price_pico <= high:
            self._anchors[mark.mint] = anchor._replace(far_since_ns=anchor.far_since_ns or mark.at_ns)
            self.doubted[mark.mint] = mark
            return False
        self.doubted.pop(mark.mint, None)
        if mark.at_ns - anchor.at_ns < MINUTE_NS:
            self._anchors[mark.mint] = anchor._replace(far_since_ns=0)
        else:
            low, high = _band(anchor.price, max(1, steps - 1), jump_max_ppm)
            self._anchors[mark.mint] = Anchor(min(max(mark.price_pico, ceil(low)), floor(high)), mark.at_ns)
        return True

    def floor(self, mint: Mint, jump_max_ppm: int) -> int:
        """The least price that a doubted token may be sold at."""
        anchor, mark = self._anchors[mint], self.doubted[mint]
        return ceil(_band(anchor.price, _steps(anchor, mark.at_ns), jump_max_ppm)[0])

    def credible(self, mint: Mint, jump_max_ppm: int) -> int:
        """The price nearest to a doubted one that may be believed."""
        anchor, mark = self._anchors[mint], self.doubted[mint]
        low, high = _band(anchor.price, _steps(anchor, mark.at_ns), jump_max_ppm)
        return min(max(mark.price_pico, ceil(low)), floor(high))


def _steps(anchor: Anchor, at_ns: int) -> int:
    return 1 + (at_ns - anchor.far_since_ns) // MINUTE_NS if anchor.far_since_ns else 1


def _band(price: int, steps: int, jump_max_ppm: int) -> tuple[Fraction, Fraction]:
    step = Fraction(jump_max_ppm, PPM)
    return price * (1 - step) ** steps, price * (1 + step) ** steps
