"""Feeds of recorded prices: what is known at an instant, what an order gets at it, and a tape that repeats for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.core.model.ids import Mint, is_own
from overmind.core.model.order import Order
from overmind.ports import Clock, Tick
from overmind.prices.tape import Tape

CACHE_NS: Final = 1_000_000  # how long ticks of the looped tape are cached


class TapePrices:
    """The feed of a backtest: the price at the clock's time, with the time of its candle."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._tape = tape
        self._clock = clock
        self._at_ns = -1
        self._ticks: Mapping[Mint, Tick] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        at_ns = self._clock.now_ns()
        if at_ns != self._at_ns:  # Many orders read the same instant.
            self._at_ns, self._ticks = at_ns, self._tape.ticks(at_ns)
        return self._ticks


class OpeningPrices:
    """What an order gets in a backtest: the opening price of the candle that is open at the clock's time."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._tape = tape
        self._clock = clock
        self._at_ns = -1
        self._ticks: Mapping[Mint, Tick] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        at_ns = self._clock.now_ns()
        if at_ns != self._at_ns:
            self._at_ns, self._ticks = at_ns, self._tape.openings(at_ns)
        return self._ticks

    def first_after(self, order: Order, at_ns: int) -> int:
        """When an order that was placed at `at_ns` meets its first price.

        A sender's order waits for the next candle to open: the price of the open one is older than the signal. What
        the desk orders itself follows from candles that have closed, and a second try from the same signal as the
        first: they take the candle that is open. In a gap there is no price to wait for.
        """
        if is_own(order.signal_id) or order.attempt:
            return at_ns
        series = self._tape.series.get(order.mint)
        if series is None:
            return at_ns
        opens_ns, latest_ns = series.opens_after_ns(at_ns), at_ns + series.step_ns
        return latest_ns if opens_ns is None else min(opens_ns, latest_ns)

    def first_from(self, order: Order, at_ns: int) -> int:
        """The same for an order whose signal was made as a candle closed, by a bot that the run asked then.

        It takes the price that opens the next candle at that instant, which the bot was not told.
        """
        return max(at_ns, self.first_after(order, at_ns - 1))


class LoopedTape:
    """The feed of a paper desk without a live feed: the tape repeats for ever against the wall clock.

    The position on the tape depends on the time alone, so a restart continues without a jump. Prices get the present
    time, although they are history. At the end of the tape the price jumps to its beginning.
    """

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self._tape = tape
        self._clock = clock
        self._at_ns = -CACHE_NS
        self._ticks: Mapping[Mint, Tick] = {}

    def ticks(self) -> Mapping[Mint, Tick]:
        now_ns = self._clock.now_ns()
        if not 0 <= now_ns - self._at_ns < CACHE_NS:  # Each order reads twice, and wall time never stands still.
            self._at_ns, self._ticks = now_ns, self._ticks_at(now_ns)
        return self._ticks

    def _ticks_at(self, now_ns: int) -> dict[Mint, Tick]:
        start_ns, end_ns = self._tape.start_ns, self._tape.end_ns
        seen = self._tape.ticks(start_ns + (now_ns - start_ns) % (end_ns - start_ns))
        return {
            mint: Tick(mint, tick.price_pico, now_ns, tick.depth_micros, tick.range_bps) for mint, tick in seen.items()
        }
