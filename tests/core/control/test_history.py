"""A journal that may be an older copy: nothing is sold or sent before every wallet's history is known.

See specification §14.11.
"""

import pytest
from tests.support.core_desk import CoreDesk, mint, rows

from overmind.core.books.wallet_limits import RESTORED
from overmind.core.control.balances import unknown_signature_cause
from overmind.core.control.history import wallets_unknown
from overmind.core.exits.selling import refusals_of_close
from overmind.core.model.codes import Code
from overmind.core.model.commands import CommandRefused
from overmind.core.model.enums import Side
from overmind.core.model.events import OrderPlaced, SignalRefused
from overmind.core.model.ids import WalletId

HELD = "w1; w2; buy eth $1000 not w2 stop 5; fill; restored"

KNOWN_TABLE = """
what happens after a restore of a desk of w1 and w2 | whose history is not known
                                                   | w1 w2
history w1                                         | w1 w2
history w2                                         | w1 w2
history                                            | w1 w2
history w1 w2                                      |
hold portfolio unknown_signature:w1; history w1 w2 | w1 w2
accept-history w1                                  | w2
accept-history w1; history w2                      |
accept-history w1; history w1                      | w2
accept-history w1; accept-history w2               |
hold portfolio unknown_signature:w1; accept-history w1; history w2 |
# What was accepted in another copy says nothing about this one.
accept-history w1; restored                        | w1 w2
accept-history w1; restored; history w2            | w1 w2
history w1 w2; restored                            | w1 w2
# The key of a wallet that was removed has signed too.
remove w2; history w1                              | w1 w2
remove w2; history w1 w2                           |
"""


@pytest.mark.parametrize(("then", "unknown"), rows(KNOWN_TABLE))
def test_the_hold_stands_until_every_wallet_is_known(then: str, unknown: str) -> None:
    desk = CoreDesk(f"w1; w2; restored; {then}")
    assert (RESTORED in desk.state.holds) == bool(unknown)
    if unknown:
        assert " ".join(wallets_unknown(desk.state)) == unknown


def sales(desk: CoreDesk) -> list[OrderPlaced]:
    placed = [one.event for one in desk.entries if isinstance(one.event, OrderPlaced)]
    return [one for one in placed if one.order.side is Side.SELL]


SALES = {
    "an exit rule": "mark eth 1",
    "a liquidation": "liquidate",
    "an operator's close": "close w1 eth",
    "a signal": "sell eth all",
}


@pytest.mark.parametrize("sale", SALES.values(), ids=SALES.keys())
def test_nothing_is_sold_before_the_history_is_known(sale: str) -> None:
    desk = CoreDesk(HELD)
    desk.play(f"{sale}; exits; wait 60000; mark eth 1; exits")
    assert not sales(desk)
    desk.play("history w1 w2; mark eth 1.01; exits")
    assert len(sales(desk)) == 1


def test_what_is_refused_says_why() -> None:
    desk = CoreDesk(HELD)
    (refused,) = desk.play("sell eth all")
    assert isinstance(refused, SignalRefused)
    assert (refused.refusals[0].code, refused.refusals[0].actual) == (Code.PORTFOLIO_STOPPED, "restored")
    desk.play("close w1 eth")
    (why,) = refusals_of_close(desk.state, desk.book("w1"), mint("eth"), desk.now_ns)
    assert why.code is Code.PORTFOLIO_STOPPED


WAITING = {
    "a sale": "w1; w2; deposit w1 1 eth; sell eth all",
    "a move": "desk band 1; w1 aim 50 usd 14900; w2 aim 50 usd 4900; rebalance",
}


@pytest.mark.parametrize("work", WAITING.values(), ids=WAITING.keys())
def test_what_was_not_signed_ends_when_the_history_is_accepted(work: str) -> None:
    """It may have been sent after the copy was made: under a ticket that this journal does not have."""
    desk = CoreDesk(f"{work}; restored")
    assert desk.state.open_orders or desk.state.open_moves
    desk.play("accept-history w1; history w2")
    assert not desk.state.open_orders
    assert not desk.state.open_moves
    assert RESTORED not in desk.state.holds


def test_what_was_not_signed_goes_on_when_the_chain_proves_that_it_was_not_sent() -> None:
    desk = CoreDesk("w1; w2; deposit w1 1 eth; sell eth all; restored; history w1 w2")
    assert len(desk.state.open_orders) == 1


def test_the_books_follow_the_chain_before_anything_is_sold() -> None:
    desk = CoreDesk(f"{HELD}; accept-history w1 eth 0.1; history w2; liquidate; exits")
    (placed,) = sales(desk)
    assert placed.order.spend.units == 10_000_000


REFUSALS = """
given | the operator says | the answer
w1                                      | accept-history w1          | the history of every wallet is known
w1; restored                            | accept w1                  | overmind accept-history w1 --reason
w1; restored                            | accept-history w2          | no wallet 'w2'
w1; restored                            | lift portfolio restored    | or `overmind accept-history
w1; buy eth $1000; sign; restored       | accept-history w1          | orders or transfers in flight
w1; buy eth $1000; fill provisional; restored | accept-history w1    | orders or transfers in flight
"""


@pytest.mark.parametrize(("given", "said", "answer"), rows(REFUSALS))
def test_what_an_operator_cannot_do(given: str, said: str, answer: str) -> None:
    desk = CoreDesk(given)
    entries = len(desk.entries)
    with pytest.raises((CommandRefused, KeyError), match=answer if "w2" not in said else "w2"):
        desk.play(said)
    assert len(desk.entries) == entries


def test_an_unknown_signature_keeps_its_wallet_unknown_until_it_is_accepted() -> None:
    desk = CoreDesk("w1; w2; restored; hold portfolio unknown_signature:w2; history w1 w2")
    assert RESTORED in desk.state.holds
    desk.play("accept-history w2; history w1")
    assert unknown_signature_cause(WalletId("w2")) not in desk.state.holds
    assert RESTORED not in desk.state.holds
