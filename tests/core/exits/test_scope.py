"""A sale takes the lots of its own strategy, or, with the desk's scope, whatever is held (specification §7.9)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import structs
from tests.support.core_desk import DESK, CoreDesk, rows, told

from overmind.core.books.apply import apply
from overmind.core.books.positions import Position
from overmind.core.books.realised import Disposal
from overmind.core.books.state import State
from overmind.core.model.commands import ConfigureDesk
from overmind.core.model.enums import SaleScope, StrategyType
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import Mint
from overmind.core.model.order import Order
from overmind.core.model.units import MICROS
from overmind.views.verify import invariant_problems

MOMENTUM, ARBITRAGE = StrategyType.MOMENTUM_TRADING, StrategyType.ARBITRAGE
# Momentum holds 0.5 eth, arbitrage 1.5, and 1 was deposited, in this order of time.
GIVEN = "w1; buy eth $1000; fill; wait 1; buy eth $3000 by arbitrage; fill; wait 1; deposit w1 1 eth"
IN_TWO = "w1; w2; buy eth $1000 not w2; fill"
NOTHING = "INSUFFICIENT_TOKENS 0 nothing to sell @w1"
TOO_MUCH = "INSUFFICIENT_TOKENS 50000000"
OTHERS = "LOTS_OF_OTHERS 50000000 250000000"
IN_FLIGHT = "BUY_IN_FLIGHT no open buy b.0.0"

TABLE = f"""
given | when | then
{GIVEN} | sell eth all scope strategy | w1 0.5 eth
{GIVEN} | sell eth all scope strategy by arbitrage | w1 1.5 eth
{GIVEN} | sell eth all scope desk | w1 3 eth
{GIVEN} | sell eth $400 scope strategy | w1 0.2 eth
{GIVEN} | sell eth 0.5 scope strategy | w1 0.5 eth
# One unit more than its own is refused, with what it holds and what others hold.
{GIVEN} | sell eth 0.50000001 scope strategy | {TOO_MUCH} 50000001 + {OTHERS}
{GIVEN} | sell eth 3.00000001 scope desk | INSUFFICIENT_TOKENS 300000000 300000001
{GIVEN} | sell eth 1 scope strategy by meme | {NOTHING} + LOTS_OF_OTHERS 0 300000000
# What was deposited belongs to no strategy.
w1; deposit w1 1 eth | sell eth all scope strategy | {NOTHING} + LOTS_OF_OTHERS 0 100000000
w1; deposit w1 1 eth | sell eth all scope desk     | w1 1 eth
# Two sales never count on the same units, whatever their scope.
{GIVEN}; sell eth 0.4 scope strategy | sell eth all scope strategy | w1 0.1 eth
{GIVEN}; sell eth all scope strategy | sell eth all scope desk | w1 2.5 eth
{GIVEN}; sell eth all scope strategy | sell eth all scope strategy by arbitrage | w1 1.5 eth
{GIVEN}; sell eth 0.6 scope desk | sell eth all scope strategy by arbitrage | w1 1.4 eth
{GIVEN}; sell eth all scope strategy; expire | sell eth all scope strategy | w1 0.5 eth
{GIVEN}; sell eth 0.3 scope strategy; sell eth 0.4 scope desk | sell eth all scope strategy by arbitrage | w1 1.3 eth
{GIVEN}; sell eth 0.6 scope desk | sell eth 0.1 scope strategy | {NOTHING} + {OTHERS}
# The wallets that hold lots of the strategy sell, and no other.
{IN_TWO}; buy eth $800 by arbitrage not w1; fill | sell eth all scope strategy by arbitrage | w2 0.4 eth
{IN_TWO}; buy eth $800 not w1; fill; deposit w1 5 eth | sell eth 0.9 scope strategy | w1 0.5 eth + w2 0.4 eth
# A buy on its way is named.
{GIVEN}; buy eth $200 id b | sell eth 0.6 scope strategy | {TOO_MUCH} 60000000 + {OTHERS} + {IN_FLIGHT}
w1; buy eth $200 id b | sell eth all scope strategy | {NOTHING} + {IN_FLIGHT}
w1; buy eth $200 by arbitrage | sell eth all scope strategy | {NOTHING}
w1; buy eth $200 id b; fill | sell eth all scope strategy | w1 0.1 eth
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_whose_lots_a_sale_may_take(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def position(desk: CoreDesk) -> Position:
    return desk.book("w1").positions[Mint("eth")]


def lots(desk: CoreDesk) -> list[tuple[str, int, int]]:
    return [(lot.owner, lot.units, lot.cost_micros) for lot in position(desk).lots]


MIXED = "w1; buy eth $200 id a; fill; wait 1; buy eth $400 id b by arbitrage; fill; wait 1; mark eth 4000; "
MIXED += "buy eth $400 id c; fill; wait 1; deposit w1 0.1 eth"
ALL = [
    (MOMENTUM, 10_000_000, 200 * MICROS),
    (ARBITRAGE, 20_000_000, 400 * MICROS),
    (MOMENTUM, 10_000_000, 400 * MICROS),
    ("deposit", 10_000_000, 400 * MICROS),
]


def test_the_oldest_lots_of_the_strategy_leave_with_their_own_cost() -> None:
    desk = CoreDesk(MIXED)
    assert lots(desk) == ALL
    desk.play("sell eth 0.15 scope strategy; fill")
    assert lots(desk) == [ALL[1], (MOMENTUM, 5_000_000, 200 * MICROS), ALL[3]]
    (sold,) = [one for one in desk.state.realised if isinstance(one, Disposal)]
    assert [(lot.strategy, lot.cost_micros) for lot in sold.lots] == [
        (MOMENTUM, 200 * MICROS),
        (MOMENTUM, 200 * MICROS),
    ]
    assert sold.realised_micros == 600 * MICROS - 400 * MICROS


def test_what_an_open_sale_has_reserved_is_left_by_the_sale_after_it() -> None:
    """The desk's sale is decided second and filled first; the strategy's sale still finds its own lots."""
    desk = CoreDesk(MIXED + "; sell eth 0.1 id s scope strategy; sell eth 0.3 id d; fill d.0.0")
    assert lots(desk) == [ALL[2], ALL[3]]
    assert desk.book("w1").reserved == {"eth": {MOMENTUM: 10_000_000}}
    desk.play("fill")
    assert (lots(desk), desk.book("w1").reserved) == ([ALL[3]], {})


def test_the_oldest_lots_are_left_where_another_sale_has_reserved_them() -> None:
    desk = CoreDesk(MIXED + "; sell eth 0.1 id s scope strategy; sell eth 0.2 id d; fill d.0.0")
    assert lots(desk) == [ALL[0], ALL[2], ALL[3]]


@pytest.mark.parametrize("sale", ["sell eth 0.15 scope strategy", "sell eth 0.25 by meme", "sell eth all"])
@pytest.mark.parametrize("end", ["expired", "failed fee 5000"])
def test_a_sale_that_a_fork_undid_gives_each_lot_back_to_its_owner(sale: str, end: str) -> None:
    desk = CoreDesk(f"{MIXED}; {sale}; fill provisional; roll back as {end}")
    assert lots(desk) == ALL


def test_a_buy_that_a_fork_undid_takes_its_own_lot() -> None:
    desk = CoreDesk(MIXED.replace("fill;", "fill provisional;", 1) + "; roll back a.0.0 as expired")
    assert lots(desk) == ALL[1:]


def test_a_buy_undone_after_its_lot_was_sold_takes_other_lots_of_its_strategy_first() -> None:
    desk = CoreDesk(MIXED.replace("fill;", "fill provisional;", 1) + "; sell eth 0.1 scope strategy; fill")
    desk.play("roll back a.0.0 as expired")
    assert lots(desk) == [ALL[1], ALL[3]]


def test_exits_of_the_desk_take_whatever_is_held() -> None:
    for exit_rule in ("close w1 eth", "liquidate; exits", "w1 stop 1; mark eth 1000"):
        desk = CoreDesk(MIXED)
        placed = [one.order for one in desk.play(exit_rule) if isinstance(one, OrderPlaced)]
        assert [(one.scope, one.spend.units) for one in placed] == [(SaleScope.DESK, 50_000_000)]


def test_an_order_of_an_old_journal_takes_any_lots() -> None:
    """An order that says no scope was placed when all sales took the oldest lots of anybody."""
    desk = CoreDesk()
    desk.do(ConfigureDesk(structs.replace(DESK, booking_rules=1)))
    desk.play(MIXED)
    (placed,) = desk.play("sell eth 0.15 scope strategy by arbitrage")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.scope is SaleScope.DESK
    fields = msgspec.to_builtins(placed.order)
    assert "scope" not in fields
    assert msgspec.convert(fields, Order) == placed.order
    desk.play("fill")
    assert lots(desk) == [(ARBITRAGE, 15_000_000, 300 * MICROS), *ALL[2:]]


def test_the_reservations_survive_a_replay() -> None:
    desk = CoreDesk(MIXED + "; sell eth 0.15 scope strategy; sell eth 0.2")
    again = State()
    for entry in desk.entries:
        apply(again, msgspec.json.decode(msgspec.json.encode(entry), type=Entry))
    assert again.wallets == desk.state.wallets
    reserved = {MOMENTUM: 15_000_000, ARBITRAGE: 20_000_000}
    assert again.wallets[desk.book("w1").wallet.id].reserved == {"eth": reserved}


def test_verify_compares_owners_and_reservations_with_lots_and_orders() -> None:
    desk = CoreDesk(MIXED + "; sell eth 0.15 scope strategy; sell eth 0.2")
    assert invariant_problems(desk.state) == []
    desk.book("w1").reserved[Mint("eth")][MOMENTUM] += 1
    position(desk).units_by[ARBITRAGE] += 1
    reserved, owned = invariant_problems(desk.state)
    assert "are listed as reserved, open sales say" in reserved
    assert "eth: owners" in owned


def test_a_sale_without_an_amount_is_refused() -> None:
    desk = CoreDesk(GIVEN)
    assert told(desk.play("sell eth nothing")) == "AMOUNT_OUT_OF_RANGE at least one base unit 0"
