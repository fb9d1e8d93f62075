"""Signals that look into the candle around them earn no more than signals at random: three cheats on real candles.

Each cheat picks candles by what only their end shows, and buys as if it could still have their opening price. Nothing
was ever fitted to these candles.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Final, NamedTuple

import pytest
from msgspec import structs
from tests.backtest.tapes import buy, fills, paid_price, run, sell_all
from tests.backtest.test_month import MONTH

from overmind.clock.instants import instant_ns
from overmind.core.model.ids import SOL
from overmind.core.model.money import Token
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.core.model.wallet import Exits
from overmind.prices.candles import load_tape, shipped_tape_path
from overmind.prices.tape import Series, Tape

STEP_NS: Final = 300 * NS
CANDLES_A_DAY: Final = 288
APART: Final = 4  # candles between two trades
GOOD: Final = 1.003  # a candle that is worth cheating for
TARGET: Final = Exits(take_profit_ppm=3_000)
SOL_TOKEN: Final = Token("SOL", SOL, 9, "token")

# The file, how many of its days, and how many trades.
SOME_DAYS: Final = pytest.param(shipped_tape_path() / "SOLUSDT_5m.csv", 3, 90, id="days")
WHOLE_MONTH: Final = pytest.param(MONTH / "SOLUSDT_5m.csv", 30, 400, id="month", marks=pytest.mark.soak)


class Candle(NamedTuple):
    opened_ns: int
    opened: float
    high: float
    low: float
    closed: float


class Cheat(NamedTuple):
    knows: Callable[[Candle], float]  # what the candle brings whoever has its opening price
    after_ns: int  # when in the candle it buys
    exits: Exits | None = None


CHANCE: Final = Cheat(lambda one: 1.0, 0)
CHEATS: Final = {
    "a second before the close": Cheat(lambda one: one.closed / one.opened, STEP_NS - NS),
    "stamped with the open": Cheat(lambda one: one.closed / one.opened, 0),
    "reads the high of its own candle": Cheat(lambda one: one.high / one.opened, 1, TARGET),
}


@cache
def candles(file: Path, days: int) -> list[Candle]:
    with file.open() as rows:
        return [
            Candle(instant_ns(row[0]), *map(float, row[1:5]))
            for row in list(csv.reader(rows))[1 : 1 + days * CANDLES_A_DAY]
        ]


def spaced(numbers: Sequence[int], count: int, seed: int) -> tuple[int, ...]:
    """So many of them, drawn, but never two close together."""
    drawn, kept = Random(seed).sample(numbers, len(numbers)), dict[int, int]()
    for number in drawn:
        if not any(number // APART + by in kept for by in (-1, 0, 1)) and len(kept) < count:
            kept[number // APART] = number
    return tuple(sorted(kept.values()))


def trade(number: int, candle: Candle, cheat: Cheat) -> list[Signal]:
    """Buys in this candle and sells in the next one: at once after the close that it knows."""
    bought = structs.replace(buy(f"b{number}", candle.opened_ns + cheat.after_ns, 1_000), exits=cheat.exits)
    return [bought, sell_all(f"s{number}", candle.opened_ns + STEP_NS + NS)]


@cache
def returns_of(file: Path, days: int, picked: tuple[int, ...], cheat: Cheat) -> list[float]:
    told = candles(file, days)
    signals = [signal for number in picked for signal in trade(number, told[number], cheat)]
    with tempfile.TemporaryDirectory() as folder:
        _, entries = run(Path(folder), first(load_tape(file, {"SOL": SOL_TOKEN}), len(told)), signals)
    found, paid = list[float](), 0.0
    for order, filled, _ in fills(entries):
        if order.is_entry:
            paid = paid_price(order, filled)
        else:
            found.append(paid_price(order, filled) / paid - 1)
    return found


def first(tape: Tape, count: int) -> Tape:
    """Its first candles alone."""
    one = tape.series[SOL]
    prices = (one.open_pico, one.high_pico, one.low_pico, one.close_pico)
    columns = (one.closed_at_ns, *prices, one.depth_micros, one.range_bps)
    return Tape({SOL: Series(SOL, one.start_ns, one.step_ns, *(column[:count] for column in columns))})


@pytest.mark.parametrize("name", CHEATS)
@pytest.mark.parametrize(("file", "days", "count"), [SOME_DAYS, WHOLE_MONTH])
def test_a_cheat_earns_no_more_than_chance(file: Path, days: int, count: int, name: str) -> None:
    told, cheat = candles(file, days), CHEATS[name]
    inside = range(2, len(told) - APART)
    good = spaced([number for number in inside if cheat.knows(told[number]) > GOOD], count, 1)
    cheated = returns_of(file, days, good, cheat)
    by_chance = returns_of(file, days, spaced(inside, count, 2), Cheat(CHANCE.knows, 0, cheat.exits))
    assert min(len(cheated), len(by_chance)) > count // 2

    error = (stdev(cheated) ** 2 / len(cheated) + stdev(by_chance) ** 2 / len(by_chance)) ** 0.5
    hoped = fmean(cheat.knows(told[number]) - 1 for number in good)
    assert fmean(cheated) < fmean(by_chance) + 3 * error
    assert 3 * error < hoped, "what the cheat hopes for would not show"
