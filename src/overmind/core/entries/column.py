"""What a choice needs of one token in all wallets, as arrays by slot."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from overmind.core.model.enums import StrategyType
from overmind.core.model.units import NOTIONAL_MAX_MICROS

ROOMY: Final = 2 * NOTIONAL_MAX_MICROS  # more than any entry needs, and far below the end of int64


class Column(NamedTuple):
    uses: NDArray[np.bool_]
    missing: NDArray[np.intp]  # 1: an entry would make the token account; 0: there is one, or an open buy makes it
    room: NDArray[np.int64]  # capacity under the wallet's position limit
    room_by: dict[StrategyType, NDArray[np.int64]]  # capacity under a strategy's position limit, computed on demand


def room_of(limit_micros: int, used_micros: int) -> int:
    """A limit's remaining amount within an int64; held positions may exceed it."""
    room = limit_micros - used_micros
    return -1 if room < 0 else room if room < ROOMY else ROOMY
