"""What trading costs in a backtest: relations that must hold between runs, whatever the numbers of the market are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import pytest
from msgspec import structs
from tests.backtest.tapes import (
    FREE,
    PERFECT,
    START_NS,
    STEP_NS,
    Candle,
    buy,
    costs_with,
    fills,
    run,
    sell_all,
    tape_of,
)

from overmind.backtest.activity import TapeActivity
from overmind.backtest.tapes import with_sol
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import Entry
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Filled
from overmind.core.model.signal import Signal
from overmind.core.model.units import MICROS, NS, PICO, PPM
from overmind.prices.tape import Series, Tape
from overmind.venues.depth.classes import Costs, Level
from overmind.venues.depth.reading import shipped_costs

ETH: Final = Mint("7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs")
MINUTE_NS: Final = 60 * NS
HOUR_NS: Final = 3_600 * NS
DEVIATION: Final = 0.001  # of a minute's price


def at(candle: float) -> int:
    return START_NS + round(candle * STEP_NS)


def walk(minutes: int, seed: int = 3, per_minute: int = 300) -> list[tuple[float, float, float, float, float]]:
    """Candles of a random walk: open, high, low, close, and a volume that differs from minute to minute."""
    draw, price, found = Random(seed), 100.0, []
    for _ in range(minutes):
        path = [price]
        for _ in range(per_minute):
            price *= 1 + draw.gauss(0, DEVIATION / per_minute**0.5)
            path.append(price)
        found.append((path[0], max(path), min(path), path[-1], draw.lognormvariate(8, 1)))
    return found


def minutes_tape(rows: Sequence[tuple[float, float, float, float, float]], minutes: int, mint: Mint = SOL) -> Tape:
    """The same walk in candles of so many minutes."""
    groups = [rows[begin : begin + minutes] for begin in range(0, len(rows) // minutes * minutes, minutes)]
    step_ns = minutes * MINUTE_NS
    columns = [
        (
            group[0][0],
            max(one[1] for one in group),
            min(one[2] for one in group),
            group[-1][3],
            sum(one[4] for one in group),
        )
        for group in groups
    ]
    opens, highs, lows, closes = (tuple(round(row[place] * PICO) for row in columns) for place in range(4))
    series = Series(
        mint=mint,
        start_ns=START_NS,
        step_ns=step_ns,
        closed_at_ns=tuple(START_NS + (number + 1) * step_ns for number in range(len(groups))),
        open_pico=opens,
        high_pico=highs,
        low_pico=lows,
        close_pico=closes,
        depth_micros=tuple(round(row[4] * row[3] * MICROS) for row in columns),
        range_bps=tuple(
            -(-(high - low) * 10_000 // close) for high, low, close in zip(highs, lows, closes, strict=True)
        ),
    )
    return Tape({mint: series})


def test_tapes_of_one_and_of_five_minutes_agree() -> None:
    """Depth, and so every impact, to a tenth; volatility too, and both from hour to hour."""
    rows = walk(600, per_minute=100)
    fine, coarse = (TapeActivity(minutes_tape(rows, minutes)) for minutes in (1, 5))
    for hour in range(1, 10):
        at_ns = START_NS + hour * HOUR_NS
        traded = [one.traded_micros(SOL, at_ns, HOUR_NS) for one in (fine, coarse)]
        moved = [one.volatility_ppm(SOL, at_ns, HOUR_NS) for one in (fine, coarse)]
        assert traded[0] == pytest.approx(traded[1], rel=0.1)
        assert moved[0] == pytest.approx(moved[1], rel=0.25)  # Of one hour there are only twelve coarse candles.
    moved = [one.volatility_ppm(SOL, START_NS + 10 * HOUR_NS, 10 * HOUR_NS) for one in (fine, coarse)]
    assert moved[0] == pytest.approx(moved[1], rel=0.1)
    assert moved[1] == pytest.approx(DEVIATION * 60**0.5 * PPM, rel=0.1)


@pytest.mark.parametrize(
    ("at_candle", "hours", "traded"),
    [(0, 1, 0), (1, 1, 12), (2, 1, 12), (12, 1, 12), (20, 1, 12), (20, 2, 24)],
    ids=[
        "before the first close",
        "one candle, as if it went on",
        "two",
        "the whole hour",
        "later",
        "scaled to two hours",
    ],
)
def test_what_was_traded_in_a_rolling_time(at_candle: int, hours: int, traded: int) -> None:
    tape = tape_of([(100, 100)] * 24)
    assert TapeActivity(tape).traded_micros(SOL, at(at_candle), hours * HOUR_NS) == traded * 10**17
    assert TapeActivity(tape).traded_micros(ETH, at(at_candle), hours * HOUR_NS) == 0


def test_nothing_was_traded_in_a_gap() -> None:
    tape = tape_of([(100, 100)] * 24, missing=range(6, 12))
    assert TapeActivity(tape).traded_micros(SOL, at(12), HOUR_NS) == 6 * 10**17


CANDLES: Final[list[Candle]] = [(100 + number % 7, 101 + number % 5) for number in range(40)]
TRADES: Final = [
    buy("a", at(14.99), 800),
    buy("b", at(15.99), 700),
    sell_all("c", at(30.5)),
    buy("d", at(33.2), 900),
]


def of_class(level: Level = Level.NORMAL, **values: int) -> Costs:
    return costs_with(**values) if values else shipped_costs(level)


def test_free_and_bottomless_it_is_the_closed_form(tmp_path: Path) -> None:
    """Every fill is the opening price to the last unit, rounded against the trader."""
    _, entries = run(tmp_path, tape_of(CANDLES), TRADES, costs=costs_with(**FREE))
    bought, again, sold, last, *_ = fills(entries)
    for (order, filled, _), price in ((bought, CANDLES[15][0]), (again, CANDLES[16][0]), (last, CANDLES[34][0])):
        assert filled.received_units == order.spend.units * 1_000 // round(price)
    units = bought[1].received_units + again[1].received_units
    assert sold[1].received_units == units * round(CANDLES[31][0]) // 1_000
    assert {filled.fee_lamports for _, filled, _ in fills(entries)} == {13_000}


def test_finer_candles_give_the_same_fills_just_before_a_coarse_open(tmp_path: Path) -> None:
    """A signal there meets the same opening price, whether or not the time before was cut finer."""
    rows = walk(200, per_minute=30)
    signals = [buy(f"s{number}", at(number) - NS, 90) for number in range(15, 39, 5)]
    free = [run(tmp_path, minutes_tape(rows, minutes), signals, costs=costs_with(**FREE))[1] for minutes in (1, 5)]
    fine, coarse = (told(entries) for entries in free)
    assert fine == coarse
    assert len(fine) == len(signals)
    costly = [run(tmp_path, minutes_tape(rows, minutes), signals, costs=of_class())[1] for minutes in (1, 5)]
    fine, coarse = (told(entries) for entries in costly)
    assert [row[:2] for row in fine] == [row[:2] for row in coarse]  # The same orders fill, after the same signals.
    for a, b in zip(fine, coarse, strict=True):
        assert a[2] == pytest.approx(b[2], rel=0.0003)  # Depth and drift differ by what coarse candles do not show.


def told(entries: list[Entry]) -> list[tuple[str, int, int]]:
    return [(order.id, order.spend.units, filled.received_units) for order, filled, _ in fills(entries)]


def test_prices_doubled_and_quantities_halved_change_no_return(tmp_path: Path) -> None:
    """SOL's price for fees stated. Fate, costs and dollars are the same; only tokens are counted in other units."""
    tapes = [
        with_sol(tape_of([(a * by, b * by) for a, b in CANDLES], ETH, volume=volume), 150)
        for by, volume in ((1, 2e-10), (2, 1e-10))
    ]
    signals = [structs.replace(one, mint=ETH) for one in TRADES]
    (once, one), (twice, other) = (run(tmp_path, tape, signals, costs=of_class()) for tape in tapes)
    assert once.portfolio.total_value_usd == pytest.approx(twice.portfolio.total_value_usd, abs=0.01)
    assert len(fills(one)) >= 3
    for (a, filled_a, at_a), (b, filled_b, at_b) in zip(fills(one), fills(other), strict=True):
        assert (a.id, at_a, filled_a.fee_lamports) == (b.id, at_b, filled_b.fee_lamports)
        assert dollars(a, filled_a) == pytest.approx(dollars(b, filled_b), rel=1e-6)


