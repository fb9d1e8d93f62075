"""Exits inside a candle: stops, trailing stops and targets against its open, high and low, by a pessimistic path.

Nobody knows in which order a candle met its prices. This order is assumed:

1. It opens. A price beyond a trigger sells at the opening price: a gap.
2. It falls to its low. The highest stop on the way sells at its own price.
3. It rises to its high. A target sells at its own price, once the high also pays for spread and impact.

So of a stop and a target that both lie inside, the stop counts. The candle in which a position was bought counts too. A
trailing stop follows the candles that had closed before. The exit is booked when the candle has closed, since nobody
knew its prices before. A finer tape, where there is one, shows the order of what happened instead.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Position
from overmind.core.books.triggers import has_exits, profit_pico, trail_pico
from overmind.core.model.commands import SellDue
from overmind.core.model.controls import ExitCause
from overmind.core.model.ids import Mint, OrderId, WalletId, is_own
from overmind.core.model.order import Order
from overmind.core.model.units import BPS, MICROS, PICO, PPM
from overmind.core.model.value import Value
from overmind.desk.engine import Engine
from overmind.ports import Clock, Tick
from overmind.prices.feeds import OpeningPrices
from overmind.prices.tape import Candle, Tape
from overmind.venues.paper_market import Pool

ROUNDED_BPS: Final = 1  # a target's price is rounded up by this, so that its proceeds reach it


PoolOf = Callable[[Mint, int], Pool]  # a token's pool, as it is known at an instant


class Reached(Value, frozen=True):
    """A trigger that a candle has reached, and the price that the path sells at."""

    cause: ExitCause
    trigger_pico: int
    price_pico: int
    gap: bool  # the candle opened beyond the trigger
    given_up_pico: int = 0  # what a target inside of the same candle would have brought above it; 0: none was inside


class InsideExit(msgspec.Struct, frozen=True):
    """An exit that was decided inside a candle."""

    order_id: OrderId
    rule: ExitCause
    trigger_usd: float
    price_usd: float
    gap: bool
    assumed_usd: float  # what the same candle's target would have brought more; 0: the path decided nothing


class InsideSummary(msgspec.Struct, frozen=True):
    """How many exits candles decided by their high and low, and how much of that is assumption."""

    exits: int
    by_rule: dict[str, int]
    gaps: int
    assumed: int  # a stop and a target lay inside the same candle, and the stop was assumed
    assumed_usd: float  # what the targets would have brought more


def summary(exits: Iterable[InsideExit]) -> InsideSummary:
    known = list(exits)
    assumed = [one.assumed_usd for one in known if one.assumed_usd]
    return InsideSummary(
        exits=len(known),
        by_rule=dict(sorted(Counter(one.rule.value for one in known).items())),
        gaps=sum(one.gap for one in known),
        assumed=len(assumed),
        assumed_usd=round(sum(assumed), 6),
    )


def reached_inside(book: WalletBook, position: Position, candle: Candle, kept_ppm: int) -> Reached | None:
    """The first trigger on the path. `kept_ppm`: what half the spread and the pool's fee leave."""
    stops = [(position.stop_pico, ExitCause.STOP_LOSS), (trail_pico(book, position), ExitCause.TRAILING_STOP)]
    known = [(trigger, cause) for trigger, cause in stops if trigger is not None]
    stop = max(known, key=lambda one: one[0], default=None)  # Of two equal ones the stop loss.
    target = profit_pico(book, position)
    if stop is not None and candle.open_pico <= stop[0]:
        return Reached(stop[1], stop[0], candle.open_pico, gap=True)
    if target is not None and candle.open_pico >= _paying(target, position, candle, kept_ppm):
        return Reached(ExitCause.TAKE_PROFIT, target, candle.open_pico, gap=True)
    paying = None if target is None else _paying(target, position, candle, kept_ppm)
    is_target = paying is not None and candle.high_pico >= paying
    if stop is not None and candle.low_pico <= stop[0]:
        given_up = target - stop[0] if target is not None and is_target else 0
        return Reached(stop[1], stop[0], stop[0], gap=False, given_up_pico=given_up)
    if target is not None and paying is not None and is_target:
        return Reached(ExitCause.TAKE_PROFIT, target, paying, gap=False)
    return None


def met(book: WalletBook, position: Position, candle: Candle) -> bool:
    """Whether the candle's prices met any trigger at all: most candles meet none."""
    if (stop := position.stop_pico) is not None and candle.low_pico <= stop:
        return True
    if not has_exits(book, position):
        return False
    if (trail := trail_pico(book, position)) is not None and candle.low_pico <= trail:
        return True
    return (target := profit_pico(book, position)) is not None and candle.high_pico >= target


