"""Breakers: a reached limit adds its hold with a reason and an end; a hold ends once, and never early.

See specification §10.3.
"""

import pytest
from tests.support.core_desk import NOON_NS, CoreDesk, rows, told

from overmind.core.books.state import decode_state, encode_state
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import DayRolled, HoldAdded, HoldLifted
from overmind.core.model.units import DAY_NS, MICROS

MIDNIGHT_NS = (NOON_NS // DAY_NS + 1) * DAY_NS

# w1 and w2 have $10,000 each. Half an eth costs $1,000, so a mark of 1900 loses $50 and one of 1000 loses $500.
TABLE = """
given                                      | when                     | holds on the portfolio | holds on w1
# A wallet's day.
w1 loss 50; buy eth $1000; fill            | mark eth 1900.00002      |                        |
w1 loss 50; buy eth $1000; fill            | mark eth 1900            |                        | day_loss
w1 loss 50; buy eth $1000; fill; sell eth all slip 999 | fill at 1900          |                        | day_loss
w1 loss 50; buy eth $1000; fill; sell eth all slip 999 | fill at 1900.00002    |                        |
w1 loss 0; deposit w1 0.5 eth              | mark eth 2000            |                        |
w1 loss 0; deposit w1 0.5 eth              | mark eth 1999            |                        | day_loss
w1 loss 0 type Emergency; deposit w1 0.5 eth | mark eth 1999          |                        |
w1 loss 50; buy eth $1000; fill provisional; final | mark eth 1900    |                        | day_loss
w1 loss 50; buy eth $1000; fill; mark eth 1900; lift w1 day_loss | mark eth 1899 |             | day_loss
# A wallet's trades: entries, those that a fork undid included. Up to rules 2 sales counted too.
w1 trades 1; buy eth $1                    | fill                     |                        | day_trades
w1 trades 2; buy eth $1                    | fill                     |                        |
w1 trades 1; buy eth $1                    | fail                     |                        |
w1 trades 0; deposit w1 1 eth              | mark eth 1900            |                        |
w1 trades 1; deposit w1 1 eth; sell eth 1  | fill                     |                        |
w1 trades 1; desk rules 2; deposit w1 1 eth; sell eth 1 | fill        |                        | day_trades
w1 type Emergency trades 1; deposit w1 1 eth; sell eth 1 | fill       |                        |
w1 trades 1; buy eth $1; fill; lift w1 day_trades | mark eth 2001     |                        | day_trades
w1; buy eth $1; fill; w1 trades 1          | mark eth 2001            |                        | day_trades
w1 trades 2; buy eth $1; fill provisional; roll back as expired; buy eth $1 | fill |            | day_trades
w1 trades 2; buy eth $1; fail provisional; roll back as filled; buy eth $1 | fill |             | day_trades
# Those of all wallets.
w1; w2; desk trades 2; buy eth $1; fill; buy eth $1 not w1 | fill     | day_trades             |
w1; w2; desk trades 3; buy eth $1; fill; buy eth $1 not w1 | fill     |                        |
w1; w2; desk trades 0; buy eth $1; fill; buy eth $1 not w1 | fill     |                        |
w1; desk trades 2; deposit w1 1 eth; buy eth $1; fill; sell eth 1 | fill |                      |
w1; desk trades 2 rules 2; deposit w1 1 eth; buy eth $1; fill; sell eth 1 | fill | day_trades   |
# A streak of losing sales, costs included; a winning one ends it, and so does lifting the hold.
w1; desk streak 2; deposit w1 3 eth; sell eth 1; fill at 1999 | sell eth 1; fill at 1999 |      | loss_streak
w1; desk streak 2; deposit w1 3 eth; sell eth 1; fill at 1999 | sell eth 1; fill at 2000 |      |
w1; desk streak 2; deposit w1 3 eth; sell eth 1; fill at 1999 | sell eth 1; fill at 2000 fee 10 | | loss_streak
w1; desk streak 2; deposit w1 3 eth; sell eth 1; fill at 1999; hold w1 loss_streak; lift w1 loss_streak \
| sell eth 1; fill at 1999 | |
w1; deposit w1 3 eth; sell eth 1; fill at 1999 | sell eth 1; fill at 1999 |                     |
# The portfolio's day: percent of the equity at 00:00 UTC and of what was deposited since.
w1; w2; desk loss 1; buy eth $4000; fill   | mark eth 1900            | day_loss               |
w1; w2; desk loss 1; buy eth $4000; fill   | mark eth 1900.01         |                        |
w1; desk loss 1; buy eth $2000; fill; deposit w1 10000 usd | mark eth 1900 |                    |
w1; desk loss 1; buy eth $2000; fill; deposit w1 10000 usd | mark eth 1800 | day_loss           |
w1; desk loss 1; deposit w1 5 eth; chain w1 eth -5; accept w1 eth -5 because moved | mark btc 50001 | |
# From the peak.
w1; desk drawdown 1; deposit w1 1 eth; mark eth 2500 | mark eth 2375  | drawdown               |
w1; desk drawdown 1; deposit w1 1 eth; mark eth 2500 | mark eth 2375.01 |                      |
w1; desk drawdown 1; deposit w1 1 eth; mark eth 2500; mark eth 2300; \
lift portfolio drawdown | mark eth 2299 | |
w1; desk drawdown 1; deposit w1 1 eth; mark eth 2500; mark eth 2300; \
lift portfolio drawdown | mark eth 2100 | drawdown |
# Everything at once.
w1; w2; desk threshold 10; buy eth $9000; fill | mark eth 1555.6      |                        |
w1; w2; desk threshold 10; buy eth $9000; fill | mark eth 1555.5      |                        | emergency
w1; w2; desk threshold 10; buy eth $9000; fill; mark eth 1500; reactivate w1 | mark eth 1400 | |
w1; w2; desk threshold 10; buy eth $9000; fill; mark eth 1500; reactivate w1 | mark eth 1000 | | emergency
"""


@pytest.mark.parametrize(("given", "when", "portfolio", "wallet"), rows(TABLE))
def test_a_reached_limit_adds_its_hold(given: str, when: str, portfolio: str, wallet: str) -> None:
    desk = CoreDesk(given)
    desk.play(when)
    assert " ".join(desk.state.holds) == portfolio
    assert " ".join(desk.book("w1").holds) == wallet


@pytest.mark.parametrize(
    ("steps", "reason", "until_ns"),
    [
        (
            "w1 loss 50; buy eth $1000; fill; mark eth 1900",
            "lost $50.00 since 00:00 UTC, the limit is $50.00",
            MIDNIGHT_NS,
        ),
        (
            "w1 trades 2; buy eth $1; fill; buy eth $1; fill",
            "2 trades since 00:00 UTC, the limit is 2",
            MIDNIGHT_NS,
        ),
        (
            "w1; desk trades 1; buy eth $1; fill",
            "1 trades of all wallets since 00:00 UTC, the limit is 1",
            MIDNIGHT_NS,
        ),
        (
            "w1; desk streak 1; deposit w1 1 eth; sell eth 1; fill at 1999",
            "1 sales in a row lost money, the limit is 1",
            MIDNIGHT_NS,
        ),
        (
            "w1; desk loss 1; buy eth $2000; fill; mark eth 1900",
            "the portfolio lost $100.00 of $10,000.00 since 00:00 UTC, the limit is 1 %",
            MIDNIGHT_NS,
        ),
        (
            "w1; desk drawdown 1; buy eth $2000; fill; mark eth 1900",
            "the portfolio lost $100.00 of $10,000.00 from the peak, the limit is 1 %",
            None,
        ),
        (
            "w1; desk threshold 1; buy eth $2000; fill; mark eth 1900",
            "the portfolio lost $100.00 of $10,000.00 since 00:00 UTC or the last reactivation, the limit is 1 %",
            None,
        ),
    ],
)
def test_a_hold_says_why_and_until_when(steps: str, reason: str, until_ns: int | None) -> None:
    hold = CoreDesk(steps).entries[-1].event
    assert isinstance(hold, HoldAdded)
    assert (hold.hold.reason, hold.hold.until_ns) == (reason, until_ns)


def test_the_day_ends_a_hold_once_and_not_a_moment_before() -> None:
    desk = CoreDesk("w1 loss 50; buy eth $1000; fill; mark eth 1900; wait 43199999; mark sol 100")
    assert "day_loss" in desk.book("w1").holds
    assert told(desk.play("wait 1; mark sol 100.01")) == "PricesMarked + DayRolled + HoldLifted"
    assert told(desk.play("mark eth 1900; buy eth $300")) == "w1 $300"
    lifts = [entry.event for entry in desk.entries if isinstance(entry.event, HoldLifted)]
    assert [lift.reason for lift in lifts] == ["its time is over"]


def test_counts_and_their_holds_live_through_a_restart_and_end_with_the_day_once() -> None:
    desk = CoreDesk("w1 trades 1; w2; desk trades 2; buy eth $1 not w2; fill; buy eth $1 not w1; fill")
    decided = desk.state.decided
    desk.state = decode_state(encode_state(desk.state))
    desk.state.decided, desk.index = decided, SelectionIndex(desk.state)
    assert (desk.state.trades_today, list(desk.state.holds)) == (2, ["day_trades"])
    assert told(desk.play("wait 43199999; mark sol 100")) == "PricesMarked"
    assert told(desk.play("wait 1; mark sol 100.01; mark eth 2000.01; buy eth $1")) == "w1 $1"
    assert (desk.state.trades_today, desk.state.entries_open) == (0, 1)
    assert sum(isinstance(entry.event, HoldLifted) for entry in desk.entries) == 2
    desk.now_ns -= DAY_NS
    assert not desk.play("lift w1 nothing")
    assert not desk.state.holds


def test_a_clock_that_is_set_back_brings_no_hold_and_no_day_back() -> None:
    desk = CoreDesk("w1 loss 50; buy eth $1000; fill; mark eth 1900; wait 43200000; mark sol 100")
    desk.now_ns -= DAY_NS
    assert not desk.play("lift w1 nothing")
    assert not desk.book("w1").holds
    assert sum(isinstance(entry.event, DayRolled) for entry in desk.entries) == 2
    desk.play("mark eth 1800")
    hold = desk.book("w1").holds.get("day_loss")
    assert hold is None  # A mark that is older than the newest one is ignored.


def test_a_hold_with_an_end_is_lifted_by_whatever_comes_next_and_leaves_the_others() -> None:
    desk = CoreDesk(
        "w1; hold w1 operator for 1000; hold w1 other; hold portfolio pause for 2000; hold momentum a for 500"
    )
    assert told(desk.play("wait 999; lift w1 nothing")) == "HoldLifted"
    assert not desk.state.paused["MomentumTrading"]
    assert told(desk.play("wait 1; lift w1 nothing")) == "HoldLifted"
    assert list(desk.book("w1").holds) == ["other"]
    assert told(desk.play("wait 1000; buy eth $300")) == ("HoldLifted + WALLET_STATUS Active Suspended: other @w1")
    assert not desk.state.timed


def test_a_hold_that_was_lifted_by_hand_does_not_end_again() -> None:
    desk = CoreDesk("w1; hold w1 operator for 1000; lift w1 operator; hold w1 operator")
    assert not desk.play("wait 5000; lift w1 nothing")
    assert list(desk.book("w1").holds) == ["operator"]


def test_the_baseline_is_that_of_midnight_whatever_happens_after() -> None:
    desk = CoreDesk("w1; buy eth $2000; fill; mark eth 1900; wait 43200000; mark eth 1800; deposit w1 500 usd")
    base, day_equity = desk.state.day_base, 9_800 * MICROS  # at the mark that came with midnight
    assert base.equity_micros == day_equity
    assert base.capital_micros(desk.state.deposited_micros) == day_equity + 500 * MICROS
    desk.now_ns -= DAY_NS
    desk.play("hold w1 a; lift w1 a")
    assert desk.state.day_base == base


def test_an_automatic_stop_holds_every_wallet_and_counts_anew_from_the_reactivation() -> None:
    desk = CoreDesk("w1; w2; desk threshold 10; buy eth $9000; fill")
    assert told(desk.play("mark eth 1500")) == "PricesMarked + HoldAdded + HoldAdded"
    assert told(desk.play("mark eth 1400")) == "PricesMarked"
    assert told(desk.play("buy btc $10")).startswith("PORTFOLIO_STOPPED running emergency")
    desk.play("reactivate w2")
    assert desk.state.stop_base.equity_micros == desk.state.equity_micros
    assert told(desk.play("buy btc $10")) == "w2 $10"
    assert told(desk.play("fill; mark eth 1000")) == "PricesMarked + HoldAdded"


@pytest.mark.parametrize("cause", ["emergency", "quarantine", "deficit:w1", "unknown_signature:w1"])
def test_a_hold_that_needs_an_operator_has_no_end(cause: str) -> None:
    with pytest.raises(CommandRefused, match="has no end"):
        CoreDesk(f"w1; hold w1 {cause} for 1000")


def test_an_expired_hold_holds_nothing() -> None:
    assert not CoreDesk("w1").play("hold w1 operator for 0")


# What an automatic stop does besides adding holds.


@pytest.mark.parametrize(
    ("then", "decided", "swept"),
    [
        ("stop", "PricesMarked", "nothing"),
        ("liquidate", "PricesMarked + LiquidationOrdered + w1 4.5 eth", "nothing"),
        ("sweep", "PricesMarked + LiquidationOrdered + w1 4.5 eth", "w1 -> w2 $7650 sweep"),
    ],
)
def test_an_automatic_stop_liquidates_and_sweeps_if_it_is_told_to(then: str, decided: str, swept: str) -> None:
    desk = CoreDesk(f"w1; w2 type Emergency; desk threshold 10 then {then}; buy eth $9000; fill")
    assert told(desk.play("mark eth 1555.5")) == "PricesMarked + HoldAdded + HoldAdded"
    assert told(desk.play("mark eth 1500")) == decided
    assert told(desk.play("mark eth 1500")) == "PricesMarked"  # Only once.
    assert told(desk.play("exits")) == "nothing"
    if desk.state.open_orders:
        desk.play("fill")
    assert told(desk.play("moves")) == swept


def test_one_outlier_mark_stops_and_sells_nothing() -> None:
    desk = CoreDesk("w1; w2 type Emergency; desk threshold 10 then sweep; buy eth $9000; fill; mark eth 15")
    assert "emergency" in desk.book("w1").holds
    assert told(desk.play("exits")) == "nothing"
    assert told(desk.play("mark eth 2000")) == "PricesMarked"
    assert told(desk.play("exits; moves")) == "nothing"


def test_the_mark_of_another_token_confirms_no_outlier() -> None:
    desk = CoreDesk("w1; w2 type Emergency; desk threshold 10 then sweep; buy eth $9000; fill; mark eth 15")
    assert told(desk.play("mark sol 100.01; mark btc 50001")) == "PricesMarked"
    assert told(desk.play("mark eth 16")) == "PricesMarked + LiquidationOrdered + w1 4.5 eth"


def test_a_loss_since_an_outlier_at_midnight_sells_nothing() -> None:
    """The stop is reached, as its base is the price at midnight; but no second mark confirmed that price."""
    desk = CoreDesk("w1; w2 type Emergency; desk threshold 10 then sweep; buy eth $9000; fill; mark eth 2000")
    assert told(desk.play("wait 43200000; mark eth 4000")) == "PricesMarked + DayRolled"
    assert told(desk.play("mark eth 2000")) == "PricesMarked + HoldAdded + HoldAdded"
    assert told(desk.play("mark eth 2000.1")) == "PricesMarked"
    assert told(desk.play("mark eth 1400; mark eth 1401")) == "PricesMarked + LiquidationOrdered + w1 4.5 eth"


@pytest.mark.parametrize("before", ["stop", "hold w1 emergency; hold w2 emergency"])
def test_an_outlier_on_a_stopped_desk_sells_nothing(before: str) -> None:
    desk = CoreDesk(f"w1; w2 type Emergency; desk threshold 10 then sweep; buy eth $9000; fill; {before}")
    for price in (15, 2_000, 15, 2_000, 15):
        assert told(desk.play(f"mark eth {price}")) == "PricesMarked"
    assert told(desk.play("mark eth 16")) == "PricesMarked + LiquidationOrdered + w1 4.5 eth"


def test_a_stop_of_an_operator_does_what_he_says_whatever_the_automatic_one_would() -> None:
    desk = CoreDesk("w1; w2 type Emergency; desk then sweep; stop")
    assert told(desk.play("moves")) == "nothing"


def test_a_transfer_is_no_loss_of_the_sender() -> None:
    """A transfer between wallets, or out of the desk, is no loss of the wallet or of the portfolio."""
    desk = CoreDesk(
        "desk loss 1 threshold 1 drawdown 1 payees bank cap 9000 band 1; w1 loss 1 aim 50 usd 14900; w2 aim 50 usd 4900"
    )
    desk.play("rebalance; fill; withdraw w1 $9000; fill; mark eth 2001")
    assert (desk.state.holds, desk.book("w1").holds) == ({}, {})


# What a day's loss closes if it is told to. w1 may lose $50, so a mark of 1900 is its limit.


@pytest.mark.parametrize(
    ("given", "first", "second"),
    [
        ("w1 loss 50; w2; buy eth $1000 not w2; buy btc $10 not w1; fill", "HoldAdded", "CloseOrdered + w1 0.5 eth"),
        (
            "w1; w2; desk loss 0.25; buy eth $1000 not w2; buy btc $10 not w1; fill",
            "HoldAdded",
            "CloseOrdered + CloseOrdered + w1 0.5 eth + w2 0.0002 btc",
        ),
        ("w1; w2; desk loss 0.26; buy eth $1000 not w2; fill", "", ""),
        ("w1 loss 50 type Emergency; w2; deposit w1 0.5 eth", "", ""),
    ],
)
def test_a_loss_of_the_day_closes_what_is_open_once_two_marks_show_it(given: str, first: str, second: str) -> None:
    desk = CoreDesk(f"{given}; desk then flatten")
    assert told(desk.play("mark eth 1900")) == " + ".join(filter(None, ["PricesMarked", first]))
    assert told(desk.play("mark eth 1899")) == " + ".join(filter(None, ["PricesMarked", second]))
    assert told(desk.play("mark eth 1899")) == "PricesMarked"  # Only once.


def test_without_being_told_to_a_loss_of_the_day_closes_nothing() -> None:
    desk = CoreDesk("w1 loss 50; buy eth $1000; fill; mark eth 1900; mark eth 1899; mark eth 1899")
    assert (set(desk.book("w1").holds), desk.book("w1").closing) == ({"day_loss"}, {})


def test_one_outlier_mark_holds_and_closes_nothing() -> None:
    desk = CoreDesk("desk then flatten; w1 loss 50; buy eth $1000; fill; mark eth 19")
    assert set(desk.book("w1").holds) == {"day_loss"}
    assert (desk.book("w1").closing, desk.state.open_orders) == ({}, {})
    assert told(desk.play("mark eth 2000; mark btc 50001; exits")) == "nothing"


def test_what_is_bought_after_the_limit_was_reached_is_closed_as_well() -> None:
    desk = CoreDesk("desk then flatten; w1 loss 50; buy eth $1000; fill; buy btc $100; mark eth 1900; mark eth 1899")
    assert told(desk.play("fill s2.0.0")) == "OrderClosed + CloseOrdered"