def dollars(order: Order, filled: Filled) -> int:
    return filled.spent_units if order.is_entry else filled.received_units


def test_many_small_orders_cost_what_a_large_one_does(tmp_path: Path) -> None:
    """78 buys of $100 at one opening price. Without memory, each of them would meet an untouched pool."""
    costs = costs_with(**{**FREE, "depth_per_volume_percent": 0, "depth_floor_usd": 2_000_000 * MICROS})
    many = [by_hft(buy(f"s{number}", at(15.5) + 20_000_000 * number)) for number in range(78)]
    lost = [
        lost_dollars(run(tmp_path, tape_of([(100, 100)] * 20), signals, costs=costs)[1], 100)
        for signals in (many, [by_hft(buy("s", at(15.5), 7_800))])
    ]
    assert lost[1] == pytest.approx(7_800 * 7_800 / 2_007_800, rel=0.01)
    assert lost[0] == pytest.approx(lost[1], rel=0.2)


def by_hft(signal: Signal) -> Signal:
    """Of the one wallet whose limits let all of it pass."""
    others = tuple(WalletId(f"{name}_wallet") for name in ("primary", "conservative", "experimental"))
    return structs.replace(signal, strategy=StrategyType.ARBITRAGE, exclude=others)


def lost_dollars(entries: list[Entry], price: int) -> float:
    done = fills(entries)
    spent = sum(filled.spent_units for _, filled, _ in done) / MICROS
    assert spent == 7_800, f"{len(done)} fills"
    return spent - sum(filled.received_units for _, filled, _ in done) / 10**9 * price


