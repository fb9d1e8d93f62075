"""The UTC day rolls once, with the first marks of the new day, and never backwards. Without marks it waits for none.

See specification §2.6.
"""

import pytest
from tests.support.core_desk import PRICES, CoreDesk, rows, told

from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import DayRolled
from overmind.core.model.units import DAY_NS, MICROS

HALF_A_DAY = "wait 43200000"
A_MOMENT_BEFORE = "wait 43199999"
PRICES_AGAIN = "mark sol 100; mark eth 1900"


def rolls(desk: CoreDesk) -> list[int]:
    return [entry.event.day for entry in desk.entries if isinstance(entry.event, DayRolled)]


def test_the_day_rolls_at_midnight_and_not_a_moment_before() -> None:
    desk = CoreDesk(f"w1; {A_MOMENT_BEFORE}; hold w1 a")
    assert rolls(desk) == [20_000]
    assert told(desk.play("wait 1; hold w1 b")) == "DayRolled + HoldAdded"
    assert rolls(desk) == [20_000, 20_001]


def test_the_day_rolls_once_over_any_number_of_commands_and_days() -> None:
    desk = CoreDesk("w1; " + "wait 86400000; " * 5 + "hold w1 a; hold w1 b; lift w1 a")
    assert rolls(desk) == [20_000, 20_005]


@pytest.mark.parametrize("prices", [PRICES, {}])
def test_it_never_rolls_backwards(prices: dict[str, int]) -> None:
    desk = CoreDesk(f"w1; {HALF_A_DAY}; hold w1 a", prices)
    desk.now_ns -= DAY_NS
    assert told(desk.play("hold w1 b")) == "HoldAdded"
    assert rolls(desk) == [20_000, 20_001]


def test_a_command_without_news_rolls_the_day() -> None:
    assert told(CoreDesk(f"w1; {HALF_A_DAY}").play("lift w1 a")) == "DayRolled"


def test_a_refused_command_rolls_the_day() -> None:
    desk = CoreDesk(f"w1; {HALF_A_DAY}")
    with pytest.raises(CommandRefused):
        desk.play("hold nobody a")
    assert rolls(desk) == [20_000, 20_001]


# The mark of eth before midnight is a second old, and fresh. Of $1,000 of eth 1 % is $10.
BEFORE = "w1 loss 50; deposit w1 0.5 eth; wait 43199000; mark sol 100; mark eth 2000"
TABLE = """
then | when | decided | day's gain in w1
wait 999          | mark eth 1980 | PricesMarked             | -10
wait 1000         | mark eth 1980 | PricesMarked + DayRolled | 0
wait 1000; hold w1 a              | mark eth 1980 | PricesMarked + DayRolled | 0
wait 1000; buy eth $5; fill       | mark eth 1980 | PricesMarked + DayRolled | 0
# Without fresh marks the next command rolls it, and what the prices did is of the new day.
wait 30000                        | hold w1 b     | HoldAdded                | 0
wait 30001                        | hold w1 b     | DayRolled + HoldAdded    | 0
wait 31000; hold w1 a; hold w1 b  | mark eth 1980 | PricesMarked             | -10
# Marks end the wait, however old those before them are.
wait 99000                        | mark eth 1980 | PricesMarked + DayRolled | 0
# A withdrawal counts in the cap of its own day.
desk payees bank cap 100 delay 0; wait 1000 | withdraw w1 $9 | DayRolled + w1 -> bank $9 withdraw | 0
# The holds of the day end with it.
mark eth 1899; wait 1000; hold w1 b | mark eth 1980 | PricesMarked + DayRolled + HoldLifted | 0
wait 1000; sell eth 0.5 slip 999; fill at 1899 | mark eth 1980 | PricesMarked + DayRolled + HoldLifted | 0
hold w1 x for 1500; wait 1200; hold w1 b; wait 400 | hold w1 c | HoldLifted + HoldAdded | 0
"""


