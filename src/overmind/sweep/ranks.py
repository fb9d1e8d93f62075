"""How two parts of the time agree on settings: Spearman's rank correlation, with equal values at their mean rank."""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt
from typing import Final

PAIRS_MIN: Final = 3  # of fewer, ranks agree or not by chance


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """From -1 to 1. None: of too few pairs, or where all values of a side are the same."""
    assert len(one) == len(other), (len(one), len(other))
    if len(one) < PAIRS_MIN:
        return None
    mean = (len(one) + 1) / 2
    left, right = ([rank - mean for rank in ranks_of(side)] for side in (one, other))
    spread = sqrt(fsum(rank * rank for rank in left) * fsum(rank * rank for rank in right))
    return fsum(a * b for a, b in zip(left, right, strict=True)) / spread if spread else None


def ranks_of(values: Sequence[float]) -> list[float]:
    """From 1 for the smallest."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    place = 0
    while place < len(order):
        last = place
        while last + 1 < len(order) and values[order[last + 1]] == values[order[place]]:
            last += 1
        for number in order[place : last + 1]:
            ranks[number] = (place + last) / 2 + 1
        place = last + 1
    return ranks
