"""The logistic function and its inverse in whole numbers: micro-logits to parts per million and back.

The table is computed with integers alone, and values in between are interpolated. The error is below 4 ppm.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import numpy as np
from numpy.typing import NDArray

from overmind.core.model.units import PPM

MICRO: Final = 1_000_000
STEP: Final = 10_000  # micro-logits between two values of the table
LOGIT_MAX: Final = 8 * MICRO  # beyond it nothing is told apart any more
_ONE: Final = 1 << 96


def _exp_of_minus_step() -> int:
    """e to the power of minus one step, times `_ONE`: its series, until a term is zero."""
    total = term = _ONE
    for number in range(1, 64):
        term = -term * STEP // (MICRO * number)
        total += term
    return total


def _table() -> tuple[int, ...]:
    factor, exponential, upper = _exp_of_minus_step(), _ONE, []
    for _ in range(LOGIT_MAX // STEP + 1):
        upper.append(PPM * _ONE // (_ONE + exponential))
        exponential = exponential * factor >> 96
    return (*(PPM - ppm for ppm in reversed(upper[1:])), *upper)


_TABLE: Final = _table()
_VALUES: Final = np.array((*_TABLE, _TABLE[-1]), np.int64)


def landing_ppm(logit: int) -> int:
    """The probability of these micro-logits."""
    place, rest = divmod(min(max(logit, -LOGIT_MAX), LOGIT_MAX) + LOGIT_MAX, STEP)
    low = _TABLE[place]
    return low + (_TABLE[place + 1] - low) * rest // STEP if rest else low


def landing_all_ppm(logits: NDArray[np.int64]) -> NDArray[np.int64]:
    """`landing_ppm` of many."""
    places, rests = np.divmod(np.minimum(np.maximum(logits, -LOGIT_MAX), LOGIT_MAX) + LOGIT_MAX, STEP)
    low = _VALUES[places]
    ppm: NDArray[np.int64] = low + (_VALUES[places + 1] - low) * rests // STEP
    return ppm


def logit_of(ppm: int) -> int:
    """The micro-logits of a probability."""
    place = bisect_left(_TABLE, ppm)
    if place == 0:
        return -LOGIT_MAX
    if place == len(_TABLE):
        return LOGIT_MAX
    low, high = _TABLE[place - 1], _TABLE[place]
    return (place - 1) * STEP - LOGIT_MAX - (STEP * (low - ppm) // (high - low))
