"""The exits of signals a second time: what a position is to be sold at without another signal, and the highest stop."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from tests.support import plain_lots
from tests.support.plain_lots import Lot

from overmind.core.model.units import PPM
from overmind.core.model.wallet import Exits


class Plan(msgspec.Struct):
    """Of one position, as long as anything of it is held. Of several buys the strictest value of each counts."""

    stop_ppm: int | None = None
    trailing_ppm: int | None = None
    profit_ppm: int | None = None
    by_ns: int | None = None
    peak_pico: int = 0  # what was paid, or what two marks in a row have reached

    def add(self, exits: Exits | None, paid_pico: int, at_ns: int) -> None:
        """A buy into the position."""
        self.peak_pico = max(self.peak_pico, paid_pico)
        if exits is None:
            return
        self.stop_ppm = _least(self.stop_ppm, exits.stop_loss_ppm)
        self.trailing_ppm = _least(self.trailing_ppm, exits.trailing_ppm)
        self.profit_ppm = _least(self.profit_ppm, exits.take_profit_ppm)
        if exits.hold_max_ns is not None:
            self.by_ns = _least(self.by_ns, at_ns + exits.hold_max_ns)

    def stop_pico(self, lots: Sequence[Lot], scale: int, limit_ppm: int) -> int | None:
        """Of the signals' and the wallet's stop the nearer one; a limit of 0 is none."""
        stop_ppm = _least(self.stop_ppm, limit_ppm or None)
        return None if stop_ppm is None else _average_pico(lots, scale) * (PPM - stop_ppm) // PPM

    @property
    def trail_pico(self) -> int | None:
        return None if self.trailing_ppm is None else self.peak_pico * (PPM - self.trailing_ppm) // PPM

    def highest_pico(self, lots: Sequence[Lot], scale: int, limit_ppm: int) -> int | None:
        stops = [one for one in (self.stop_pico(lots, scale, limit_ppm), self.trail_pico) if one is not None]
        return max(stops, default=None)

    def why_not(self, cause: str, price_pico: int, lots: Sequence[Lot], scale: int, limit_ppm: int, at_ns: int) -> str:
        """Why an exit by this cause is not due; blank: it is, or the cause is none of a plan."""
        stop, trail = self.stop_pico(lots, scale, limit_ppm), self.trail_pico
        profit = None if self.profit_ppm is None else -(-_average_pico(lots, scale) * (PPM + self.profit_ppm) // PPM)
        due = {
            "stop": stop is not None and price_pico <= stop,
            "trail": trail is not None and price_pico <= trail,
            "profit": profit is not None and price_pico >= profit > 0,
            "time": self.by_ns is not None and at_ns >= self.by_ns,
        }
        return "" if due.get(cause, True) else f"{cause} is not due at {price_pico} by {self}"


def _average_pico(lots: Sequence[Lot], scale: int) -> int:
    return plain_lots.cost(lots) * scale // plain_lots.total(lots)


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)
