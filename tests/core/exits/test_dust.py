"""Dust: what is worth less than a bound takes no place, goes with the next sale, and can be written off.

See specification §14.10.
"""

from __future__ import annotations

import pytest
from tests.support.core_desk import CoreDesk, books_told, rows, told

from overmind.core.books.realised import Disposal, How
from overmind.core.books.state import decode_state, encode_state
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import CloseCancelled, DustWrittenOff
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.units import MICROS

PLACES_TABLE = """
given | when | then
# A stranger sends one unit of two tokens to a wallet that may hold one, in a desk that may hold one.
w1 places 1; desk dust 1 places 1; deposit w1 0.00000001 eth; deposit w1 0.00000001 btc | buy sol $300 | w1 $300
w1 places 1; desk dust 1 places 1; deposit w1 0.00000001 eth; deposit w1 0.00000001 btc | buy eth $300 | w1 $300
w1 places 1; deposit w1 0.00000001 eth; desk dust 1 | buy sol $300 | w1 $300
# What is worth the bound is no dust, and what becomes worth it is none any more.
w1 places 1; desk dust 1; deposit w1 0.0005 eth               | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; desk dust 1; deposit w1 0.00049999 eth           | buy sol $300 | w1 $300
w1 places 1; desk dust 1; deposit w1 0.0004 eth; mark eth 2500 | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; desk dust 1; deposit w1 0.0005 eth; mark eth 1999 | buy sol $300 | w1 $300
w1 places 1; desk dust 1; deposit w1 0.0004 eth; deposit w1 0.0001 eth | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; desk dust 1; deposit w1 0.0004 eth; desk dust 0  | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; desk dust 1; deposit w1 1 eth; sell eth 0.9995; fill at 2000 | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
# Without a price nobody knows what it is worth, so it takes its place.
w1 places 1; desk dust 1; accept w1 new 0.00001 because found | buy sol $300 | CONCURRENT_POSITIONS 1 2 @w1
# A buy of what is dust opens a position.
w1 places 1; desk dust 1; deposit w1 0.0004 eth; buy sol $300 | buy eth $300 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; desk dust 1; deposit w1 0.0004 eth; buy eth $300 | buy eth $200 | w1 $200
w1 places 1; desk dust 1; deposit w1 0.0004 eth; buy eth $300; expire | buy sol $200 | w1 $200
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(PLACES_TABLE))
@pytest.mark.parametrize("restarts", [False, True])
def test_dust_takes_no_place(given: str, when: str, then: str, restarts: bool) -> None:
    desk = CoreDesk(given)
    if restarts:
        desk.state = decode_state(encode_state(desk.state))
        desk.index = SelectionIndex(desk.state)
    assert told(desk.play(when)) == then


SALES_TABLE = """
given | when | then
# What would be left is worth $0.99 and goes with the sale; $1.00 stays.
w1; desk dust 1; deposit w1 1 eth | sell eth 0.99950001 | w1 1 eth
w1; desk dust 1; deposit w1 1 eth | sell eth 0.9995 | w1 0.9995 eth
w1; desk dust 1; deposit w1 1 eth | sell eth $1999.5 | w1 1 eth
w1; desk dust 0; deposit w1 1 eth | sell eth 0.99950001 | w1 0.99950001 eth
# Only what the sale may take: its own lots, in its own wallet, that no other sale holds.
w1; desk dust 1; buy eth $1000; fill; deposit w1 0.0001 eth | sell eth 0.4999 scope strategy | w1 0.5 eth
w1; desk dust 1; buy eth $1000; fill; deposit w1 0.0001 eth | sell eth 0.4999 | w1 0.5001 eth
w1; desk dust 1; deposit w1 1 eth; sell eth 0.5 | sell eth 0.4999 | w1 0.5 eth
w1; w2; desk dust 1; deposit w1 1 eth; deposit w2 0.0001 eth | sell eth 0.9999 | w1 1 eth
# Without a fresh price nobody knows what is left.
w1; desk dust 1; deposit w1 1 eth; wait 30001 | sell eth 0.9999 limit 1500 | w1 0.9999 eth
# A sale of dust is a sale.
w1; desk dust 1; deposit w1 0.0004 eth | sell eth 0.0001 | w1 0.0004 eth
w1; desk dust 1; deposit w1 0.0004 eth | sell eth all | w1 0.0004 eth
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(SALES_TABLE))
def test_a_sale_leaves_no_dust(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


@pytest.mark.parametrize(("held", "sold"), [("0.0507", "0.0507"), ("0.0512", "0.05050505")])
def test_a_slice_of_an_exit_takes_the_dust_that_it_would_leave(held: str, sold: str) -> None:
    """A slice is worth $101.01 here."""
    desk = CoreDesk(f"w1; desk dust 1 depth 10000; deposit w1 {held} eth")
    assert told(desk.play("close w1 eth")) == f"CloseOrdered + w1 {sold} eth"


DUSTY = "w1; desk dust 1; deposit w1 0.0004 eth"


def test_a_close_of_dust_ends_after_one_try() -> None:
    desk = CoreDesk(f"{DUSTY}; close w1 eth")
    ended = desk.play("reject for NO_LIQUIDITY")
    assert ended[-1] == CloseCancelled(
        WalletId("w1"), Mint("eth"), "close:w1:eth:0.0.0 was not filled, and what is left is dust"
    )
    assert told(desk.play("wait 99000; mark eth 2000; exits")) == "nothing"


def test_a_close_of_more_than_dust_goes_on() -> None:
    desk = CoreDesk("w1; desk dust 1; deposit w1 0.0005 eth; close w1 eth; reject for NO_LIQUIDITY")
    assert desk.book("w1").closing
    assert told(desk.play("wait 9000; exits")) == "w1 0.0005 eth"


def test_a_write_off_ends_the_position_and_keeps_the_units_apart() -> None:
    desk = CoreDesk(DUSTY)
    assert desk.play("write off w1 eth") == (DustWrittenOff(WalletId("w1"), Mint("eth"), 40_000, "because"),)
    assert books_told(desk) == "$9900, realised $-0.8"
    (gone,) = desk.state.realised
    assert isinstance(gone, Disposal)
    assert (gone.how, gone.units, gone.proceeds_micros) == (How.WRITE_OFF, 40_000, 0)
    assert desk.balance(desk.book("w1").accounts.written_off, "eth") == 40_000
    assert desk.state.equity_micros == 10_000 * MICROS
    # The chain still has them, and that is no credit.
    assert told(desk.play("chain w1 eth 0.0004")) == "nothing"
    assert told(desk.play("sell eth all")) == "INSUFFICIENT_TOKENS 0 nothing to sell @w1"


WRITE_OFFS = """
given | why not
w1; desk dust 1; deposit w1 1 eth | ETH in w1 is worth 2000.0 USD: only less than 1.0 USD is written off
w1; desk dust 0; deposit w1 0.0001 eth | ETH in w1 is worth 0.2 USD: only less than 0.0 USD is written off
w1; desk dust 1; accept w1 new 1 because found | NEW in w1 has no price
w1; desk dust 1; deposit w1 0.0004 eth; sell eth all | ETH in w1 has an open order
w1; desk dust 1; deposit w1 0.0004 eth; buy eth $5 | ETH in w1 has an open order
w1; desk dust 1; buy eth $0.5; fill provisional | ETH in w1 has an outcome that a fork may still undo
w1; desk dust 1 | wallet w1 holds nothing of eth
"""


@pytest.mark.parametrize(("given", "why_not"), rows(WRITE_OFFS))
def test_what_is_not_written_off(given: str, why_not: str) -> None:
    desk = CoreDesk(given)
    with pytest.raises(CommandRefused, match=why_not):
        desk.play("write off w1 new" if "new" in given else "write off w1 eth")
