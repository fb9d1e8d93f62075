"""Which prices may be believed, said once more and in fractions: one step of the bound at once, and one a minute.

With a second source only what it confirms is believed. What it denies gains nothing with time.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.money import Mark
from overmind.core.model.units import BPS, NS, PPM

MINUTE_NS = 60 * NS


class Anchor(NamedTuple):
    """A price that later ones are measured against; how long they have been too far away, and when last."""

    price: int
    at_ns: int
    waited_ns: int = 0
    far_ns: int = 0  # 0: they are not too far away
    reach: tuple[Fraction, Fraction] | None = None  # the band of its last step, for a minute

    def waited(self, at_ns: int) -> int:
        """A pause counts as a minute at most."""
        return self.waited_ns + min(max(0, at_ns - self.far_ns), MINUTE_NS) if self.far_ns else 0


class Doubts:
    """`doubted` has the newest price of each token that is not believed."""

    def __init__(self) -> None:
        self.doubted: dict[Mint, Mark] = {}
        self._anchors: dict[Mint, Anchor] = {}

    def judge(self, mark: Mark, before: Mark | None, desk: Desk) -> bool:
        """Whether this price must be believed."""
        if not desk.price_jump_max_ppm and not desk.witness_bound_bps:
            return True
        first = before or mark
        anchor = self._anchors.setdefault(mark.mint, Anchor(first.price_pico, first.at_ns))
        if desk.witness_bound_bps:
            return self._judge_by_witness(mark, anchor, desk)
        if self._is_far(mark, anchor, desk.price_jump_max_ppm):
            self._doubt(mark, anchor)
            return False
        self.doubted.pop(mark.mint, None)
        self._follow(mark, anchor, desk.price_jump_max_ppm)
        return True

    def _judge_by_witness(self, mark: Mark, anchor: Anchor, desk: Desk) -> bool:
        witness = mark.witness
        heard = witness is not None and abs(witness.at_ns - mark.at_ns) <= desk.mark_age_max_ns
        if heard and _apart_bps(mark) <= desk.witness_bound_bps:
            self.doubted.pop(mark.mint, None)
            self._anchors[mark.mint] = Anchor(mark.price_pico, mark.at_ns)
            return True
        if heard:
            self._anchors[mark.mint] = anchor._replace(waited_ns=0, far_ns=0)
        elif self._is_far(mark, anchor, desk.price_jump_max_ppm):
            self._doubt(mark, anchor)
        else:
            self._follow(mark, anchor, desk.price_jump_max_ppm)
        self.doubted[mark.mint] = mark
        return False

    def _is_far(self, mark: Mark, anchor: Anchor, jump_max_ppm: int) -> bool:
        low, high = _reach(anchor, mark.at_ns, jump_max_ppm)
        return not low <= mark.price_pico <= high

    def _doubt(self, mark: Mark, anchor: Anchor) -> None:
        self._anchors[mark.mint] = anchor._replace(waited_ns=anchor.waited(mark.at_ns), far_ns=mark.at_ns)
        self.doubted[mark.mint] = mark

    def _follow(self, mark: Mark, anchor: Anchor, jump_max_ppm: int) -> None:
        if mark.at_ns - anchor.at_ns < MINUTE_NS:
            self._anchors[mark.mint] = anchor._replace(waited_ns=0, far_ns=0)
        else:
            steps = _steps(anchor, mark.at_ns)
            low, high = _band(anchor.price, max(1, steps - 1), jump_max_ppm)
            reach = _band(anchor.price, steps, jump_max_ppm)
            price = min(max(mark.price_pico, ceil(low)), floor(high))
            self._anchors[mark.mint] = Anchor(price, mark.at_ns, reach=reach)

    def floor(self, mint: Mint, jump_max_ppm: int) -> int:
        """The least price that a doubted token may be sold at."""
        anchor, mark = self._anchors[mint], self.doubted[mint]
        return ceil(_reach(anchor, mark.at_ns, jump_max_ppm)[0])

    def credible(self, mint: Mint, jump_max_ppm: int) -> int:
        """The price nearest to a doubted one that may be believed."""
        anchor, mark = self._anchors[mint], self.doubted[mint]
        low, high = _reach(anchor, mark.at_ns, jump_max_ppm)
        return min(max(mark.price_pico, ceil(low)), floor(high))


def _apart_bps(mark: Mark) -> Fraction:
    """How far the two sources are apart, measured by the lower one."""
    assert mark.witness is not None, mark
    low, high = sorted((mark.price_pico, mark.witness.price_pico))
    return Fraction((high - low) * BPS, low)


def _steps(anchor: Anchor, at_ns: int) -> int:
    return 1 + anchor.waited(at_ns) // MINUTE_NS


def _reach(anchor: Anchor, at_ns: int, jump_max_ppm: int) -> tuple[Fraction, Fraction]:
    low, high = _band(anchor.price, _steps(anchor, at_ns), jump_max_ppm)
    if anchor.reach is None or at_ns - anchor.at_ns >= MINUTE_NS:
        return low, high
    return max(low, anchor.reach[0]), min(high, anchor.reach[1])


def _band(price: int, steps: int, jump_max_ppm: int) -> tuple[Fraction, Fraction]:
    step = Fraction(jump_max_ppm, PPM)
    return price * (1 - step) ** steps, price * (1 + step) ** steps