@pytest.mark.parametrize(("then", "when", "decided", "gain"), rows(TABLE))
def test_the_day_rolls_with_its_first_marks(then: str, when: str, decided: str, gain: str) -> None:
    desk = CoreDesk(f"{BEFORE}; {then}")
    assert told(desk.play(when)) == decided
    assert desk.book("w1").day_pnl_micros == int(gain) * MICROS


def test_until_it_rolls_the_limits_are_those_of_the_day_before() -> None:
    desk = CoreDesk("w1 trades 1 loss 50; buy eth $1000; fill; wait 43199000; mark eth 1900; mark sol 100; wait 1000")
    held = "WALLET_STATUS Active Suspended: day_loss, day_trades @w1"
    assert told(desk.play("buy sol $1")) == f"{held} + DAILY_LOSS 50 50 @w1 + TRADES_TODAY 1 2 @w1"
    assert told(desk.play("mark eth 1900; buy sol $1")) == "w1 $1"


def test_a_doubted_mark_of_midnight_is_not_its_base() -> None:
    desk = CoreDesk(f"desk jump 20; {BEFORE}; mark sol 100; mark btc 50000; wait 1000")
    assert told(desk.play("mark eth 900")) == "PricesMarked"
    assert told(desk.play("wait 1000; mark eth 1990")) == "PricesMarked + DayRolled"


def test_counters_begin_anew_and_totals_go_on() -> None:
    desk = CoreDesk("w1 trades 1; buy eth $1000; fill fee 100000; mark eth 1900; sell eth 0.2; fill fee 100000")
    book = desk.book("w1")
    assert (book.trades_today, book.realised_today_micros) == (1, -20_020_000)
    held = "WALLET_STATUS Active Suspended: day_trades @w1"
    assert told(desk.play("buy eth $1")) == f"{held} + TRADES_TODAY 1 2 @w1"
    desk.play(f"{HALF_A_DAY}; {PRICES_AGAIN}")
    assert (book.trades_today, book.realised_today_micros) == (0, 0)
    assert (book.realised_micros, book.executions) == (-20_020_000, 2)
    assert told(desk.play("buy eth $1")) == "w1 $1"


def test_unrealised_losses_count_from_the_marks_of_midnight() -> None:
    desk = CoreDesk("w1 loss 50; buy eth $1000; fill; mark eth 1900")
    book = desk.book("w1")
    assert (book.unrealised_micros, book.day_pnl_micros) == (-50 * MICROS, -50 * MICROS)
    held = "WALLET_STATUS Active Suspended: day_loss @w1"
    assert told(desk.play("buy eth $1")) == f"{held} + DAILY_LOSS 50 50 @w1"
    desk.play(f"{HALF_A_DAY}; {PRICES_AGAIN}")
    assert (book.unrealised_micros, book.day_pnl_micros) == (-50 * MICROS, 0)
    assert told(desk.play("buy eth $1")) == "w1 $1"
    desk.play("mark eth 1800")
    assert book.day_pnl_micros == -50 * MICROS


def test_realising_yesterdays_loss_is_no_loss_of_today() -> None:
    desk = CoreDesk(f"w1; buy eth $1000; fill; mark eth 1900; {HALF_A_DAY}; {PRICES_AGAIN}; sell eth all; fill")
    book = desk.book("w1")
    assert (book.realised_today_micros, book.unrealised_base_micros) == (-50 * MICROS, -50 * MICROS)
    assert book.day_pnl_micros == 0


def test_open_orders_live_through_midnight() -> None:
    desk = CoreDesk(f"w1 trades 1; buy eth $1; {HALF_A_DAY}; {PRICES_AGAIN}")
    assert told(desk.play("buy eth $1")) == "TRADES_TODAY 1 2 @w1"
    desk.play("fill at 2000")
    assert desk.book("w1").trades_today == 1


@pytest.mark.parametrize(
    "step", ["deposit w1 1000 usd", "float w1 5", "deposit w1 1 eth", "deposit w1 1 sol", "mark sol 50"]
)
def test_deposits_and_the_worth_of_the_float_are_no_profit_of_the_day(step: str) -> None:
    desk = CoreDesk("w1; buy btc $1000; fill")
    desk.play(step)
    assert desk.book("w1").day_pnl_micros == 0
