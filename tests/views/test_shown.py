"""What an operator sees of exits, holds and sizings."""

from __future__ import annotations

import pytest
from tests.support.core_desk import NOON_NS, CoreDesk

from overmind.core.books.book import ExecutionQuality
from overmind.core.model.events import OrderPlaced
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.units import DAY_NS, MICROS, NS
from overmind.views import reports, risk
from overmind.views.closing import CloseRow, close_row
from overmind.views.decisions import decision_of
from overmind.views.positions import positions

MIDNIGHT_NS = (NOON_NS // DAY_NS + 1) * DAY_NS


def test_a_position_shows_its_exit_prices() -> None:
    steps = "w1 stop 5 trail 10 held 60000; buy eth $1000 stop 3 profit 20; fill; mark eth 2200; mark eth 2200"
    (row,) = positions(CoreDesk(steps).state)
    assert (row.stop_price_usd, row.take_profit_price_usd) == (1_940.0, 2_400.0)
    assert (row.trailing_stop_price_usd, row.sold_by_ns) == (1_980.0, NOON_NS + 60 * NS)


def test_a_position_without_exit_rules_shows_none() -> None:
    (row,) = positions(CoreDesk("w1; buy eth $1000; fill").state)
    prices = (row.stop_price_usd, row.trailing_stop_price_usd, row.take_profit_price_usd, row.sold_by_ns)
    assert prices == (None, None, None, None)


def test_a_position_says_how_much_each_strategy_owns() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth; buy eth $1000; fill; sell eth 0.1")
    (row,) = positions(desk.state)
    assert {owner: str(one) for owner, one in row.quantity_by_strategy.items()} == {
        "MomentumTrading": "0.5",
        "deposit": "1",
    }
    assert (str(row.quantity), row.strategies) == ("1.5", ("MomentumTrading", "deposit"))


def closed(steps: str, then: str = "close w1 eth") -> CloseRow:
    desk = CoreDesk(steps)
    return close_row(desk.state, WalletId("w1"), Mint("eth"), desk.play(then), desk.now_ns)


def test_a_close_says_what_is_under_way_and_what_stays() -> None:
    row = closed("w1; desk depth 1000000; deposit w1 10 eth")
    assert (row.symbol, row.closing, row.reason, row.order_id) == ("ETH", True, "because", "close:w1:eth:0.0.0")
    assert (row.order_quantity, row.left_quantity, row.why_not) == (5.05050505, 4.94949495, "")
    assert closed("w1; desk depth 1000000; deposit w1 10 eth; close w1 eth") == row
    row = closed("w1; desk depth 1000000; deposit w1 10 eth; close w1 eth", "keep w1 eth")
    assert (row.closing, row.reason, row.order_id, row.left_quantity) == (False, "", "close:w1:eth:0.0.0", 4.94949495)
    row = closed("w1; deposit w1 1 eth; close w1 eth", "fill")
    assert (row.symbol, row.closing, row.order_id, row.left_quantity) == ("ETH", False, None, 0.0)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("w1 sol 0", "INSUFFICIENT_SOL: 0 SOL for fees, 0.0001 needed: send SOL to key of w1"),
        ("w1; wait 30001", "PRICE_STALE: 30001 ms, limit 30000"),
        ("w1; sell eth all", "other orders hold all of it"),
        ("w1; close w1 eth; expire; wait 1000", "tried in vain so far: 1, the next try is in 1 s"),
        (
            "w1; close w1 eth; expire; wait 2000; exits; expire; keep w1 eth; sell eth all",
            "other orders hold all of it",
        ),
    ],
)
def test_a_close_that_cannot_sell_now_says_why_and_stays(given: str, why: str) -> None:
    first, *rest = given.split("; ")
    row = closed("; ".join([first, "deposit w1 1 eth", *rest]))
    assert (row.closing, row.order_id, row.why_not) == (True, None, why)


def test_a_position_says_that_it_is_being_closed() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    assert [row.closing for row in positions(desk.state)] == [None]
    desk.play("close w1 eth")
    assert [row.closing for row in positions(desk.state)] == ["because"]


def test_a_wallet_says_its_exits() -> None:
    desk = CoreDesk("w1 trail 10 held 60000; w2")
    assert reports.wallet_metrics(desk.state, desk.book("w1")).exits == reports.ExitRow(10.0, None, 60_000)
    assert reports.wallet_metrics(desk.state, desk.book("w2")).exits is None


