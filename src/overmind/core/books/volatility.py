"""How far a token's price moves, from journaled marks alone, in integers, so that a replay finds the same.

The measure is RiskMetrics' (J.P. Morgan/Reuters, Technical Document, 4th ed. 1996, section 5.2): squared relative
moves, exponentially weighted, the mean taken as zero. Marks come at irregular times. So both the squares and the time
that they took are weighted, and the variance per unit of time is their quotient. Nothing is assumed at the start, and a
gap counts as long as it was. Each mark weighs what went before with T / (T + dt), where T = half-life / ln 2: the
exponential's backward Euler step, exact for small steps, slower than it over a gap.

A move of more than `OUTLIER_SIGMAS` deviations waits for the next mark. If that shows the old price again it never
happened: one bad mark changes nothing. If not it is true and counts in full. Among the first moves a jump that is
true begins everything anew, because the first price may have been the bad one.
"""

from __future__ import annotations

from math import isqrt
from typing import Final

import msgspec

from overmind.core.model.money import Mark
from overmind.core.model.units import PPM

BILLION: Final = 10**9  # moves are counted in parts per billion, so that small ones do not round to zero
MOVES_MIN: Final = 20  # of full weight, otherwise it is unknown; older ones weigh less
MOVES_ROUGH: Final = 10  # from this many on, deviations tell an outlier; before that, `JUMP_PPB` does
JUMP_PPB: Final = BILLION // 10
OUTLIER_SIGMAS: Final = 6
LN_2_PPM: Final = 693_147


class Volatility(msgspec.Struct):
    """The volatility of one token. Weights are in millionths."""

    price_pico: int = 0  # of the newest accepted mark; 0: none yet
    at_ns: int = 0  # its time
    squares: int = 0  # weighted sum of squared moves, in parts per billion
    elapsed_ns: int = 0  # weighted sum of their durations
    moves: int = 0  # weighted number of moves, in millionths
    doubted: bool = False  # the newest mark was an outlier

    def observe(self, mark: Mark, half_life_ns: int) -> None:
        dt_ns = mark.at_ns - self.at_ns
        if self.price_pico and dt_ns > 0:
            move = (mark.price_pico - self.price_pico) * BILLION // self.price_pico
            if self._is_outlier(move, dt_ns):
                if not self.doubted:
                    self.doubted = True
                    return
                if self.moves < MOVES_MIN * PPM:
                    self.squares = self.elapsed_ns = self.moves = 0
                    dt_ns = 0
            if dt_ns:
                self._count(move, dt_ns, half_life_ns)
        self.price_pico, self.at_ns, self.doubted = mark.price_pico, mark.at_ns, False

    def _is_outlier(self, move: int, dt_ns: int) -> bool:
        if self.moves < MOVES_ROUGH * PPM:
            return abs(move) > JUMP_PPB
        return move * move * self.elapsed_ns > OUTLIER_SIGMAS**2 * self.squares * dt_ns

    def _count(self, move: int, dt_ns: int, half_life_ns: int) -> None:
        life_ns = half_life_ns * PPM // LN_2_PPM
        faded_ns = life_ns + dt_ns
        self.squares = self.squares * life_ns // faded_ns + move * move
        self.elapsed_ns = self.elapsed_ns * life_ns // faded_ns + dt_ns
        self.moves = self.moves * life_ns // faded_ns + PPM

    @property
    def is_known(self) -> bool:
        return self.moves >= MOVES_MIN * PPM

    def over_ppm(self, horizon_ns: int) -> int:
        """The standard deviation of the price over a horizon, rounded up. Only if it is known."""
        variance = -(-self.squares * horizon_ns // self.elapsed_ns)
        deviation = isqrt(variance - 1) + 1 if variance else 0
        return -(-deviation * PPM // BILLION)
