"""How old a live view may be, so that all open pages together take a small share of the processor from trading.

Each live view has the same share, so one that costs much is made anew more seldom. Whoever opens a page gets it as it
is now.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from overmind.core.model.units import NS

SHARE: Final = 0.022  # of one processor, for all live views
AGE_MAX_S: Final = 5.0
LIVE_S: Final = 10.0  # A view that was not made for so long has no reader.


class _Made(NamedTuple):
    at_s: float
    cost_s: float


class Share:
    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s  # of a clock that never jumps
        self._live: dict[Hashable, _Made] = {}

    def made(self, view: Hashable, used_ns: int) -> None:
        """Counts the processor time that a view took."""
        now_s = self._now_s()
        self._live = {one: made for one, made in self._live.items() if now_s - made.at_s < LIVE_S}
        self._live[view] = _Made(now_s, used_ns / NS)

    def age_max_s(self, view: Hashable) -> float:
        """How old the view may be before it is made anew for a live page; 0: it was never made."""
        made = self._live.get(view)
        return 0.0 if made is None else min(AGE_MAX_S, made.cost_s * len(self._live) / SHARE)
