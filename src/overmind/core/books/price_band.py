"""How far a price may move per minute before it is doubted, measured from the last price that was believed.

Within a minute of that price a mark may be one step away from it, up or down. While marks stay outside, the band grows
by one step a minute: so a true crash is believed in the end, and a lie gains no more than one step a minute. Time in
which no mark came does not count.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.core.model.units import NS, PPM
from overmind.core.model.value import Value

MINUTE_NS: Final = 60 * NS
STEPS_MAX: Final = 1_440  # after a day the band grows no more


class Band(NamedTuple):
    low_pico: int
    high_pico: int

    def holds(self, price_pico: int) -> bool:
        return self.low_pico <= price_pico <= self.high_pico

    def nearest(self, price_pico: int) -> int:
        """The price within the band that is closest to this one."""
        return min(max(price_pico, self.low_pico), self.high_pico)


class Reference(Value, frozen=True):
    """The price that new marks of a token are measured against."""

    price_pico: int
    at_ns: int
    outside_ns: int = 0  # since when the marks have been outside the band; 0: they are within

    def band(self, at_ns: int, jump_max_ppm: int) -> Band:
        waited_ns = max(0, at_ns - self.outside_ns) if self.outside_ns else 0
        steps = min(1 + waited_ns // MINUTE_NS, STEPS_MAX)
        kept, grown, whole = (PPM - jump_max_ppm) ** steps, (PPM + jump_max_ppm) ** steps, PPM**steps
        return Band(-(-self.price_pico * kept // whole), self.price_pico * grown // whole)

    def is_over(self, at_ns: int) -> bool:
        """Whether its minute is over, so that a believed mark takes its place."""
        return bool(self.outside_ns) or at_ns - self.at_ns >= MINUTE_NS
