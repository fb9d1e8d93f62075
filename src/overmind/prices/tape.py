"""Recorded prices: the candles of several tokens, and what is known of them at an instant.

A candle's timestamp is its opening time. What happened within it is known when it closes: the price at an instant is
the close of the last candle that had closed by then. Its opening price alone is known when it opens. Before the first
candle has closed, its opening price is the price. In a gap the price ages, and after two missing candles it is absent.

`depth_micros` is the value traded within the candle (volume x close), since candles have no better measure of
liquidity. Until the first candle has closed, its own volume is used.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from overmind.core.model.ids import Mint
from overmind.core.model.value import Value
from overmind.ports import Tick

STALE_STEPS: Final = 2  # missing candles after which the price is absent


class Gap(Value, frozen=True):
    """`missing` candles that are absent after the one that closed at `after_ns`."""

    mint: Mint
    after_ns: int
    missing: int


class Candle(NamedTuple):
    """The prices that one candle met, and how much was traded."""

    open_pico: int
    high_pico: int
    low_pico: int
    depth_micros: int
    range_bps: int


class Series(Value, frozen=True):
    """The candles of one mint, in order, as columns."""

    mint: Mint
    start_ns: int  # opening time of the first candle
    step_ns: int
    closed_at_ns: tuple[int, ...]
    open_pico: tuple[int, ...]
    high_pico: tuple[int, ...]
    low_pico: tuple[int, ...]
    close_pico: tuple[int, ...]
    depth_micros: tuple[int, ...]
    range_bps: tuple[int, ...]

    @property
    def end_ns(self) -> int:
        return self.closed_at_ns[-1]

    def tick(self, at_ns: int) -> Tick | None:
        """The price as it was known at `at_ns`, with the time of its candle."""
        if at_ns < self.start_ns:
            return None
        last = bisect_right(self.closed_at_ns, at_ns) - 1
        if last < 0:
            return Tick(self.mint, self.open_pico[0], self.start_ns, self.depth_micros[0], 0)
        closed_at_ns = self.closed_at_ns[last]
        if at_ns >= closed_at_ns + STALE_STEPS * self.step_ns:
            return None
        return Tick(self.mint, self.close_pico[last], closed_at_ns, self.depth_micros[last], self.range_bps[last])

    def candle(self, number: int) -> Candle:
        return Candle(
            self.open_pico[number],
            self.high_pico[number],
            self.low_pico[number],
            self.depth_micros[number],
            self.range_bps[number],
        )

    def opening(self, at_ns: int) -> Tick | None:
        """The opening price of the candle that is open at `at_ns`, with the depth and range of the one before it.

        None in a gap, after the last candle, and in the first one, whose depth nobody knows before it closes.
        """
        candle = bisect_right(self.closed_at_ns, at_ns)
        if not 0 < candle < len(self.closed_at_ns):
            return None
        opened_at_ns = self.closed_at_ns[candle] - self.step_ns
        if at_ns < opened_at_ns:
            return None
        depth, range_bps = self.depth_micros[candle - 1], self.range_bps[candle - 1]
        return Tick(self.mint, self.open_pico[candle], opened_at_ns, depth, range_bps)

    def opens_after_ns(self, at_ns: int) -> int | None:
        """When the first candle opens that opens after `at_ns`; None: none does."""
        candle = bisect_right(self.closed_at_ns, at_ns + self.step_ns)
        return self.closed_at_ns[candle] - self.step_ns if candle < len(self.closed_at_ns) else None

    def between(self, from_ns: int, to_ns: int) -> Series | None:
        """The candles that lie within this time whole; None: none does."""
        first = bisect_left(self.closed_at_ns, from_ns + self.step_ns)
        last = bisect_right(self.closed_at_ns, to_ns)
        if first >= last:
            return None
        kept = slice(first, last)
        return Series(
            self.mint,
            self.closed_at_ns[first] - self.step_ns,
            self.step_ns,
            self.closed_at_ns[kept],
            self.open_pico[kept],
            self.high_pico[kept],
            self.low_pico[kept],
            self.close_pico[kept],
            self.depth_micros[kept],
            self.range_bps[kept],
        )

    def gaps(self) -> Iterator[Gap]:
        closes = self.closed_at_ns
        for before, after in pairwise(closes):
            if after - before > self.step_ns:
                yield Gap(self.mint, before, (after - before) // self.step_ns - 1)


class Tape:
    """Several series. Their candles may differ in length."""

    def __init__(self, series: Mapping[Mint, Series], notes: tuple[str, ...] = ()) -> None:
        """`notes`: what its reader had to change or found missing, for whoever reads it."""
        assert series, "a tape without series"
        self.series = dict(series)
        self.notes = notes
        self.step_ns = min(one.step_ns for one in series.values())  # of the shortest candles
        self.longest_ns = max(one.step_ns for one in series.values())
        self.start_ns = min(one.start_ns for one in series.values())
        self.end_ns = max(one.end_ns for one in series.values())

    @property
    def gaps(self) -> tuple[Gap, ...]:
        return tuple(gap for one in self.series.values() for gap in one.gaps())

    def ticks(self, at_ns: int) -> dict[Mint, Tick]:
        """The prices known at `at_ns`; a mint without a price is absent."""
        found = ((mint, one.tick(at_ns)) for mint, one in self.series.items())
        return {mint: tick for mint, tick in found if tick is not None}

    def openings(self, at_ns: int) -> dict[Mint, Tick]:
        """The opening prices of the candles that are open at `at_ns`; a mint without one is absent."""
        found = ((mint, one.opening(at_ns)) for mint, one in self.series.items())
        return {mint: tick for mint, tick in found if tick is not None}

    def between(self, from_ns: int, to_ns: int) -> Tape | None:
        """What of it lies within this time; None: no candle does."""
        parts = {mint: part for mint, one in self.series.items() if (part := one.between(from_ns, to_ns)) is not None}
        return Tape(parts, self.notes) if parts else None

    def closes_ns(self) -> Iterator[int]:
        """Each time at which a candle closes, in order. Prices change only at these times."""
        return iter(sorted({at_ns for one in self.series.values() for at_ns in one.closed_at_ns}))
