"""How far a price may move per minute before it is doubted, measured from the last price that was believed.

A mark may be one step away from that price, up or down. While marks stay outside, the band grows by one step a minute.
The price follows the marks by one step a minute as well. For a minute after that, the band reaches no further than it
did before: otherwise a lie that begins just then would gain two steps at once. So a true crash is believed in the end,
and a lie gains no more than one step at once and one step a minute. A pause without marks counts as a minute at most:
otherwise a source could show a lie once, say nothing for an hour, and be believed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from overmind.core.model.units import NS, PPM
from overmind.core.model.value import Value

MINUTE_NS: Final = 60 * NS
# The booking rules from which on a pause without marks counts as a minute at most, and a step that was taken is held.
PAUSE_RULES: Final = 4
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
    outside_ns: int = 0  # since when the marks have been outside the band, without long pauses; 0: they are within
    seen_ns: int = 0  # the newest mark outside; 0: pauses count in full, as by the first rules
    held: Band | None = None  # the band in which it followed the marks, kept for a minute

    def band(self, at_ns: int, jump_max_ppm: int) -> Band:
        band = self._away(self._steps(at_ns), jump_max_ppm)
        if self.held is None or at_ns - self.at_ns >= MINUTE_NS:
            return band
        return Band(max(band.low_pico, self.held.low_pico), min(band.high_pico, self.held.high_pico))

    def outside(self, at_ns: int, booking_rules: int) -> Reference:
        """After a mark outside the band."""
        if booking_rules < PAUSE_RULES:
            return self if self.outside_ns else Reference(self.price_pico, self.at_ns, at_ns)
        return Reference(self.price_pico, self.at_ns, at_ns - self._waited_ns(at_ns), at_ns, self.held)

    def undoubted(self) -> Reference:
        """Without the time that marks have been outside."""
        return Reference(self.price_pico, self.at_ns, held=self.held) if self.outside_ns else self

    def inside(self, price_pico: int, at_ns: int, jump_max_ppm: int, booking_rules: int) -> Reference:
        """After a mark within the band: it follows the mark, by one step for each minute, and not within a minute."""
        if at_ns - self.at_ns < MINUTE_NS:
            return self.undoubted()
        steps = self._steps(at_ns)
        held = self._away(steps, jump_max_ppm) if booking_rules >= PAUSE_RULES else None
        return Reference(self._away(max(1, steps - 1), jump_max_ppm).nearest(price_pico), at_ns, held=held)

    def _steps(self, at_ns: int) -> int:
        return min(1 + self._waited_ns(at_ns) // MINUTE_NS, STEPS_MAX)

    def _waited_ns(self, at_ns: int) -> int:
        """How long the marks have been outside."""
        if not self.outside_ns:
            return 0
        if not self.seen_ns:
            return max(0, at_ns - self.outside_ns)
        return self.seen_ns - self.outside_ns + min(max(0, at_ns - self.seen_ns), MINUTE_NS)

    def _away(self, steps: int, jump_max_ppm: int) -> Band:
        kept, grown, whole = (PPM - jump_max_ppm) ** steps, (PPM + jump_max_ppm) ** steps, PPM**steps
        return Band(-(-self.price_pico * kept // whole), self.price_pico * grown // whole)
