"""How much was traded and how far prices moved, from the candles of a tape that had closed by then.

Both are measured per time and not per candle, so that finer candles of the same market say the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from math import isqrt
from typing import Final

from overmind.core.model.ids import Mint
from overmind.core.model.units import NS, PPM
from overmind.core.model.value import Value
from overmind.prices.tape import Series, Tape

HOUR_NS: Final = 3_600 * NS
PARKINSON_PPM: Final = 2_772_589  # 4 × ln 2


class Sums(Value, frozen=True):
    """What all candles before each one add up to; the last: all of them."""

    traded_micros: tuple[int, ...]
    squares: tuple[int, ...]  # of the ranges, in millionths of the price


class TapeActivity:
    """`Activity` of a tape. Before the first candle has closed nothing was traded."""

    def __init__(self, tape: Tape) -> None:
        self._series = tape.series
        self._sums: dict[Mint, Sums] = {}

    def traded_micros(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        """At the tape's beginning it is what was traded until then, as much longer as the time is."""
        known = self._series.get(mint)
        first, last = (0, 0) if known is None else _between(known, at_ns, window_ns)
        if known is None or first == last:
            return 0
        sums = self._sums_of(known).traded_micros
        return (sums[last] - sums[first]) * window_ns // _time_ns(known, at_ns, window_ns)

    def volatility_ppm(self, mint: Mint, at_ns: int, window_ns: int) -> int:
        """By the ranges of candles (Parkinson, Journal of Business 53, 1980): variance = range² ÷ (4 × ln 2).

        Only the time that has candles counts.
        """
        known = self._series.get(mint)
        first, last = (0, 0) if known is None else _between(known, at_ns, window_ns)
        if known is None or first == last:
            return 0
        sums = self._sums_of(known).squares
        variance = (sums[last] - sums[first]) * PPM * HOUR_NS // (PARKINSON_PPM * (last - first) * known.step_ns)
        return isqrt(variance)

    def _sums_of(self, series: Series) -> Sums:
        if (known := self._sums.get(series.mint)) is None:
            traded = tuple(accumulate(series.depth_micros, initial=0))
            known = self._sums[series.mint] = Sums(traded, tuple(accumulate(_squares(series), initial=0)))
        return known


def _between(series: Series, at_ns: int, window_ns: int) -> tuple[int, int]:
    """The candles that closed within this time until `at_ns`: the first one, and the one after the last."""
    last = bisect_right(series.closed_at_ns, at_ns)
    return bisect_right(series.closed_at_ns, at_ns - window_ns, 0, last), last


def _time_ns(series: Series, at_ns: int, window_ns: int) -> int:
    """The part of the window that lies on the tape. Gaps are part of it: nothing was traded in them."""
    return min(window_ns, max(series.step_ns, at_ns - series.start_ns))


def _squares(series: Series) -> Iterator[int]:
    for high, low, close in zip(series.high_pico, series.low_pico, series.close_pico, strict=True):
        moved = (high - low) * PPM // close
        yield moved * moved
