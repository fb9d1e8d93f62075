"""Growth of one dollar that stayed in the desk: time-weighted, so that no deposit and no withdrawal changes it.

Between two flows of capital the index grows as equity does. An entry with a flow grows by (equity after - flow) /
equity before. From a flow that leaves less than a dollar the index stands still until the next one: such a rest is lost
to rounding, and no return can be told of it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.model.units import MICROS
from overmind.core.model.value import Value

CAPITAL_MIN_MICROS: Final = MICROS


class Drawdown(Value, frozen=True):
    """The deepest fall of the index from its highest value. All entries count, not only the closes of days."""

    depth: float = 0.0  # a fraction, never positive
    peak_ns: int = 0
    trough_ns: int = 0
    recovered_ns: int | None = None  # when the index was at the peak again; None: not yet


class Growth(msgspec.Struct):
    """Give it the equity after each entry that may have changed it."""

    equity_micros: int = 0
    index: float = 1.0
    deepest: Drawdown = Drawdown()
    _linked: float = 1.0  # the index at the last flow
    _base_micros: int = 0  # the equity after it
    _peak: float = 1.0
    _peak_ns: int = 0
    _waits_for: float = 0.0  # the peak of the deepest drawdown while it lasts; 0: none lasts

    def begin(self, at_ns: int, equity_micros: int) -> None:
        self.equity_micros = self._base_micros = equity_micros
        self._peak_ns = at_ns

    def step(self, at_ns: int, equity_micros: int, flow_micros: int) -> None:
        """`flow_micros`: what came in with this entry; negative: what left."""
        if flow_micros:
            self._grow_to(equity_micros - flow_micros)
            self._linked, self._base_micros = self.index, equity_micros
        else:
            self._grow_to(equity_micros)
        self.equity_micros = equity_micros
        if self.index != self._peak or self._waits_for:
            self._look(at_ns)

    def _grow_to(self, equity_micros: int) -> None:
        if self._base_micros >= CAPITAL_MIN_MICROS:
            self.index = self._linked * max(0, equity_micros) / self._base_micros

    def _look(self, at_ns: int) -> None:
        if self._waits_for and self.index >= self._waits_for:
            self.deepest = msgspec.structs.replace(self.deepest, recovered_ns=at_ns)
            self._waits_for = 0.0
        if self.index >= self._peak:
            self._peak, self._peak_ns = self.index, at_ns
            return
        depth = self.index / self._peak - 1
        if depth < self.deepest.depth:
            self.deepest = Drawdown(depth, self._peak_ns, at_ns)
            self._waits_for = self._peak
