"""A distribution told by a few of its quantiles, so that a heavy tail is a number that anybody can check."""

from __future__ import annotations

from typing import Final

from overmind.core.model.units import PPM

DRAWN_BITS: Final = 64
SHARES_PPM: Final = (0, 500_000, 900_000, 990_000, PPM)  # the least, the median, 90 %, 99 %, the most

Quantiles = tuple[int, int, int, int, int]  # at these shares, none less than the one before


def drawn(quantiles: Quantiles, number: int) -> int:
    """The value that a number of 64 random bits stands for. Between two quantiles all values are equally likely."""
    share_ppm = number * PPM >> DRAWN_BITS
    place = next(place for place in range(1, len(SHARES_PPM)) if share_ppm < SHARES_PPM[place])
    low, high = quantiles[place - 1 : place + 1]
    begin_ppm, end_ppm = SHARES_PPM[place - 1 : place + 1]
    return low + (high - low) * (share_ppm - begin_ppm) // (end_ppm - begin_ppm)


def bell_ppm(number: int) -> int:
    """A draw of a bell curve from 64 random bits, in millionths of its standard deviation: four dice of 16 bits.

    Their sum has the mean 2 × 65,535 and a deviation of 65,536 × √(4 ÷ 12). It never exceeds 3.5 deviations.
    """
    dice = sum(number >> 16 * place & 0xFFFF for place in range(4))
    return (dice - 2 * 0xFFFF) * PPM // 37_837
