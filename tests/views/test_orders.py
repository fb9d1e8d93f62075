"""Orders as they are shown: whole tokens, exact digits, time and price."""

from __future__ import annotations

import msgspec
import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.model.ids import OrderId
from overmind.views.orders import OrderRow, closed_orders, each_open_order, open_orders


def shown(steps: str) -> OrderRow:
    """The only order of these steps."""
    desk = CoreDesk(steps)
    (row,) = [*closed_orders(desk.entries, desk.state.settings), *open_orders(desk.state)]
    return row


def test_a_buy_that_filled() -> None:
    row = shown("w1; buy eth $1000 id a; fill fee 5000")
    assert (row.spent, row.spend_symbol, row.received, row.receive_symbol) == ("1000", "USDC", "0.5", "ETH")
    assert (row.price, row.mark, row.fee_sol) == ("2000", "2000", "0.000005")
    assert row.detail == "spent 1000 USDC, received 0.5 ETH, fee 0.000005 SOL"
    assert row.placed_at is not None
    assert row.closed_at is not None
    assert row.placed_at.endswith("+00:00")


def test_an_open_order_has_what_it_holds_and_nothing_else() -> None:
    row = shown("w1; buy eth $1000 id a")
    assert (row.state, row.spend_max, row.spend_symbol) == ("placed", "1000", "USDC")
    assert (row.spent, row.received, row.price, row.fee_sol, row.closed_at) == (None,) * 5


def test_an_open_order_is_sent_only_when_a_node_took_it() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; sign")
    assert [row.state for _, row in each_open_order(desk.state)] == ["signed"]
    assert [row.state for _, row in each_open_order(desk.state, {OrderId("a.0.0")})] == ["sent"]
    unsigned = CoreDesk("w1; buy eth $1000 id a")
    assert [row.state for _, row in each_open_order(unsigned.state, {OrderId("a.0.0")})] == ["placed"]


def test_a_sale_has_its_price_in_quote_currency() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill; sell eth 0.2 id b; fill")
    row = closed_orders(desk.entries, desk.state.settings)[-1]
    assert (row.side, row.spent, row.spend_symbol, row.received, row.price) == ("Sell", "0.2", "ETH", "400", "2000")


@pytest.mark.parametrize(
    ("end", "state", "fee"),
    [
        ("fail fee 7000", "failed", "0.000007"),
        ("expire", "expired", None),
        ("reject", "rejected", None),
    ],
)
def test_what_moved_nothing_has_no_price(end: str, state: str, fee: str | None) -> None:
    row = shown(f"w1; buy eth $1000 id a; {end}")
    assert (row.state, row.spent, row.received, row.price, row.fee_sol) == (state, None, None, None, fee)


def test_a_fork_that_undid_a_fill_takes_its_amounts_back() -> None:
    row = shown("w1; buy eth $1000 id a; fill provisional fee 5000; roll back a.0.0 as failed fee 7000")
    assert (row.state, row.spent, row.price, row.fee_sol) == ("failed (rolled back)", None, None, "0.000007")
    assert "a fork undid: filled spent 1000 USDC, received 0.5 ETH" in row.detail


def test_a_token_that_is_listed_no_more_is_shown_in_base_units() -> None:
    desk = CoreDesk("w1; buy eth $1000 id a; fill")
    settings = desk.state.settings
    (mint,) = [one for one, token in settings.tokens.items() if token.symbol == "ETH"]
    kept = {one: token for one, token in settings.tokens.items() if one != mint}
    delisted = msgspec.structs.replace(settings, tokens=kept)
    (row,) = closed_orders(desk.entries, delisted)
    assert (row.spent, row.received, row.price) == ("1000", None, None)
    assert f"base units of {mint}" in row.detail
