"""Exits in the decision on the marks that make them due: after the breakers, so many at once, the rest after it."""

import pytest
from tests.support.core_desk import CoreDesk, told

from overmind.core.exits.exit_rules import exits_due
from overmind.core.exits.selling import EXITS_MAX
from overmind.core.model.commands import MarkPrices
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import Mint


@pytest.mark.parametrize(
    ("given", "when", "then"),
    [
        ("w1 stop 5; buy eth $1000; fill", "mark eth 1900", "PricesMarked + w1 0.5 eth"),
        ("w1 stop 5; buy eth $1000; fill", "mark eth 1901", "PricesMarked"),
        ("w1 stop 5; buy eth $1000; fill; mark eth 1900", "mark eth 1800", "PricesMarked"),
        # After the breakers, which may make more of it due.
        ("w1 stop 5 loss 50; deposit w1 0.5 eth", "mark eth 1900", "PricesMarked + HoldAdded + w1 0.5 eth"),
        (
            "desk threshold 10 then liquidate; w1 usd 1000; buy eth $1000; fill; mark eth 1000",
            "mark eth 1000",
            "PricesMarked + LiquidationOrdered + w1 0.5 eth",
        ),
        # Whatever else it makes due, the time among it, but nothing where there is no newer price.
        ("w1; buy eth $1000 held 9; fill; wait 9", "mark sol 100", "PricesMarked + w1 0.5 eth"),
        # What the first one holds is not there for the second: SOL for one fee.
        (
            "w1 sol 0.00015; deposit w1 1 eth; deposit w1 1 sol; desk depth 100000000; liquidate",
            "mark eth 2000",
            "PricesMarked + w1 1 eth",
        ),
    ],
)
def test_what_marks_make_due_is_sold_in_the_same_decision(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_one_decision_sells_so_many_and_the_rest_is_due_after_it() -> None:
    """The largest positions are sold first."""
    given = (f"w{number} stop 5; deposit w{number} {number} eth" for number in range(1, EXITS_MAX + 4))
    desk = CoreDesk("; ".join(given))
    _, *sold = desk.play("mark eth 1900")
    sellers = [one.order.wallet_id for one in sold if isinstance(one, OrderPlaced)]
    assert sellers == [f"w{number}" for number in range(EXITS_MAX + 3, 3, -1)]
    assert [one.wallet_id for one in exits_due(desk.state, desk.now_ns)] == ["w3", "w2", "w1"]
    assert not desk.do(MarkPrices((desk.state.marks[Mint("eth")],)))  # A known mark decides nothing.
    assert told(desk.play("mark eth 1900")) == "PricesMarked + w3 3 eth + w2 2 eth + w1 1 eth"
