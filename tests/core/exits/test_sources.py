"""An exit of a source sells what its own entries hold here: all, or the share that it sold of its own position.

See specification §7.13.
"""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.core_desk import CoreDesk, rows, told
from tests.support.effort import examples

from overmind.core.books.apply import apply
from overmind.core.books.senders import POSITIONS_MAX
from overmind.core.books.state import State, encode_state
from overmind.core.model.enums import SELL, SaleScope, Side
from overmind.core.model.events import Entry, OrderClosed, OrderPlaced
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.outcome import Filled
from overmind.views.verify import invariant_problems

# The source chart holds 0.5 eth and says that it holds 10 contracts; bot holds 1.5, nobody's source 0.25.
GIVEN = "w1; buy eth $1000 from chart counts 10; fill; wait 1; buy eth $3000 from bot counts 300; fill; wait 1"
GIVEN += "; buy eth $500; fill; wait 1"
EXIT = "scope source from chart"
ALL = f"sell eth nothing {EXIT}"
BOTS = "sell eth nothing scope source from bot"
EMPTY = "INSUFFICIENT_TOKENS 0 nothing to sell @w1"
SHORT = "SHORT_NOT_TRADED long short"
IN_FLIGHT = "BUY_IN_FLIGHT no open buy b.0.0"
TRADES = "w1; buy eth $1000 from chart trade 7 counts 2; fill; buy eth $1000 from chart trade 8 counts 4; fill"
TWO = "w1; w2; buy eth $1000 not w2 from chart counts 10; fill; buy eth $1000 not w1 from chart counts 10; fill"

