"""Lots that leave and come back, held to the plain form that the simulator's checkers use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec
import pytest
from bench.desks import PureDesk, buy
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from tests.support import plain_lots
from tests.support.effort import examples

from overmind.core.books.positions import Lot, Position, owns
from overmind.core.books.settle.owners import seller_of
from overmind.core.model.enums import SaleScope, StrategyType
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Order

OWNERS = (None, StrategyType.ARBITRAGE, StrategyType.TOKEN_SNIPING)


def _order() -> Order:
    desk = PureDesk(1)
    (placed,) = desk.run(buy(1, desk.mints[1], desk.state.at_ns), desk.state.at_ns)
    assert isinstance(placed, OrderPlaced), placed
    return structs.replace(placed.order, scope=SaleScope.DESK)


ORDER = _order()

# Few owners, times and origins, so that lots are alike. In old journals times are out of order and origins are blank.
LOT = st.builds(
    Lot,
    st.sampled_from(OWNERS),
    st.integers(1, 5),
    st.integers(0, 20),
    st.integers(0, 3),
    st.sampled_from(["", "a.0.0", "b.0.0"]),
    st.sampled_from(["", "", "bot", "chart"]),
)
LOTS = st.lists(LOT, min_size=1, max_size=9)
IN_ORDER = LOTS.map(lambda lots: sorted(lots, key=lambda lot: lot.opened_ns))


def position(lots: list[Lot]) -> Position:
    held = Position(Token("T", Mint("t"), 6))
    for lot in lots:
        held.add(structs.replace(lot))
    return held


def plain(lots: list[Lot]) -> plain_lots.Lots:
    return [plain_lots.Lot(**structs.asdict(lot)) for lot in lots]


def require_same(held: Position, expected: plain_lots.Lots) -> None:
    assert msgspec.to_builtins(held.lots) == msgspec.to_builtins(expected)
    assert (held.units, held.cost_micros) == (plain_lots.total(expected), plain_lots.cost(expected))
    by = Counter[str]()
    for lot in expected:
        by[lot.owner] += lot.units
    assert held.units_by == by_strategy(expected)
    assert held.units_of_sources == {owner: units for owner, units in by.items() if "@" in owner}


def by_strategy(lots: plain_lots.Lots) -> dict[str, int]:
    by = Counter[str]()
    for lot in lots:
        by[lot.strategy or "deposit"] += lot.units
    return +by


@settings(max_examples=examples(100), deadline=None)
@given(LOTS, st.data())
def test_a_sale_takes_what_the_plain_form_takes(lots: list[Lot], data: st.DataObject) -> None:
    held, expected = position(lots), plain(lots)
    owned = Counter[str]()
    for lot in expected:
        owned[lot.owner] += lot.units
    reserved = {owner: data.draw(st.integers(1, units)) for owner, units in owned.items() if data.draw(st.booleans())}
    units, scope = data.draw(st.integers(0, held.units)), data.draw(st.sampled_from(SaleScope))
    order = structs.replace(ORDER, scope=scope, strategy=StrategyType.ARBITRAGE)
    expected_shares = plain_lots.shares_of(expected, order, "bot", units, Counter(reserved))
    if scope is SaleScope.STRATEGY and not held.units_of_sources:
        shares = {StrategyType.ARBITRAGE.value: units}
    else:
        seller = seller_of(order, "bot")
        shares = held.shares_of_oldest(units, reserved, seller)
        assert not seller or all(owns(seller, owner) for owner in shares)
    assert shares == expected_shares
    # A fork may have taken what was reserved, so shares may name owners that hold less.
    sold_shares = data.draw(st.sampled_from([shares, {"deposit": held.units}, {"deposit": 1, OWNERS[1]: 2}]))
    sold = sell(held, units, sold_shares)
    assert msgspec.to_builtins(sold) == msgspec.to_builtins(plain_lots.sell(expected, units, sold_shares))
    require_same(held, expected)


def sell(held: Position, units: int, shares: Mapping[str, int]) -> list[Lot]:
    return held.remove(held.cut_of_shares(units, shares))


@settings(max_examples=examples(100), deadline=None)
@given(LOTS, st.integers(0, 50))
def test_an_undone_buy_takes_its_own_lot_then_its_strategys_then_any_the_newest_first(
    lots: list[Lot], units: int
) -> None:
    held, origin, strategy, expected = position(lots), "a.0.0", StrategyType.ARBITRAGE, []
    for place in sorted(
        range(len(lots)),
        key=lambda at: (
            lots[at].origin != origin,
            lots[at].source != "bot",
            lots[at].strategy is not strategy,
            -at,
        ),
    ):
        expected += [(place, part)] if (part := min(units, lots[place].units)) else []
        units -= part
    assert held.cut_of_buy(sum(part for _, part in expected), origin, strategy, "bot") == expected


@settings(max_examples=examples(150), deadline=None)
@given(IN_ORDER | LOTS, LOTS)
def test_an_undone_sale_gives_back_what_the_plain_form_gives(lots: list[Lot], sold: list[Lot]) -> None:
    held, expected = position(lots), plain(lots)
    held.put_back(sold)
    for lot in plain(sold)[::-1]:
        given_back(expected, lot)
    require_same(held, expected)


def given_back(lots: plain_lots.Lots, lot: plain_lots.Lot) -> None:
    """One of the sold lots: into the lot that it was part of, or before the first that was opened no earlier."""
    name = (lot.origin, lot.owner, lot.opened_ns)
    same = [one for one in lots if one.origin and (one.origin, one.owner, one.opened_ns) == name]
    if same:
        same[0].units += lot.units
        same[0].cost_micros += lot.cost_micros
        return
    later = [at for at, one in enumerate(lots) if one.opened_ns >= lot.opened_ns]
    lots.insert(later[0] if later else len(lots), lot)


def test_lots_that_came_back_are_not_those_that_a_record_keeps() -> None:
    record = [Lot(None, 5, 5, 1, "a.0.0")]
    held = position([])
    held.put_back(record)
    held.take(2)
    assert record == [Lot(None, 5, 5, 1, "a.0.0")]


@pytest.mark.parametrize(
    ("units", "reserved", "shares"), [(5, 2, 3), (3, 2, 3), (2, 2, 2), (1, 5, 0), (0, 0, 0), (5, 0, 5)]
)
def test_reserved_units_of_a_single_owner_are_left_out(units: int, reserved: int, shares: int) -> None:
    held = position([Lot(None, 2, 0), Lot(None, 3, 0)])
    assert held.shares_of_oldest(units, {"deposit": reserved}) == ({"deposit": shares} if shares else {})
