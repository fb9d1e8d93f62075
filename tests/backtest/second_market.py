"""A second accountant of the market: what each fill of a backtest must bring, by journal, tape and classes.

It shares no code with the market model. It knows the opening price of each candle, the volume that was traded before,
what was filled before, and the numbers of a class; it computes in fractions. The order of signing is that of tickets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from overmind.backtest.inside import InsideExit
from overmind.core.model.enums import Side
from overmind.core.model.events import DeskConfigured, Entry, OrderClosed, OrderPlaced, TicketRecorded
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Failed, Filled
from overmind.prices.tape import Series, Tape
from overmind.venues.depth.classes import TokenClass

PICO: Final = 10**12
MILLION: Final = 10**6


class Found(NamedTuple):
    order: Order
    received: int
    expected: Fraction
    fee_lamports: int


class Market:
    """Folds a journal whose orders do not drift (a latency of zero) and lists every fill beside what it must bring."""

    def __init__(
        self, tape: Tape, classes: Mapping[Mint, TokenClass], decimals: Mapping[Mint, int], inside: Iterable[InsideExit]
    ) -> None:
        self._tape, self._classes, self._decimals = tape, classes, decimals
        self._inside = {one.order_id: Fraction(one.price_usd) for one in inside}
        self._orders: dict[OrderId, Order] = {}
        self._signed: dict[OrderId, tuple[int, Fraction, Fraction]] = {}  # time, price, and pressure before it
        self._pressure: dict[Mint, tuple[Fraction, int]] = {}
        self._outcomes: dict[OrderId, object] = {}
        self.found: list[Found] = []

    def fold_all(self, entries: list[Entry]) -> None:
        self._outcomes = {
            entry.event.order_id: entry.event.outcome for entry in entries if isinstance(entry.event, OrderClosed)
        }
        for entry in entries:
            match entry.event:
                case OrderPlaced(order=order):
                    self._orders[order.id] = order
                case TicketRecorded(order_id=order_id) if order_id in self._orders:
                    self._sign(self._orders[order_id], entry.at_ns)
                case DeskConfigured():
                    pass
                case _:
                    pass

    def _sign(self, order: Order, at_ns: int) -> None:
        """What was signed and fills moves the pool from here on."""
        outcome = self._outcomes.get(order.id)
        if not isinstance(outcome, Filled | Failed):
            return
        price = self._inside.get(order.id) or self._opening(self._tape.series[order.mint], at_ns)
        value = self._value(order, price)
        of, depth, before = self._classes[order.mint], self._depth(order.mint, at_ns), self._pressed(order.mint, at_ns)
        reserve = depth + before
        if order.side is Side.BUY:
            share, after = depth * depth / (reserve * (reserve + value)), before + value
        else:
            share = reserve * reserve / (depth * depth + value * reserve)
            after = before - value * share
        if not isinstance(outcome, Filled):
            return  # It paid its fee and left the pool alone.
        kept = (1 - Fraction(of.pool_fee_ppm, MILLION)) * (1 - Fraction(of.spread_ppm, 2 * MILLION))
        units = Fraction(10 ** self._decimals[order.mint])
        whole = value / price * units if order.side is Side.BUY else value * MILLION
        self.found.append(Found(order, outcome.received_units, whole * share * kept, outcome.fee_lamports))
        self._pressure[order.mint] = after, at_ns

    def _value(self, order: Order, price: Fraction) -> Fraction:
        """In dollars at the middle."""
        if order.side is Side.BUY:
            return Fraction(order.spend.units, MILLION)
        return Fraction(order.spend.units, 10 ** self._decimals[order.mint]) * price

    def _opening(self, series: Series, at_ns: int) -> Fraction:
        opened = [
            price
            for closes_ns, price in zip(series.closed_at_ns, series.open_pico, strict=True)
            if closes_ns - series.step_ns <= at_ns < closes_ns
        ]
        return Fraction(opened[0], PICO)

    def _depth(self, mint: Mint, at_ns: int) -> Fraction:
        """By adding up the volume of each candle of the window, one by one."""
        series, of = self._tape.series[mint], self._classes[mint]
        closed = [at for at in series.closed_at_ns if at <= at_ns]
        known_ns = min(of.depth_window_ns, max(series.step_ns, closed[-1] - series.start_ns))
        begins_ns = closed[-1] - of.depth_window_ns
        traded = sum(
            micros
            for at, micros in zip(series.closed_at_ns, series.depth_micros, strict=True)
            if begins_ns < at <= closed[-1]
        )
        by_volume = Fraction(traded * of.depth_window_ns * of.depth_per_volume_ppm, known_ns * MILLION * MILLION)
        return max(by_volume, Fraction(of.depth_floor_micros, MILLION))

    def _pressed(self, mint: Mint, at_ns: int) -> Fraction:
        if mint not in self._pressure:
            return Fraction(0)
        pressure, since_ns = self._pressure[mint]
        halvings, rest_ns = divmod(at_ns - since_ns, self._classes[mint].impact_half_life_ns)
        if halvings > 60:
            return Fraction(0)
        return pressure / 2**halvings * (1 - Fraction(rest_ns, 2 * self._classes[mint].impact_half_life_ns))
