"""Ranking: the lowest expected cost in basis points, with every term explained (specification §9)."""

import pytest
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.entries.ranking import reason
from overmind.core.model.events import OrderPlaced
from overmind.core.model.selection import CostTerms


def terms(desk: CoreDesk, step: str) -> CostTerms:
    (placed,) = desk.play(step)
    assert isinstance(placed, OrderPlaced)
    return placed.selection.terms


@pytest.mark.parametrize(
    ("given", "when", "expected"),
    [
        # $0.0013 of fees; rent of $0.203928, 40 % of it lost; half a spread of 2 bps; $1,000 of $9,900 of headroom.
        ("w1", "buy eth $1000", CostTerms(0.013, 0.815712, 2.0 + 1.0, 2 * 1_000 / 9_900, 0.0)),
        ("w1", "buy sol $1000", CostTerms(0.013, 0.0, 2.0 + 1.0, 2 * 1_000 / 9_900, 0.0)),
        ("w1", "buy eth $10", CostTerms(1.3, 81.5712, 2.0, 2 * 10 / 9_900, 0.0)),
        ("w1; mark sol 200", "buy eth $10", CostTerms(2.6, 163.1424, 2.0, 2 * 10 / 9_900, 0.0)),
        ("w1", "buy eth $1000 prefer Primary", CostTerms(0.013, 0.815712, 3.0, 2 * 1_000 / 9_900, -10.0)),
        ("w1", "buy eth $1000 prefer HFT", CostTerms(0.013, 0.815712, 3.0, 2 * 1_000 / 9_900, 0.0)),
        ("w1 position 2000", "buy eth $1000", CostTerms(0.013, 0.815712, 3.0, 1.0, 0.0)),
        ("w1; desk depth 199000", "buy sol $1000", CostTerms(0.013, 0.0, 2.0 + 50.0, 2 * 1_000 / 9_900, 0.0)),
        ("w1; buy eth $100; fill", "buy eth $1000", CostTerms(0.013, 0.0, 3.0, 2 * 1_000 / 9_800, 0.0)),
    ],
)
def test_the_terms(given: str, when: str, expected: CostTerms) -> None:
    found = terms(CoreDesk(given), when)
    for name in CostTerms.__struct_fields__:
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name
    assert found.total == pytest.approx(expected.total)


TABLE = """
given | when | then
# Equal wallets: the one registered first.
w1; w2 | buy eth $300 | w1 $300
w2; w1 | buy eth $300 | w2 $300
# More headroom costs less.
w1 usd 1000; w2             | buy eth $300 | w2 $300
w1; w2; buy eth $300 not w2 | buy btc $300 | w2 $300
# A token account that is there already saves its rent.
w1; w2; buy eth $1 not w1; fill | buy eth $10 | w2 $10
# The preferred type is worth 10 bps, and no more.
w1; w2 type HFT                          | buy eth $300 prefer HFT  | w2 $300
w1; w2 type HFT usd 301                  | buy eth $300 prefer HFT  | w2 $300
w1; w2 type HFT; buy eth $1 not w2; fill | buy eth $10 prefer HFT   | w1 $10
w1; w2 type HFT; buy eth $1 not w2; fill | buy eth $1000 prefer HFT | w2 $1000
# It is a preference and no filter.
w1; w2 type HFT position 299      | buy eth $300 prefer HFT | w1 $300
w1; w2 type HFT; hold w2 operator | buy eth $300 prefer HFT | w1 $300
w1; w2                            | buy eth $300 prefer HFT | w1 $300
# Cheap is no excuse: the gate comes first.
w1; w2; buy eth $1 not w1; fill; w2 position 10 | buy eth $10 | w1 $10
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_the_choice(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_a_selection_tells_among_how_many_it_was_the_cheapest() -> None:
    (placed,) = CoreDesk("w1; w2; w3; w4 position 10; w5 risk 0.5; hold w3 a").play("buy eth $300 tolerance 0.4")
    assert isinstance(placed, OrderPlaced)
    assert (placed.selection.candidates, placed.selection.wallets) == (2, 5)


@pytest.mark.parametrize(
    ("cost", "candidates", "text"),
    [
        (
            CostTerms(1.3, 81.57, 2.0, 0.25, -10.0),
            7,
            "expected cost 75.1 bps, lowest of 7 wallets"
            " (fee +1.3, rent +81.6, slippage +2.0, headroom +0.2, preferred type -10.0)",
        ),
        (
            CostTerms(0.5, 0.0, 2.0, 0.0, 0.0),
            1,
            "expected cost 2.5 bps, only wallet that fits (fee +0.5, slippage +2.0)",
        ),
    ],
)
def test_the_reason_in_one_line(cost: CostTerms, candidates: int, text: str) -> None:
    assert reason(cost, candidates) == text