def _paying(target_pico: int, position: Position, candle: Candle, kept_ppm: int) -> int:
    """The price at which a sale of the whole position nets its target after spread and impact."""
    if not candle.depth_micros:
        return candle.high_pico + 1  # Nobody traded, so nobody bought.
    value = position.value_micros(target_pico)
    whole = target_pico * PPM * (candle.depth_micros + value) * (BPS + ROUNDED_BPS)
    return -(-whole // (kept_ppm * candle.depth_micros * BPS))


class InsideCandles:
    """Looks into each candle once it has closed, and prices the orders that follow from it."""

    def __init__(
        self,
        engine: Engine,
        tape: Tape,
        detail: Tape | None,
        clock: Clock,
        opening: OpeningPrices,
        pool_of: PoolOf | None = None,
    ) -> None:
        """`pool_of`: what a sale meets at an instant; None: a pool as deep as the candle's volume."""
        self._engine = engine
        self._tapes = [tape] if detail is None else [detail, tape]
        self._clock = clock
        self._opening = opening
        self._pool_of = pool_of
        self._looked_ns = clock.now_ns()
        self._prices: dict[tuple[WalletId, Mint], Tick] = {}  # of the sales of this instant
        self.exits: list[InsideExit] = []

    def look(self) -> Iterator[SellDue]:
        """The sales that the candles since the last look have made due; each must be decided before the next."""
        since_ns, self._looked_ns = self._looked_ns, self._clock.now_ns()
        self._prices.clear()
        state = self._engine.state
        candles: dict[Mint, list[tuple[int, Candle]]] = {}
        for book in state.wallets.values():
            if book.liquidating:
                continue
            for mint in [mint for mint in book.positions if mint not in book.closing]:
                if mint not in candles:
                    candles[mint] = list(self._closed(mint, since_ns))
                for closed_ns, candle in candles[mint]:
                    position = book.positions.get(mint)
                    if position is None or closed_ns <= position.opened_ns or not met(book, position, candle):
                        continue
                    reached = reached_inside(book, position, *self._with_costs(book, position, closed_ns, candle))
                    if reached is not None:
                        yield from self._sale(book, position, reached, closed_ns, candle)
                        break

    def _with_costs(self, book: WalletBook, position: Position, closed_ns: int, candle: Candle) -> tuple[Candle, int]:
        """The candle with the depth that a sale meets, and what half the spread and the pool's fee leave.

        Only a target needs them, and only if the candle reached the target itself.
        """
        if self._pool_of is not None:
            target = profit_pico(book, position)
            if target is None or candle.high_pico < target:
                return candle, PPM
            pool = self._pool_of(position.token.mint, closed_ns)
            return candle._replace(depth_micros=pool.depth_micros), pool.kept_ppm
        state = self._engine.state
        half_spread_bps = state.settings.costs.half_spread_bps if state.desk is not None else 0
        return candle, PPM - round(half_spread_bps * (PPM // BPS))

    def _closed(self, mint: Mint, since_ns: int) -> Iterator[tuple[int, Candle]]:
        """The candles of the finest tape that closed after `since_ns`, with their closing times."""
        for tape in self._tapes:
            series = tape.series.get(mint)
            if series is None:
                continue
            first, last = (bisect_right(series.closed_at_ns, at_ns) for at_ns in (since_ns, self._looked_ns))
            if first < last:
                yield from ((series.closed_at_ns[number], series.candle(number)) for number in range(first, last))
                return

    def _sale(
        self, book: WalletBook, position: Position, reached: Reached, closed_ns: int, candle: Candle
    ) -> Iterator[SellDue]:
        wallet_id, mint = book.wallet.id, position.token.mint
        order_id = OrderId(f"{reached.cause}:{wallet_id}:{mint}:{book.exits_placed}.0.0")
        given_up = position.units * reached.given_up_pico / position.scale / MICROS
        self._prices[wallet_id, mint] = Tick(mint, reached.price_pico, closed_ns, candle.depth_micros, candle.range_bps)
        yield SellDue(wallet_id, mint, reached.price_pico)
        if order_id in self._engine.state.open_orders:
            trigger, price = reached.trigger_pico / PICO, reached.price_pico / PICO
            self.exits.append(InsideExit(order_id, reached.cause, trigger, price, reached.gap, round(given_up, 6)))

    def tick_of(self, order: Order) -> Tick | None:
        """The price that an order gets now: that of the path for a sale from inside a candle, else an opening price."""
        if is_own(order.signal_id) and self._clock.now_ns() == self._looked_ns:
            found = self._prices.get((order.wallet_id, order.mint))
            if found is not None and not order.is_entry and not order.to_float:
                return found
        return self._opening.ticks().get(order.mint)
