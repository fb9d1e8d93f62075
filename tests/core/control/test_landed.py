"""An order that landed otherwise than ordered: its capital is held, everybody is told, and an operator books it."""

import pytest
from tests.support.core_desk import CoreDesk, books_told, rows
from tests.support.core_desk import told as events_told

from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import OrderLandedOtherwise
from overmind.views.alarms import landing_alarms
from overmind.views.orders import open_orders

LANDED = "w1; buy eth $1000 id a; sign; landed a.0.0 it also changed bonk"


def test_it_is_told_once_and_names_the_way_out() -> None:
    desk = CoreDesk(LANDED)
    assert desk.play("landed a.0.0 it also changed bonk") == ()
    assert len([one for one in desk.entries if isinstance(one.event, OrderLandedOtherwise)]) == 1
    (row,) = open_orders(desk.state)
    assert (row.state, row.detail) == (
        "landed otherwise",
        "it also changed bonk; look at the transaction, then `overmind book-from-chain a.0.0 --reason …`",
    )
    (alarm,) = landing_alarms(desk.state)
    assert "order a.0.0: it also changed bonk" in alarm


BOOKED = """
what an operator books | the wallet
book a.0.0                       | $9900
book a.0.0 usd -1000 eth 0.4     | $8900 0.4 eth
book a.0.0 usd -1100             | $8800
book a.0.0 usd +5                | $9905
"""


@pytest.mark.parametrize(("said", "wallet"), rows(BOOKED))
def test_what_the_chain_shows_is_booked_and_the_capital_is_free(said: str, wallet: str) -> None:
    desk = CoreDesk(LANDED)
    assert events_told(desk.play(said)).startswith("OrderTakenFromChain + OrderClosed")
    assert books_told(desk).split(", realised")[0] == wallet
    assert not desk.state.open_orders
    assert not landing_alarms(desk.state)
    with pytest.raises(CommandRefused, match="landed otherwise"):
        desk.play(said)


REFUSALS = """
given | said | the answer
w1; buy eth $1000 id a; sign              | book a.0.0              | no open order 'a.0.0' that landed otherwise
w1; buy eth $1000 id a                    | book b                  | there are: none
w1; buy eth $1000 id a; sign; landed a.0.0 x | book b               | there are: a.0.0
"""


@pytest.mark.parametrize(("given", "said", "answer"), rows(REFUSALS))
def test_only_what_landed_otherwise_is_booked(given: str, said: str, answer: str) -> None:
    with pytest.raises(CommandRefused, match=answer):
        CoreDesk(given).play(said)


def test_what_was_not_signed_cannot_have_landed() -> None:
    assert CoreDesk("w1; buy eth $1000 id a").play("landed a.0.0 x") == ()
