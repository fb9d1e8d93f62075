"""Lots leave first in, first out; rounding loses no cost; profit equals the change of value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.core_desk import CoreDesk, rows
from tests.support.effort import examples

from overmind.core.books.positions import Lot, Position, cost_of
from overmind.core.model.enums import StrategyType
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.units import MICROS, PICO

WHOLE = Token("WHOLE", Mint("whole"), 0)
MOMENTUM, ARBITRAGE = StrategyType.MOMENTUM_TRADING, StrategyType.ARBITRAGE

TABLE = """
lots, as units:cost | taken | cost of what was taken | lots left
10:100              | 10    | 100 |
10:100              | 4     | 40 | 6:60
10:100 5:500        | 10    | 100 | 5:500
10:100 5:500        | 12    | 300 | 3:300
10:100 5:500        | 15    | 600 |
# Half a micro-USD stays with the lot: costs are rounded down, and the last unit takes the rest.
3:100       | 1 | 33 | 2:67
2:67        | 1 | 33 | 1:34
1:34        | 1 | 34 |
3:1         | 2 | 0 | 1:1
3:100 3:100 | 4 | 133 | 2:67
"""


@pytest.mark.parametrize(("lots", "taken", "cost", "left"), rows(TABLE))
def test_the_oldest_units_leave_first(lots: str, taken: str, cost: str, left: str) -> None:
    position = Position(WHOLE)
    for lot in lots.split():
        units, lot_cost = lot.split(":")
        position.add(Lot(MOMENTUM, int(units), int(lot_cost)))
    assert cost_of(position.take(int(taken))) == int(cost)
    assert " ".join(f"{lot.units}:{lot.cost_micros}" for lot in position.lots) == left
    assert position.units == sum(lot.units for lot in position.lots)
    assert position.cost_micros == sum(lot.cost_micros for lot in position.lots)


@settings(derandomize=True, max_examples=examples(200))
@given(
    st.lists(st.tuples(st.integers(1, 2**70), st.integers(0, 2**70), st.sampled_from([None, MOMENTUM, ARBITRAGE]))),
    st.lists(st.integers(0, 100)),
)
def test_splitting_lots_conserves_their_cost(
    lots: list[tuple[int, int, StrategyType | None]], percents: list[int]
) -> None:
    position, taken = Position(WHOLE), 0
    for units, cost, strategy in lots:
        position.add(Lot(strategy, units, cost))
    paid = position.cost_micros
    for percent in (*percents, 100):
        if units := position.units * percent // 100:
            taken += cost_of(position.take(units))
        assert taken + position.cost_micros == paid
        assert sum(position.units_by.values()) == position.units
    assert (taken, position.lots, position.units_by) == (paid, [], {})


def test_each_strategy_owns_its_lots() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill; buy eth $3000 by arbitrage; fill; deposit w1 1 eth; mark eth 2200")
    position = desk.book("w1").positions[Mint("eth")]
    owned = {MOMENTUM: 1_100 * MICROS, ARBITRAGE: 3_300 * MICROS, "deposit": 2_200 * MICROS}
    assert position.value_by(2_200 * PICO) == desk.book("w1").deployed == owned
    desk.play("sell eth 1 by arbitrage; fill")  # First in, first out, whichever strategy sells.
    owned = {ARBITRAGE: 2_200 * MICROS, "deposit": 2_200 * MICROS}
    assert position.value_by(2_200 * PICO) == desk.book("w1").deployed == owned


def test_the_average_cost_is_per_whole_token() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill; mark eth 2500; buy eth $1000; fill")
    position = desk.book("w1").positions[Mint("eth")]
    assert position.units == 90_000_000
    assert position.average_cost_pico == 2_000 * MICROS * PICO * 10 // (9 * MICROS)
    desk.play("sell eth 0.5; fill")
    assert position.average_cost_pico == 2_500 * PICO
    assert Position(WHOLE).average_cost_pico == 0


def test_profit_and_loss_of_a_trade_to_the_last_micro() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill fee 50000 rent 2039280; mark eth 2200")
    book = desk.book("w1")
    costs = 5_000 + 203_928  # at $100 per SOL
    assert (book.unrealised_micros, book.realised_micros) == (100 * MICROS, -costs)
    desk.play("sell eth 0.25; fill at 2190 fee 50000")
    assert book.realised_micros == 547_500_000 - 500_000_000 - costs - 5_000
    assert book.unrealised_micros == 50 * MICROS


def test_a_fee_is_rounded_up_and_a_value_down() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill fee 1")
    assert desk.book("w1").realised_micros == -1
    desk.play("buy btc $0.000001; expire; deposit w1 0.00000001 btc; mark btc 49999")
    assert desk.book("w1").deployed["deposit"] == desk.book("w1").positions_micros - 1000 * MICROS == 499


@settings(derandomize=True, max_examples=examples(60))
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 99), st.integers(1_900, 2_100)), min_size=1, max_size=12))
def test_realised_and_unrealised_are_the_change_of_value(steps: list[tuple[bool, int, int]]) -> None:
    """Cash and positions change by exactly the realised and the unrealised profit."""
    desk = CoreDesk("w1; deposit w1 1 eth")
    book, before = desk.book("w1"), 11_900 * MICROS
    for buys, percent, price in steps:
        desk.now_ns += 10**9
        desk.play("mark sol 100")
        desk.play(f"buy eth ${percent}" if buys else f"sell eth 0.0{percent}")
        if desk.state.open_orders:
            desk.play("fill")
        desk.play(f"mark eth {price}")
        value = desk.balance("w1/free", "usd") + desk.balance("w1/held", "usd") + book.positions_micros
        assert value - before == book.realised_micros + book.unrealised_micros


def test_amounts_beyond_int64_are_held_valued_and_sold() -> None:
    desk = CoreDesk("w1; mark btc 0.000000000001")
    huge = 2**70
    desk.play(f"deposit w1 {huge // 10**8}.{huge % 10**8:08} btc")
    assert desk.book("w1").positions[Mint("btc")].units == huge
    desk.play("sell btc all; fill")
    assert not desk.book("w1").positions
    assert desk.state.ledger.totals()[Mint("btc")] == 0


def test_a_buy_is_booked_although_its_token_is_listed_no_more() -> None:
    desk = CoreDesk("w1; buy eth $1000; desk without eth; fill; mark eth 2200")
    assert desk.book("w1").positions_micros == 1_100 * MICROS
