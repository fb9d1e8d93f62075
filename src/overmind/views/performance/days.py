"""Days, months and points of charts from the looks at each hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from overmind.clock.instants import iso_seconds
from overmind.core.model.ids import Mint
from overmind.core.model.units import DAY_NS, MICROS, NS
from overmind.views.amounts import usd_of
from overmind.views.performance.round_trips import Trip
from overmind.views.performance.samples import Hour
from overmind.views.performance.told import DayRow, Point

POINTS_MAX = 1_500  # of a chart: as many as a screen is wide


def day_ends(hours: Sequence[Hour]) -> list[tuple[int, Hour]]:
    """The last look of each day, from the first day with capital on. A day without an entry ends as the one before."""
    ends: list[tuple[int, Hour]] = []
    for day, looks in groupby(hours, key=lambda hour: hour.at_ns // DAY_NS):
        *_, last = looks
        if not ends and last.equity_micros <= 0:
            continue
        if ends:
            ends.extend((missing, ends[-1][1]) for missing in range(ends[-1][0] + 1, day))
        ends.append((day, last))
    return ends


def returns_of(ends: Sequence[tuple[int, Hour]]) -> list[float]:
    index, returns = 1.0, list[float]()
    for _, hour in ends:
        returns.append(hour.index / index - 1 if index else 0.0)
        index = hour.index
    return returns


def day_rows(ends: Sequence[tuple[int, Hour]], trips: Sequence[Trip], equity_micros: int) -> list[DayRow]:
    """`equity_micros`: at the beginning of the time."""
    return list(_rows([(day_name(day), hour) for day, hour in ends], trips, equity_micros, len("2025-04-06")))


def month_rows(ends: Sequence[tuple[int, Hour]], trips: Sequence[Trip], equity_micros: int) -> list[DayRow]:
    months = {day_name(day)[:7]: hour for day, hour in ends}  # The last day of each counts.
    return list(_rows(list(months.items()), trips, equity_micros, len("2025-04")))


def _rows(
    ends: Sequence[tuple[str, Hour]], trips: Sequence[Trip], equity_micros: int, letters: int
) -> Iterator[DayRow]:
    results: dict[str, list[int]] = {}
    for trip in trips:
        results.setdefault(iso_seconds(trip.closed_ns)[:letters], []).append(trip.pnl_micros)
    index = highest = 1.0
    flows = 0
    for name, hour in ends:
        flow = hour.deposited_micros - flows
        ended = results.get(name, [])
        highest = max(highest, hour.index)
        yield DayRow(
            day=name,
            equity_usd=usd_of(hour.equity_micros),
            flow_usd=usd_of(flow),
            gain_usd=usd_of(hour.equity_micros - equity_micros - flow),
            day_return=hour.index / index - 1 if index else 0.0,
            drawdown=hour.index / highest - 1,
            trades=len(ended),
            trades_usd=usd_of(sum(ended)),
        )
        index, flows, equity_micros = hour.index, hour.deposited_micros, hour.equity_micros


def points_of(hours: Sequence[Hour], held: Sequence[Mint]) -> list[Point]:
    """At most `POINTS_MAX`, the first and the last among them."""
    step = max(1, -(-len(hours) // POINTS_MAX))
    kept = [*hours[::-step][::-1]]
    if hours and kept[0] is not hours[0]:
        kept.insert(0, hours[0])
    first = first_prices(hours, held)
    points = {
        hour.at_ns // NS: Point(
            hour.at_ns // NS,
            hour.equity_micros / MICROS,
            hour.deposited_micros / MICROS,
            hour.index,
            held_index(hour, first),
        )
        for hour in kept
    }
    return list(points.values())


def first_prices(hours: Sequence[Hour], mints: Sequence[Mint]) -> dict[Mint, int]:
    """The first price of each token in the time. One without any is left out."""
    found: dict[Mint, int] = {}
    for hour in hours:
        for mint in mints:
            if mint not in found and hour.prices.get(mint):
                found[mint] = hour.prices[mint]
        if len(found) == len(mints):
            break
    return found


def held_index(hour: Hour, first: dict[Mint, int]) -> float | None:
    """One dollar in equal parts in these tokens, never rebalanced. A part is cash until its token has a price."""
    if not first:
        return None
    return sum(hour.prices.get(mint, price) / price for mint, price in first.items()) / len(first)


def day_name(day: int) -> str:
    return iso_seconds(day * DAY_NS)[:10]
