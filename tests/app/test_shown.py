"""What an operator sees of exits, holds and sizings."""

from __future__ import annotations

from tests.core.desk import NOON_NS, Play

from overmind import reports, risk
from overmind.core.messages import OrderPlaced
from overmind.core.model import DAY_NS, MICROS, NS
from overmind.decisions import decision_of

MIDNIGHT_NS = (NOON_NS // DAY_NS + 1) * DAY_NS


def test_a_position_says_where_it_will_be_sold() -> None:
    steps = "w1 stop 5 trail 10 held 60000; buy eth $1000 stop 3 profit 20; fill; mark eth 2200; mark eth 2200"
    (row,) = reports.positions(Play(steps).state)
    assert (row.stop_price_usd, row.take_profit_price_usd) == (1_940.0, 2_400.0)
    assert (row.trailing_stop_price_usd, row.sold_by_ns) == (1_980.0, NOON_NS + 60 * NS)


def test_one_that_no_rule_sells_says_so() -> None:
    (row,) = reports.positions(Play("w1; buy eth $1000; fill").state)
    prices = (row.stop_price_usd, row.trailing_stop_price_usd, row.take_profit_price_usd, row.sold_by_ns)
    assert prices == (None, None, None, None)


def test_a_wallet_says_its_exits() -> None:
    desk = Play("w1 trail 10 held 60000; w2")
    assert reports.wallet_metrics(desk.state, desk.book("w1")).exits == reports.ExitRow(10.0, None, 60_000)
    assert reports.wallet_metrics(desk.state, desk.book("w2")).exits is None


def test_a_hold_is_shown_with_its_reason_and_its_end() -> None:
    desk = Play("w1 trades 1; desk trades 1; buy eth $1; fill; hold momentum a")
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
    assert "day_trades" not in risk.risk(Play("w1; buy eth $1; fill").state, None).limits


def test_a_decision_says_how_it_was_sized() -> None:
    (placed,) = Play("w1 position 500").play("buy eth risk$50 stop 5")
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
    (placed,) = Play("w1").play("buy eth $50")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.notional_micros == 50 * MICROS
    assert "sizing" not in decision_of((placed,)).to_json()