TABLE = f"""
given | when | then
{GIVEN} | {ALL} then flat | w1 0.5 eth
{GIVEN} | {BOTS} then flat | w1 1.5 eth
# A part: the share that it sold of its own, rounded down. It never sells more than its entries hold.
{GIVEN} | {ALL} counts 5 | w1 0.25 eth
{GIVEN} | {ALL} counts 1 had 3 | w1 0.16666666 eth
{GIVEN} | {ALL} counts 10 | w1 0.5 eth
{GIVEN} | {ALL} counts 999 | w1 0.5 eth
{GIVEN} | {ALL} counts 5 then flat | w1 0.5 eth
# An exit of one leaves the older lots of another alone, before its outcome and after it.
{GIVEN}; {BOTS} then flat | {ALL} then flat | w1 0.5 eth
{GIVEN}; {BOTS} then flat; fill | {ALL} then flat | w1 0.5 eth
# What it says of its position counts before what it said earlier.
{GIVEN} | {ALL} counts 5 had 20 | w1 0.125 eth
# A share that nobody can know is all.
{GIVEN} | {ALL} trade other | w1 0.5 eth
{GIVEN} | {ALL} trade other counts 5 | w1 0.5 eth
{GIVEN} | {ALL} trade other counts 5 had 20 | w1 0.125 eth
# Each exit takes its share of what is left, whether the one before it has its outcome or not.
{GIVEN}; {ALL} counts 5 | {ALL} counts 3 | w1 0.15 eth
{GIVEN}; {ALL} counts 5; fill | {ALL} counts 3 | w1 0.15 eth
{GIVEN}; {ALL} counts 5; expire | {ALL} then flat | w1 0.5 eth
# Entries that the desk refused are a part of the source's position too.
{GIVEN}; buy eth $99999 from chart counts 10 | {ALL} counts 5 | w1 0.125 eth
# Two trades of a source, each with its own amounts.
{TRADES} | {ALL} trade 8 counts 1 | w1 0.25 eth
{TWO} | {ALL} then flat | w1 0.5 eth + w2 0.5 eth
{TWO} | {ALL} counts 5 | w1 0.25 eth
{TWO} | {ALL} counts 15 | w1 0.5 eth + w2 0.25 eth
# Nothing to sell: of its own, with what others hold. An exit never falls back to anybody else's lots.
{GIVEN} | sell eth nothing scope source from other then flat | SOURCE_HOLDS_NOTHING 0 225000000 + {EMPTY}
{GIVEN} | sell eth all scope source | SOURCE_HOLDS_NOTHING 0 225000000 + {EMPTY}
{GIVEN} | sell btc nothing {EXIT} then flat | SOURCE_HOLDS_NOTHING 0 0 + {EMPTY}
{GIVEN}; {ALL} then flat | {ALL} then flat | SOURCE_HOLDS_NOTHING 50000000 175000000 + {EMPTY}
w1; buy eth $1000 id b from chart | {ALL} then flat | SOURCE_HOLDS_NOTHING 0 0 + {EMPTY} + {IN_FLIGHT}
w1; buy eth $1000 from bot | {ALL} then flat | SOURCE_HOLDS_NOTHING 0 0 + {EMPTY}
# A share of less than one unit sells nothing.
{GIVEN} | {ALL} counts 1 had 999999999999 | AMOUNT_OUT_OF_RANGE at least one base unit 0
# Short: opened, or covered. Nothing is bought or sold, and the position that it had stays.
{GIVEN} | {ALL} then short | {SHORT}
{GIVEN} | {ALL} then turned | w1 0.5 eth
{GIVEN} | sell btc nothing {EXIT} then turned | {SHORT} + SOURCE_HOLDS_NOTHING 0 0 + {EMPTY}
{GIVEN} | buy eth $100 from chart then short | {SHORT}
{GIVEN}; {ALL} counts 10 then short | {ALL} counts 5 | w1 0.25 eth
# Other sales: a strategy's takes lots of its strategy from any source, one of the desk anything, but nothing twice.
{GIVEN} | sell eth all scope strategy | w1 2.25 eth
{GIVEN} | sell eth all scope desk | w1 2.25 eth
{GIVEN}; {ALL} then flat | sell eth all scope strategy | w1 1.75 eth
{GIVEN}; {ALL} counts 5 | sell eth all scope strategy | w1 2 eth
{GIVEN}; sell eth 0.6 scope strategy | {ALL} then flat | SOURCE_HOLDS_NOTHING 50000000 175000000 + {EMPTY}
{GIVEN}; sell eth 0.4 scope strategy | {ALL} then flat | w1 0.1 eth
{GIVEN}; sell eth 0.7 scope desk | {ALL} then flat | SOURCE_HOLDS_NOTHING 50000000 175000000 + {EMPTY}
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_what_an_exit_of_a_source_sells(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_the_order_of_an_exit_says_whose_lots_it_takes() -> None:
    (placed,) = CoreDesk(GIVEN).play(f"{ALL} then flat")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.scope is SaleScope.SOURCE


def test_what_a_source_says_is_forgotten_with_its_position_and_bounded() -> None:
    desk = CoreDesk(GIVEN)
    eth = Mint("eth")
    assert {name: held[eth][""] for name, held in desk.state.senders.items()} == {"chart": 10, "bot": 300}
    desk.play(f"{ALL} counts 4; sell eth nothing scope source from bot then flat")
    assert {name: held[eth][""] for name, held in desk.state.senders.items()} == {"chart": 6}
    for trade in range(POSITIONS_MAX + 2):
        desk.play(f"buy eth $1 from chart trade {trade} counts 1")
    assert len(desk.state.senders["chart"][eth]) == POSITIONS_MAX


def test_a_sale_that_a_fork_undid_gives_the_lots_back_to_their_source() -> None:
    desk = CoreDesk(f"{GIVEN}; {ALL} then flat; fill provisional; roll back as expired")
    assert owned(desk) == {"chart": 50_000_000, "bot": 150_000_000, "": 25_000_000}


def test_a_buy_that_a_fork_undid_after_its_exit_takes_other_lots_of_its_source_first() -> None:
    desk = CoreDesk(
        "w1; buy eth $1000 id a from chart counts 1; fill provisional; wait 1; buy eth $1000 from bot; fill"
    )
    desk.play("wait 1; buy eth $1000 from chart counts 1; fill; wait 1; buy eth $1000; fill")
    desk.play(f"{ALL} counts 1; fill; roll back a.0.0 as expired")
    assert owned(desk) == {"bot": 50_000_000, "": 50_000_000}


def owned(desk: CoreDesk) -> dict[str, int]:
    by = Counter[str]()
    for book in desk.state.wallets.values():
        if (position := book.positions.get(Mint("eth"))) is not None:
            for lot in position.lots:
                by[lot.source] += lot.units
    return dict(by)


SOURCES = ("chart", "bot")
AMOUNT = st.integers(1, 30)
BUY = st.builds("buy eth ${} from {} counts {}".format, st.integers(1, 400), st.sampled_from(SOURCES), AMOUNT)
PART = st.builds("sell eth nothing scope source from {} counts {}".format, st.sampled_from(SOURCES), AMOUNT)
END = st.builds("sell eth nothing scope source from {} then flat".format, st.sampled_from(SOURCES))
OUTCOMES = ("fill", "fail fee 5000", "expire", "reject for SLIPPAGE")
OUTCOME = st.sampled_from(OUTCOMES)
STEPS = st.lists(st.one_of(BUY, BUY, PART, END, OUTCOME, OUTCOME), min_size=4, max_size=25)


@settings(max_examples=examples(60), deadline=None)
@given(STEPS)
def test_no_source_ever_sells_what_another_one_holds(steps: list[str]) -> None:
    """An account for each source: what its own orders bought, less what its own orders sold."""
    desk, own, source_of = CoreDesk("w1; w2; w3"), Counter[str](), dict[OrderId, OrderPlaced]()
    for step in steps:
        if step in OUTCOMES and not desk.state.open_orders:
            continue
        seen = len(desk.entries)
        desk.play(step)
        for entry in desk.entries[seen:]:
            match entry.event:
                case OrderPlaced(order=order) as placed:
                    source_of[order.id] = placed
                    if order.side is SELL:
                        assert order.spend.units <= own[placed.signal.source], "it sells more than its own"
                case OrderClosed(order_id=order_id, outcome=Filled() as fill):
                    placed = source_of[order_id]
                    bought = placed.order.side is Side.BUY
                    own[placed.signal.source] += fill.received_units if bought else -fill.spent_units
        assert owned(desk) == +own
        assert invariant_problems(desk.state) == []
    require_replay(desk)


def require_replay(desk: CoreDesk) -> None:
    """What sources said survives: the journal alone leads to the same state, bit for bit."""
    again = State()
    for entry in desk.entries:
        apply(again, msgspec.json.decode(msgspec.json.encode(entry), type=Entry))
    assert encode_state(again) == encode_state(desk.state)
