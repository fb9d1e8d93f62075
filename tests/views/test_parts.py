"""A buy that several wallets serve, as its sender reads it."""

from tests.support.core_desk import CoreDesk

from overmind.core.model.events import Answer, Event
from overmind.core.model.signal import Signal
from overmind.views.decisions import DecisionRow, decision_of
from overmind.views.preview import route


def row_of(events: tuple[Event, ...]) -> DecisionRow:
    return decision_of(tuple(event for event in events if isinstance(event, Answer))).to_json()


def test_each_order_is_told_with_its_wallet_and_its_amount() -> None:
    row = row_of(CoreDesk("w1 position 500; w2 position 400").play("buy eth $901 split partial id s"))
    assert row["orders"] == [
        {"order_id": "s.0.0", "wallet_id": "w1", "notional_usd": 500},
        {"order_id": "s.1.0", "wallet_id": "w2", "notional_usd": 400},
    ]
    assert (row["order_id"], row["wallet_id"]) == ("s.0.0", "w1")
    split = row["split"]
    assert (split["wanted_usd"], split["placed_usd"], split["parts"]) == (901, 900, 2)
    assert (split["best_single_wallet_id"], split["best_single_cost_bps"]) == (None, None)
    reason = "expected cost 6.8 bps with 2 wallets, $900.00 of $901.00: no more fits; no wallet alone could take it"
    assert row["selection_reason"] == reason


def test_the_best_wallet_alone_is_told_with_its_cost() -> None:
    row = row_of(CoreDesk("w1; w2").play("buy eth $9800 split all id s"))
    assert row["split"]["best_single_wallet_id"] == "w1"
    assert (row["split"]["expected_cost_bps"], row["split"]["best_single_cost_bps"]) == (22.159, 23.0644)
    assert row["selection_reason"] == "expected cost 22.2 bps with 2 wallets; w1 alone would cost 23.1 bps"


def test_a_buy_of_one_wallet_is_told_as_ever() -> None:
    row = row_of(CoreDesk("w1; w2").play("buy eth $300 split all id s"))
    assert [one["wallet_id"] for one in row["orders"]] == ["w1"]
    assert "split" not in row
    assert row["selection_reason"].startswith("expected cost")


def test_a_part_alone_says_which_one_it_is() -> None:
    parts = CoreDesk("w1 position 500; w2 position 400").play("buy eth $900 split all id s")
    assert row_of(parts[1:])["selection_reason"] == "part 2 of 2 of a buy that several wallets serve"


def test_the_plan_is_shown_beforehand() -> None:
    desk = CoreDesk("w1 position 500; w2 position 400")
    signal: Signal = desk.signal("buy", "eth", "$900", ["split", "all", "id", "s"]).signal
    found = route(desk.state, signal, desk.now_ns)
    assert [(one["wallet_id"], one["notional_usd"]) for one in found.orders] == [("w1", 500), ("w2", 400)]
    assert found.split is not None
    assert found.split["parts"] == 2
    assert not desk.state.open_orders