def test_an_empty_candle_forbids_no_exit(tmp_path: Path) -> None:
    """Nobody traded for the whole hour: a small sale meets the floor at once, and a plain market has no offer."""
    volumes = [1e-4 if number < 10 else 0 for number in range(60)]
    tape = tape_of([(100, 100)] * 60, volumes=volumes)
    signals = [buy("a", at(5.5), 400), sell_all("b", at(40.5))]
    _, plain = run(tmp_path, tape, signals, PERFECT)
    assert [order.is_entry for order, _, _ in fills(plain)] == [True]
    _, deep = run(tmp_path, tape, signals, costs=costs_with(**{**FREE, "depth_floor_usd": 50_000 * MICROS}))
    assert [order.is_entry for order, _, _ in fills(deep)] == [True, False]
    assert 0 <= fills(deep)[1][2] - at(41) < NS


def test_an_exit_that_is_too_large_for_the_floor_waits_for_its_depth(tmp_path: Path) -> None:
    volumes = [1e-4 if number < 10 or number > 44 else 0 for number in range(60)]
    falling = [(100, 100)] * 40 + [(80, 80)] * 20  # The wallet's stop loss sells.
    shallow = costs_with(**{**FREE, "depth_floor_usd": 1_000 * MICROS, "depth_per_volume_percent": PPM})
    _, entries = run(tmp_path, tape_of(falling, volumes=volumes), [buy("a", at(5.5), 900)], costs=shallow)
    (_, bought, _), *sales = fills(entries)
    assert not any(order.is_entry for order, _, _ in sales)
    assert sum(filled.spent_units for _, filled, _ in sales) == bought.received_units
    assert min(filled_ns for _, _, filled_ns in sales) >= at(45)


def test_a_costlier_level_costs_more(tmp_path: Path) -> None:
    tape = tape_of(CANDLES, volume=1e-8)
    equity = [
        run(tmp_path, tape, TRADES[:3], costs=shipped_costs(level))[0].portfolio.total_value_usd for level in Level
    ]
    assert equity == sorted(equity, reverse=True)
