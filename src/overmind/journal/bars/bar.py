"""Bars: what a series did within a minute, a quarter of an hour, four hours and a day.

Values are floats, in USD, for charts alone. No decision uses them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from overmind.core.books.state import State
from overmind.core.model.units import MICROS, PICO

MINUTE_S: Final = 60
QUARTER_S: Final = 900
FOUR_HOURS_S: Final = 14_400
DAY_S: Final = 86_400
# How long bars of each length are kept, in seconds. So a series has at most some 18,000 of them.
KEPT_S: Final = {
    MINUTE_S: 3 * DAY_S,
    QUARTER_S: 45 * DAY_S,
    FOUR_HOURS_S: 3 * 365 * DAY_S,
    DAY_S: 10 * 365 * DAY_S,
}
EQUITY: Final = "equity"
GAIN: Final = "gain"  # equity less net deposits
PNL: Final = "pnl"  # realised and unrealised, without the revaluation of the SOL float


class Bar(NamedTuple):
    series: str  # one of the names above, or a mint
    length_s: int
    start_s: int  # seconds since 1970, UTC
    open: float
    high: float
    low: float
    close: float


def values_of(state: State) -> dict[str, float]:
    """What is drawn over time, but for the PnL: its cost does not grow with the number of wallets."""
    prices: dict[str, float] = {mint: mark.price_pico / PICO for mint, mark in state.marks.items()}
    gain_micros = state.equity_micros - state.deposited_micros
    return {EQUITY: state.equity_micros / MICROS, GAIN: gain_micros / MICROS, **prices}


def pnl_of(state: State) -> dict[str, float]:
    books = state.wallets.values()
    return {PNL: sum(book.realised_micros + book.unrealised_micros for book in books) / MICROS}


class Bars:
    """Collects values into bars of each length."""

    def __init__(self) -> None:
        self._changed: dict[tuple[str, int, int], Bar] = {}

    def __len__(self) -> int:
        return len(self._changed)

    def add(self, at_s: int, values: Mapping[str, float]) -> None:
        for series, value in values.items():
            for length_s in KEPT_S:
                start_s = at_s // length_s * length_s
                key = (series, length_s, start_s)
                known = self._changed.get(key)
                self._changed[key] = (
                    Bar(series, length_s, start_s, value, value, value, value)
                    if known is None
                    else known._replace(high=max(known.high, value), low=min(known.low, value), close=value)
                )

    def take(self) -> list[Bar]:
        """The bars since the last call. A bar that goes on comes again, with what was added since."""
        taken, self._changed = list(self._changed.values()), {}
        return taken


def downsampled(bars: list[Bar], points_max: int) -> Iterator[Bar]:
    """At most so many bars: neighbours are joined, so no high and no low is lost."""
    assert points_max > 0, points_max
    step = -(-len(bars) // points_max) or 1
    for first in range(0, len(bars), step):
        group = bars[first : first + step]
        yield group[0]._replace(
            high=max(bar.high for bar in group), low=min(bar.low for bar in group), close=group[-1].close
        )