def test_what_open_buys_hold_and_may_lose_is_used_as_the_gate_counts_it() -> None:
    desk = CoreDesk("w1 position 1000 loss 100 stop 5; buy eth $900")
    used = reports.limit_utilization(desk.state, desk.book("w1"))
    assert used["position_size"] == 90.0
    assert used["daily_loss"] == pytest.approx(45.0, abs=0.3)  # The stop loss, and what fee and rent may cost.
    desk.play("fill; buy eth $50; buy btc $10")
    assert reports.limit_utilization(desk.state, desk.book("w1"))["position_size"] == 95.0
    desk.play("expire; mark eth 1950")
    used = reports.limit_utilization(desk.state, desk.book("w1"))
    assert (used["position_size"], used["daily_loss"]) == (87.75, 45.0)  # Half is lost, half may be.


def test_a_hold_is_shown_with_its_reason_and_its_end() -> None:
    desk = CoreDesk("w1 trades 1; desk trades 1; buy eth $1; fill; hold momentum a")
    reason = "1 trades since 00:00 UTC, the limit is 1"
    expected = (reports.HoldRow("w1", "day_trades", reason, NOON_NS, MIDNIGHT_NS),)
    assert reports.wallet_metrics(desk.state, desk.book("w1")).hold_details == expected
    told = risk.risk(desk.state, None)
    assert told.wallets[0].hold_details == expected
    assert told.limits["day_trades"] == risk.Use(1.0, 1.0, 100.0)
    wide = [(row.scope, row.cause, row.until_ns) for row in told.hold_details]
    assert wide == [("portfolio", "day_trades", MIDNIGHT_NS), ("MomentumTrading", "a", None)]
    assert reports.portfolio_summary(desk.state).hold_details == told.hold_details


def test_without_a_limit_of_trades_none_is_used_up() -> None:
    assert "day_trades" not in risk.risk(CoreDesk("w1; buy eth $1; fill").state, None).limits


def test_a_decision_says_how_it_was_sized() -> None:
    (placed,) = CoreDesk("w1 position 500").play("buy eth risk$50 stop 5")
    assert isinstance(placed, OrderPlaced)
    told = decision_of((placed,)).to_json()
    sizing = told["sizing"]
    assert isinstance(sizing, dict)
    assert {name: sizing[name] for name in sizing if name != "caps"} == {
        "sizing": "stop",
        "risk_budget_usd": 50.0,
        "distance_percent": 5.0,
        "wanted_usd": 1_000.0,
        "capped_by": ["POSITION_SIZE"],
        "notional_usd": 500.0,
    }
    assert {"code": "POSITION_SIZE", "usd": 500.0} in sizing["caps"]
    reason = told["selection_reason"]
    assert str(reason).endswith("; $50.00 at a stop distance of 5 % wants $1,000.00, POSITION_SIZE caps it")


def test_an_amount_is_not_sized() -> None:
    (placed,) = CoreDesk("w1").play("buy eth $50")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.notional_micros == 50 * MICROS
    assert "sizing" not in decision_of((placed,)).to_json()


@pytest.mark.parametrize(
    ("shortfalls", "missed", "score"),
    [([], 0, 0.0), ([], 1, 0.0), ([0], 0, 5.0), ([-9], 0, 5.0), ([100], 0, 0.0), ([101], 0, 0.0), ([0], 1, 2.5),
     ([1] + [0] * 19, 0, 4.99), ([0, 0], 1, 3.33), ([50], 0, 2.5)],
)  # fmt: skip
def test_the_performance_score_is_rounded_down(shortfalls: list[int], missed: int, score: float) -> None:
    book = CoreDesk("w1").book("w1")
    book.quality = [ExecutionQuality(True, bps) for bps in shortfalls] + [ExecutionQuality(False, 0)] * missed
    assert reports.performance_score(book) == score


def test_a_sale_uses_up_no_limit_of_trades() -> None:
    desk = CoreDesk(
        "w1 trades 2; deposit w1 3 eth; sell eth 1; fill; sell eth 1; fill; sell eth 1; fill; buy eth $5; fill"
    )
    used = reports.limit_utilization(desk.state, desk.book("w1"))
    assert used["trades_today"] == 50.0
    assert reports.wallet_metrics(desk.state, desk.book("w1")).trade_count_today == 1
