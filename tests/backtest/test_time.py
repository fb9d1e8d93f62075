"""The rule of time: a signal is decided on what was known before it, and fills at the first price after it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.backtest.tapes import START_NS, STEP_NS, Candle, buy, fills, paid_price, run, sell_all, tape_of

from overmind.core.model.events import Entry
from overmind.core.model.signal import Signal
from overmind.core.model.units import NS
from overmind.core.model.wallet import Exits
from overmind.venues.depth.classes import Costs, Level
from overmind.venues.depth.reading import shipped_costs
from overmind.venues.paper import PaperModel

# Each candle opens elsewhere than the last one closed, so a price says of which candle it is, and whether it opened it.
CANDLES: Final[list[Candle]] = [(100 + 10 * number, 105 + 10 * number) for number in range(10)]
SPREAD: Final = 1.0002  # half of it is paid on the way in


def at(candle: float) -> int:
    """An instant, in candles from the beginning."""
    return START_NS + round(candle * STEP_NS)


@pytest.mark.parametrize(
    ("signal_ns", "filled_ns", "price"),
    [
        pytest.param(at(2.5), at(3), 130, id="inside a candle: the next open"),
        pytest.param(at(3) - NS, at(3), 130, id="a second before the close: the next open, not the last close"),
        pytest.param(at(3) - 1, at(3), 130, id="a moment before the close"),
        pytest.param(at(3), at(4), 140, id="at the open: that price is not after the signal"),
        pytest.param(at(3) + 1, at(4), 140, id="just after the open"),
        pytest.param(at(0.5), at(1), 110, id="in the first candle"),
        pytest.param(at(8.5), at(9), 190, id="before the last candle"),
    ],
)
def test_a_signal_fills_at_the_first_price_after_it(
    tmp_path: Path, signal_ns: int, filled_ns: int, price: float
) -> None:
    _, entries = run(tmp_path, tape_of(CANDLES), [buy("a", signal_ns)])
    ((order, filled, closed_ns),) = fills(entries)
    assert paid_price(order, filled) == pytest.approx(price * SPREAD)
    assert 0 <= closed_ns - filled_ns < NS


def test_a_sale_fills_at_the_first_price_after_it(tmp_path: Path) -> None:
    _, entries = run(tmp_path, tape_of(CANDLES), [buy("a", at(1.5)), sell_all("b", at(4.9))])
    (_, (order, filled, closed_ns)) = fills(entries)
    assert paid_price(order, filled) == pytest.approx(150 / SPREAD)
    assert 0 <= closed_ns - at(5) < NS


@pytest.mark.parametrize("signal_ns", [at(9.5), at(10)], ids=["in the last candle", "at its close"])
def test_after_the_last_open_nothing_fills(tmp_path: Path, signal_ns: int) -> None:
    played, entries = run(tmp_path, tape_of(CANDLES), [buy("a", signal_ns)])
    assert (played.orders, played.rejected, fills(entries)) == (1, 1, [])


def test_a_gap_has_no_price(tmp_path: Path) -> None:
    """An order does not wait for the end of a gap, and one inside of it is decided only while the mark is fresh."""
    tape = tape_of(CANDLES, missing=(4, 5, 6))
    for signal_ns in (at(3.5), at(4.5)):
        played, entries = run(tmp_path, tape, [buy("a", signal_ns)])
        assert (played.orders, played.rejected, fills(entries)) == (1, 1, [])
    played, _ = run(tmp_path, tape, [buy("a", at(6.5))])
    assert played.refusal_codes == {"PRICE_STALE": 1}


def test_a_fast_market_filters_nothing_out(tmp_path: Path) -> None:
    """A tenth above the known mark: time to live and slippage begin at the first price after the signal."""
    played, _ = run(tmp_path, tape_of(CANDLES), [buy("a", at(1.001)), buy("b", at(2.999))])
    assert (played.orders, played.filled) == (2, 2)


def test_a_limit_price_holds_at_the_price_that_is_paid(tmp_path: Path) -> None:
    limited = structs.replace(buy("a", at(2.5)), target_price_pico=129 * 10**12)
    played, _ = run(tmp_path, tape_of(CANDLES), [limited])
    assert (played.filled, played.rejected) == (0, 1)


prices = st.integers(900, 1_100).map(lambda cents: cents / 10)
candles_of = st.tuples(prices, prices, prices, prices).map(lambda one: (one[0], max(one), min(one), one[3]))
tapes = st.lists(candles_of, min_size=6, max_size=12)
EXITS: Final = st.sampled_from(
    (None, Exits(stop_loss_ppm=20_000), Exits(stop_loss_ppm=10_000, trailing_ppm=30_000, take_profit_ppm=10_000))
)


@st.composite
def signals_of(draw: st.DrawFn, candles: int) -> list[Signal]:
    """Buys and sales at any instant, on the edges of candles more often than by chance."""
    count = draw(st.integers(1, 6))
    opens = st.integers(0, candles).map(at)
    edges = st.builds(int.__add__, opens, st.sampled_from((-NS, -1, 0, 1, NS)))
    instants = st.one_of(edges, st.integers(at(0), at(candles)))
    made = [(draw(instants), draw(st.booleans())) for _ in range(count)]
    within = ((number, min(max(at_ns, at(0)), at(candles)), sells) for number, (at_ns, sells) in enumerate(made))
    return [
        sell_all(f"s{number}", at_ns)
        if sells and number
        else structs.replace(buy(f"s{number}", at_ns), exits=draw(EXITS))
        for number, at_ns, sells in within
    ]


def shifted(candles: list[Candle], now_ns: int, by: float) -> list[Candle]:
    """The same tape with every price after `now_ns` changed: of an open candle, all but its opening."""
    return [
        (
            opened if at(number) <= now_ns else opened * by,
            *(one if at(number + 1) <= now_ns else one * by for one in rest),
        )
        for number, (opened, *rest) in enumerate(candles)
    ]


def until(entries: list[Entry], now_ns: int) -> list[Entry]:
    return [entry for entry in entries if entry.at_ns <= now_ns]


def check_no_look_ahead(folder: Path, data: st.DataObject, costs: Costs | None = None) -> None:
    candles = data.draw(tapes)
    signals = data.draw(signals_of(len(candles)))
    now_ns = data.draw(st.one_of(st.integers(0, len(candles)).map(at), st.integers(at(0), at(len(candles)))))
    by = data.draw(st.sampled_from((0.7, 0.98, 1.02, 1.5)))
    before, after = (
        until(run(folder, tape_of(one), signals, PaperModel(), costs=costs)[1], now_ns)
        for one in (candles, shifted(candles, now_ns, by))
    )
    assert before == after


@settings(max_examples=8, phases=(Phase.generate,))  # `make soak` shrinks.
@given(st.data())
def test_prices_after_an_instant_change_nothing_before_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    check_no_look_ahead(tmp_path_factory.getbasetemp(), data)


@settings(max_examples=2, phases=(Phase.generate,))
@given(st.data())
def test_nor_do_they_in_a_market_with_memory(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    check_no_look_ahead(tmp_path_factory.getbasetemp(), data, shipped_costs(Level.STRESS))


@pytest.mark.soak
@pytest.mark.parametrize("level", [None, *Level], ids=str)
@settings(max_examples=100)
@given(st.data())
def test_prices_after_an_instant_change_nothing_before_it_at_length(
    tmp_path_factory: pytest.TempPathFactory, level: Level | None, data: st.DataObject
) -> None:
    check_no_look_ahead(tmp_path_factory.getbasetemp(), data, None if level is None else shipped_costs(level))
