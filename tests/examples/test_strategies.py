"""The strategies of the examples, as tables and as properties."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import Trade, momentum, rebalancing

USD, ENTER = Decimal(500), Decimal("0.005")
MOMENTUM = """
price  | before | held | wants
100.5  | 100    | no   | Buy
100.49 | 100    | no   | nothing
100    | 100    | no   | nothing
99     | 100    | no   | nothing
100.5  | 100    | yes  | nothing
100.01 | 100    | yes  | nothing
100    | 100    | yes  | Sell
99     | 100    | yes  | Sell
"""
REBALANCING = """
weight | value | band | wants
0.10   | 0     | 0.2  | Buy 1000.00
0.10   | 800   | 0.2  | nothing
0.10   | 799.9 | 0.2  | Buy 200.10
0.10   | 1200  | 0.2  | nothing
0.10   | 1200.019 | 0.2 | Sell 200.01
0      | 50    | 0.2  | Sell all
0      | 0     | 0.2  | nothing
0.10   | 999.999 | 0.000001 | nothing
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()[1:]]


@pytest.mark.parametrize(("price", "before", "held", "wants"), rows(MOMENTUM))
def test_momentum(price: str, before: str, held: str, wants: str) -> None:
    found = momentum("SOL", Decimal(price), Decimal(before), held == "yes", USD, ENTER)
    assert ("nothing" if found is None else found.action) == wants
    if found is not None:
        assert found.amount == ({"notional_usd": "500"} if wants == "Buy" else {"quantity": "all"})


@pytest.mark.parametrize(("weight", "value", "band", "wants"), rows(REBALANCING))
def test_rebalancing(weight: str, value: str, band: str, wants: str) -> None:
    found = rebalancing({"SOL": Decimal(weight)}, {"SOL": Decimal(value)}, Decimal(10_000), Decimal(band))
    said = [f"{one.action} {'all' if one.usd is None else one.usd}" for one in found]
    assert said == ([] if wants == "nothing" else [wants])


def test_sales_come_before_purchases() -> None:
    weights = {"SOL": Decimal("0.1"), "ETH": Decimal("0.1"), "BTC": Decimal(0)}
    values = {"SOL": Decimal(0), "ETH": Decimal(2_000), "BTC": Decimal(7)}
    assert rebalancing(weights, values, Decimal(10_000), Decimal("0.2")) == [
        Trade("Sell", "ETH", Decimal("1000.00")),
        Trade("Sell", "BTC", None),
        Trade("Buy", "SOL", Decimal("1000.00")),
    ]


AMOUNTS = st.decimals(min_value=0, max_value=10**6, places=6)


@given(
    weight=st.decimals(min_value=0, max_value=1, places=3),
    value=AMOUNTS,
    equity=AMOUNTS.filter(lambda usd: usd > 0),
    band=st.decimals(min_value="0.01", max_value=1, places=2),
)
def test_after_a_rebalance_nothing_is_left_to_do(
    weight: Decimal, value: Decimal, equity: Decimal, band: Decimal
) -> None:
    """No sale is larger than what is held, and the filled trade leaves less than a cent to trade."""
    for trade in rebalancing({"SOL": weight}, {"SOL": value}, equity, band):
        moved = value if trade.usd is None else trade.usd
        value = value + moved if trade.action == "Buy" else value - moved
        assert value >= 0
        assert abs(value - weight * equity) < Decimal("0.01")
    left = rebalancing({"SOL": weight}, {"SOL": value}, equity, band)
    assert left == []
