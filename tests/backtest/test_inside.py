"""Exits inside a candle: which rule sells, at which price, and what of it is assumption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from tests.backtest.tapes import START_NS, STEP_NS, Candle, buy, fills, paid_price, run, tape_of
from tests.support.core_desk import CoreDesk

from overmind.backtest.inside import InsideSummary, met, reached_inside
from overmind.core.books.book import WalletBook
from overmind.core.books.positions import Lot, Position
from overmind.core.books.triggers import set_stops
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.units import NS, PPM
from overmind.core.model.wallet import Exits
from overmind.prices import tape as past
from overmind.prices.tape import Tape

CALM: Final[Candle] = (100, 100)
KEPT: Final = 1 / 1.0002  # what half the spread leaves
BOTH: Final = Exits(stop_loss_ppm=50_000, take_profit_ppm=50_000)
TRAIL: Final = Exits(trailing_ppm=50_000)


def at(candle: float) -> int:
    return START_NS + round(candle * STEP_NS)


def exit_of(
    folder: Path, candles: Sequence[Candle], exits: Exits, detail: Tape | None = None
) -> tuple[str, float, float, InsideSummary]:
    """Buys at the open of candle 2. The rule that sold, the price, the candle after which it did, and the summary."""
    signal = structs.replace(buy("a", at(1.5)), exits=exits)
    played, entries = run(folder, tape_of(candles), [signal], detail=detail)
    _, *sold = fills(entries)
    if not sold:
        return "", 0, 0, played.inside
    ((order, filled, closed_ns),) = sold
    assert played.books_equal_chain
    return (
        order.signal_id.partition(":")[0],
        paid_price(order, filled),
        (closed_ns - START_NS) // STEP_NS,
        played.inside,
    )


@pytest.mark.parametrize(
    ("candles", "exits", "rule", "price", "after"),
    [
        pytest.param([(100, 101, 94, 100)], BOTH, "stop", 95.02, 3, id="the candle of the entry counts: a wick sells"),
        pytest.param([CALM, (100, 101, 94, 100)], BOTH, "stop", 95.02, 4, id="a wick of a later candle"),
        pytest.param([CALM, (90, 101, 89, 100)], BOTH, "stop", 90, 4, id="a gap below the stop: the open"),
        pytest.param([CALM, (100, 106, 99, 100)], BOTH, "profit", 105.04, 4, id="a target in a wick: its own price"),
        pytest.param([CALM, (110, 112, 99, 100)], BOTH, "profit", 110, 4, id="a gap above the target: the open"),
        pytest.param([CALM, (110, 112, 90, 100)], BOTH, "profit", 110, 4, id="a gap above comes before the stop"),
        pytest.param([CALM, (100, 106, 94, 100)], BOTH, "stop", 95.02, 4, id="both inside: the stop"),
        pytest.param([CALM, (100, 105.03, 99, 100)], BOTH, "", 0, 0, id="a target that does not pay for the spread"),
        pytest.param([CALM, (100, 104, 96, 100)], BOTH, "", 0, 0, id="neither"),
        pytest.param(
            [(100, 120), (120, 120), (120, 130, 113, 120)], TRAIL, "trail", 114, 5, id="a trail below closed candles"
        ),
        pytest.param(
            [(100, 120), (120, 120), (113, 120, 112, 120)], TRAIL, "trail", 113, 5, id="a gap below the trail"
        ),
        pytest.param(
            [CALM, (100, 130, 100, 124)], TRAIL, "", 0, 0, id="a trail does not follow the high of its candle"
        ),
    ],
)
def test_the_path_inside_a_candle(
    tmp_path: Path, candles: list[Candle], exits: Exits, rule: str, price: float, after: int
) -> None:
    tape = [CALM, CALM, *candles, *[(candles[-1][-1],) * 2] * 3]
    found, paid, candle, _ = exit_of(tmp_path, tape, exits)
    assert (found, candle) == (rule, after)
    if rule:
        assert paid == pytest.approx(price * KEPT, abs=0.02)


def test_what_the_path_assumed_is_told(tmp_path: Path) -> None:
    """Both a stop at 95.02 and a target at 105.02 lay inside: for $100 the assumption cost $10."""
    both = [CALM, CALM, CALM, (100, 106, 94, 100), CALM, CALM]
    told = exit_of(tmp_path, both, BOTH)[3]
    assert (told.exits, told.by_rule, told.gaps, told.assumed) == (1, {"stop": 1}, 0, 1)
    assert told.assumed_usd == pytest.approx(10, abs=0.05)
    sure = [CALM, CALM, CALM, (90, 94, 90, 92), CALM, CALM]
    told = exit_of(tmp_path, sure, BOTH)[3]
    assert (told.exits, told.gaps, told.assumed, told.assumed_usd) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("minutes", "rule"),
    [
        ([(100, 106), (106, 106), (106, 94), (94, 100), (100, 100)], "profit"),
        ([(100, 94), (94, 106), (106, 106), (106, 100), (100, 100)], "stop"),
    ],
    ids=["first up", "first down"],
)
def test_a_finer_tape_shows_what_came_first(tmp_path: Path, minutes: list[Candle], rule: str) -> None:
    candles = [CALM, CALM, CALM, (100, 106, 94, 100), CALM, CALM]
    fine = [*[CALM] * 15, *minutes, *[CALM] * 10]
    found, *_, told = exit_of(tmp_path, candles, BOTH, tape_of(fine, step_ns=60 * NS))
    assert found == rule
    assert (told.exits, told.assumed) == (1, 0)


def test_a_time_exit_takes_the_first_price_after_its_time(tmp_path: Path) -> None:
    """Bought a moment after 2, sold 150 s later: at the open of 3."""
    candles = [(100 + number, 100.5 + number) for number in range(7)]
    found, paid, candle, told = exit_of(tmp_path, candles, Exits(hold_max_ns=STEP_NS // 2))
    assert (found, candle, told.exits) == ("time", 3, 0)
    assert paid == pytest.approx(103 * KEPT, abs=0.01)


SHARES: Final = st.sampled_from([None, 1, 50_000, 999_999])
PRICES: Final = st.integers(1, 200)


def held(exits: Exits | None, own: Exits | None, stop_loss_ppm: int, peak: int) -> tuple[WalletBook, Position]:
    book = CoreDesk("w1").state.wallets[WalletId("w1")]
    limits = structs.replace(book.wallet.limits, stop_loss_ppm=stop_loss_ppm)
    book.wallet = structs.replace(book.wallet, limits=limits, exits=own)
    position = Position(Token("T", Mint("t"), 0))
    position.add(Lot(None, 1, 100, 0))
    position.exits, position.peak_pico = exits, peak * 1_000_000
    set_stops(book, position)
    return book, position


@given(
    exits=st.none() | st.builds(Exits, SHARES, SHARES, SHARES),
    own=st.none() | st.builds(Exits, SHARES, SHARES, SHARES),
    stop_loss_ppm=st.sampled_from([0, 1, 50_000]),
    peak=PRICES,
    prices=st.tuples(PRICES, PRICES, PRICES),
    kept_ppm=st.sampled_from([PPM, PPM - 100]),
)
def test_a_candle_that_reaches_a_trigger_has_met_one(
    exits: Exits | None,
    own: Exits | None,
    stop_loss_ppm: int,
    peak: int,
    prices: tuple[int, int, int],
    kept_ppm: int,
) -> None:
    """Only candles that met a trigger are looked into, so none that reaches one may be passed over."""
    low, opened, high = (price * 1_000_000 for price in sorted(prices))
    candle = past.Candle(opened, high, low, 10**12, 0)
    book, position = held(exits, own, stop_loss_ppm, peak)
    if reached_inside(book, position, candle, kept_ppm) is not None:
        assert met(book, position, candle)
