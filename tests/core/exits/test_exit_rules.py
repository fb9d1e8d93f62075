"""Exits without a signal: due by fresh marks, confirmed by a quote, retried with more slippage down to a floor.

See specification §10.1.
"""

import pytest
from msgspec import structs
from tests.support.core_desk import DESK, CoreDesk, rows, told

from overmind.core.books.state import decode_state, encode_state
from overmind.core.entries.quote_check import quote_rejection
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.exits.exit_rules import exits_due, unpayable_exits, unwatched
from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import CloseCancelled, CloseOrdered, OrderPlaced
from overmind.core.model.ids import Mint, WalletId, is_own
from overmind.core.model.order import Order, Quote
from overmind.core.model.outcome import Cause
from overmind.core.model.units import BPS, MICROS, PICO

# Half an eth costs $1,000, so its average cost is 2000 unless a case says otherwise.
BOUGHT = "buy eth $1000; fill"
TABLE = """
given                                                        | when                            | due
# The wallet's threshold, on the average cost; 0 is none.
w1 stop 5; buy eth $1000; fill                               | mark eth 1900.01                | nothing
w1 stop 5; buy eth $1000; fill                               | mark eth 1900                   | stop w1 0.5 eth
w1 stop 0; buy eth $1000; fill                               | mark eth 1                      | nothing
w1; buy eth $1000; fill; mark eth 1000; buy eth $500; fill; w1 stop 5 | mark eth 1425          | stop w1 1 eth
w1 stop 5; buy eth $1000; fill; mark eth 1990; buy eth $995; fill | mark eth 1895.26           | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1990; buy eth $995; fill | mark eth 1895.25           | stop w1 1 eth
w1 stop 5; deposit w1 1 eth                                  | mark eth 1900                   | stop w1 1 eth
w1 stop 5; buy eth $1000                                     | mark eth 1900                   | nothing
w1 stop 5; w2 stop 2; deposit w1 1 eth; deposit w2 1 eth     | mark eth 1950                   | stop w2 1 eth
# The signal's own, the stricter of the two.
w1 stop 5; buy eth $1000 stop 2; fill                        | mark eth 1960                   | stop w1 0.5 eth
w1 stop 2; buy eth $1000 stop 5; fill                        | mark eth 1960                   | stop w1 0.5 eth
w1; buy eth $1000 stop 2; fill; buy eth $1000 stop 5; fill   | mark eth 1960                   | stop w1 1 eth
w1; buy eth $1000 stop 2; fill                               | mark eth 1960.01                | nothing
# Below the highest price that more than one mark has shown, or that was paid.
w1; buy eth $1000 trail 10; fill                             | mark eth 1800                   | trail w1 0.5 eth
w1; buy eth $1000 trail 10; fill                             | mark eth 1800.01                | nothing
w1; buy eth $1000 trail 10; fill; mark eth 3000              | mark eth 2000                   | nothing
w1; buy eth $1000 trail 10; fill; mark eth 3000; mark eth 3000 | mark eth 2700                 | trail w1 0.5 eth
w1; buy eth $1000 trail 10; fill; mark eth 3000; mark eth 2900 | mark eth 2610.01              | nothing
w1; buy eth $1000 trail 10; fill; mark eth 3000; mark eth 2900 | mark eth 2610                 | trail w1 0.5 eth
# Above the average cost.
w1; buy eth $1000 profit 10; fill                            | mark eth 2199.99                | nothing
w1; buy eth $1000 profit 10; fill                            | mark eth 2200                   | profit w1 0.5 eth
# After its time; a price is needed all the same.
w1; buy eth $1000 held 60000; fill                           | wait 59999; mark eth 2000       | nothing
w1; buy eth $1000 held 60000; fill                           | wait 60000; mark eth 2000       | time w1 0.5 eth
w1; buy eth $1000 held 60000; fill; buy eth $10 held 1; fill | wait 1; mark eth 2000           | time w1 0.505 eth
w1; buy eth $1000 held 60000; fill                           | wait 60000                      | nothing
# The wallet's own, of whatever it holds, from the moment that its file says so; the stricter of its and the signal's.
w1 trail 10; buy eth $1000; fill                             | mark eth 1800.01                | nothing
w1 trail 10; buy eth $1000; fill                             | mark eth 1800                   | trail w1 0.5 eth
w1; buy eth $1000; fill; mark eth 3000; mark eth 3000; w1 trail 10 | mark eth 2700             | trail w1 0.5 eth
w1 trail 10; buy eth $1000 trail 5; fill                     | mark eth 1900                   | trail w1 0.5 eth
w1 trail 5; buy eth $1000 trail 10; fill                     | mark eth 1900                   | trail w1 0.5 eth
w1 trail 10; buy eth $1000 profit 5; fill                    | mark eth 2100                   | profit w1 0.5 eth
w1 profit 10; deposit w1 1 eth                               | mark eth 2199.99                | nothing
w1 profit 10; deposit w1 1 eth                               | mark eth 2200                   | profit w1 1 eth
w1 held 60000; deposit w1 1 eth                              | wait 59999; mark eth 2000       | nothing
w1 held 60000; deposit w1 1 eth                              | wait 60000; mark eth 2000       | time w1 1 eth
w1 held 60000; buy eth $1000 held 90000; fill                | wait 60000; mark eth 2000       | time w1 0.5 eth
w1 held 60000; buy eth $1000 held 30000; fill                | wait 30000; mark eth 2000       | time w1 0.5 eth
w1 held 60000; buy eth $1000; fill; wait 50000; mark eth 2000; mark sol 100; buy eth $1000; fill; sell eth 0.5; fill \
| wait 59999; mark eth 2000 | nothing
w1 held 60000; buy eth $1000; fill; wait 50000; mark eth 2000; mark sol 100; buy eth $1000; fill; sell eth 0.5; fill \
| wait 60000; mark eth 2000 | time w1 0.5 eth
w1; buy eth $1000; fill; w1 held 60000                       | wait 60000; mark eth 2000       | time w1 0.5 eth
# Without a fresh price nothing is sold.
w1; buy eth $1000; fill; mark eth 1000; w1 stop 5            | wait 30000                      | stop w1 0.5 eth
w1; buy eth $1000; fill; mark eth 1000; w1 stop 5            | wait 30001                      | nothing
w1; buy eth $1000; fill; mark eth 1000; w1 stop 5            | wait 30001; mark eth 999        | stop w1 0.5 eth
# What another sale holds is not there; no hold and no limit stops it; a fee that cannot be paid does.
w1 stop 5; buy eth $1000; fill; sell eth 0.2                 | mark eth 1900                   | stop w1 0.3 eth
w1 stop 5; buy eth $1000; fill; sell eth all                 | mark eth 1900                   | nothing
w1 stop 5; buy eth $1000; fill; stop; hold portfolio a       | mark eth 1900                   | stop w1 0.5 eth
w1 stop 5; buy eth $1000; fill; remove w1; w1 loss 0 trades 0 | mark eth 1900                  | stop w1 0.5 eth
w1 stop 5 sol 0.00009; deposit w1 1 eth                      | mark eth 1900                   | nothing
# One at a time, and again when it came to nothing, not before its pause is over.
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits         | mark eth 1800                   | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; reject for NO_LIQUIDITY | wait 1999      | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; reject for NO_LIQUIDITY | wait 2000      | stop w1 0.25 eth
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; reject for ROUTE_DOWN | wait 2000        | stop w1 0.5 eth
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; reject for NOT_CONFIRMED; mark eth 2000 | wait 2000 | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; expire; wait 2000; exits; expire | wait 3999 | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; expire; wait 2000; exits; expire | wait 4000 | stop w1 0.5 eth
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; fill   | mark eth 1800                   | nothing
w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; fill provisional; roll back as expired | wait 0 | stop w1 0.5 eth
# A liquidation sells everything that has a price, the largest first; a reactivated wallet keeps what is left.
w1; w2; deposit w1 1 eth; deposit w2 1 btc | liquidate | liquidate w2 1 btc + liquidate w1 1 eth
w1; w2; deposit w1 1 eth; deposit w2 1 btc; liquidate        | reactivate w2                   | liquidate w1 1 eth
w1; deposit w1 1 eth; stop                                   | wait 0                          | nothing
w1; deposit w1 1 eth; stop                                   | liquidate                       | liquidate w1 1 eth
w1 stop 5; deposit w1 1 eth; liquidate                       | mark eth 1000                   | liquidate w1 1 eth
# An operator's close stands until nothing is left: tried again, by slices, in a new price; what holds it back passes.
w1; deposit w1 1 eth; close w1 eth                           | mark eth 2000                   | nothing
w1; deposit w1 1 eth; close w1 eth; reject for NO_LIQUIDITY  | wait 1999                       | nothing
w1; deposit w1 1 eth; close w1 eth; reject for NO_LIQUIDITY  | wait 2000                       | close w1 0.5 eth
w1; deposit w1 1 eth; close w1 eth; expire                   | wait 2000; mark eth 1000        | close w1 1 eth
w1; deposit w1 1 eth; close w1 eth; expire; close w1 eth     | wait 1999                       | nothing
w1; desk depth 1000000; deposit w1 10 eth; close w1 eth; fill | wait 0 | close w1 4.94949495 eth
w1; desk depth 1000000; deposit w1 10 eth; close w1 eth; fill; exits; fill; deposit w1 1 eth | wait 0 | nothing
w1 sol 0; deposit w1 1 eth; close w1 eth                     | wait 0                          | nothing
w1 sol 0; deposit w1 1 eth; close w1 eth; float w1 0.0001    | wait 0                          | close w1 1 eth
w1; deposit w1 1 eth; wait 30001; close w1 eth               | wait 0                          | nothing
w1; deposit w1 1 eth; wait 30001; close w1 eth               | mark eth 2000                   | close w1 1 eth
w1; deposit w1 1 eth; sell eth all; close w1 eth; expire     | wait 0                          | close w1 1 eth
w1; deposit w1 0.00000499 eth; close w1 eth; expire          | wait 2000                       | close w1 0.00000499 eth
w1; deposit w1 1 eth; close w1 eth; expire; stop; remove w1  | wait 2000                       | close w1 1 eth
# It waits for no price, so it goes before what does, and after a liquidation; others' exits are more urgent.
w1 stop 5; deposit w1 1 eth; sell eth all; close w1 eth; expire | mark eth 1900                  | close w1 1 eth
w1 profit 5; deposit w1 1 eth; sell eth all; close w1 eth; expire | mark eth 2200                | close w1 1 eth
w1; deposit w1 1 eth; sell eth all; close w1 eth; expire; liquidate | wait 0                    | liquidate w1 1 eth
w1; deposit w1 1 eth; close w1 eth; expire; liquidate; reactivate w1 | wait 2000                | close w1 1 eth
w1 sol 0; w2 stop 5; deposit w1 2 eth; deposit w2 1 eth; close w1 eth; float w1 1 | mark eth 1900 \
| stop w2 1 eth + close w1 2 eth
# What is bought meanwhile is sold, too, and what is bought after the end is not.
w1; deposit w1 1 eth; close w1 eth; buy eth $1000; fill s1.0.0; fill | wait 0                   | close w1 0.5 eth
w1; deposit w1 1 eth; close w1 eth; fill; buy eth $1000; fill | wait 0                          | nothing
w1; deposit w1 1 eth; close w1 eth; reject; sell eth all; fill; deposit w1 1 eth | wait 2000    | nothing
# Until it is cancelled; what is under way goes on.
w1; deposit w1 1 eth; close w1 eth; expire; keep w1 eth      | wait 2000                       | nothing
w1; desk depth 1000000; deposit w1 10 eth; close w1 eth; keep w1 eth; fill | wait 0 | nothing
w1; deposit w1 1 eth; close w1 eth; expire; keep w1 eth; close w1 eth; expire | wait 2000 | close w1 1 eth
# A fork that gives some of it back gives the close back, unless it had ended otherwise.
w1; desk depth 1000000; deposit w1 6 eth; close w1 eth; fill provisional; exits; fill provisional \
| roll back close:w1:eth:0.0.0 as expired | close w1 5.05050505 eth
w1; desk depth 1000000; deposit w1 6 eth; close w1 eth; fill provisional; keep w1 eth \
| roll back close:w1:eth:0.0.0 as expired | nothing
w1; buy eth $1000 id b; fill provisional; close w1 eth; expire | roll back b.0.0 as filled at 1000; wait 9000 \
| close w1 1 eth
w1; deposit w1 1 eth; close w1 eth; fill provisional; roll back as expired | wait 0             | close w1 1 eth
w1; deposit w1 1 eth; close w1 eth; fill provisional; roll back as filled; deposit w1 1 eth | wait 0 | nothing
w1; deposit w1 1 eth; close w1 eth; fill provisional; final; deposit w1 1 eth | wait 0          | nothing
w1; desk depth 1000000; deposit w1 10 eth; close w1 eth; fill provisional; keep w1 eth; roll back as expired \
| wait 0 | nothing
w1; deposit w1 1 eth; sell eth all; close w1 eth; fill provisional; roll back as expired | wait 0 | close w1 1 eth
# In slices of what moves the expected depth by a percent: $10,101.01 of a million.
w1; desk depth 1000000; deposit w1 10 eth | liquidate | liquidate w1 5.05050505 eth
w1; desk depth 1000000; deposit w1 10 eth; liquidate; exits; fill | wait 0 | liquidate w1 4.94949495 eth
w1; desk depth 1000000; deposit w1 10 eth; liquidate; exits; reject for PRICE_IMPACT | wait 2000 \
| liquidate w1 2.52525252 eth
# Never cut smaller than $10, and dust is left alone.
w1 stop 5; deposit w1 0.01 eth; mark eth 1900; exits; reject for SLIPPAGE | wait 2000 | stop w1 0.00526316 eth
w1 stop 5; deposit w1 0.00001 eth                            | mark eth 1900                   | stop w1 0.00001 eth
w1 stop 5; deposit w1 0.00001 eth                            | mark eth 999                    | nothing
"""


def due(desk: CoreDesk, when: str = "") -> str:
    """The exits placed by these steps: in the decision of a mark, or by the check after it."""
    before = desk.state.seq
    desk.play(f"{when}; exits")
    events = [entry.event for entry in desk.entries if entry.seq > before]
    placed = [event for event in events if isinstance(event, OrderPlaced) and is_own(event.signal.id)]
    return " + ".join(f"{one.signal.id.split(':')[0]} {told((one,))}" for one in placed) or "nothing"


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_a_due_exit_is_placed(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    assert due(desk, when) == then
    assert due(desk) == "nothing"  # A second time places nothing.


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_an_exit_is_due_after_a_restart(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    decided = desk.state.decided
    desk.state = decode_state(encode_state(desk.state))
    desk.state.decided, desk.index = decided, SelectionIndex(desk.state)
    assert due(desk, when) == then


def exit_of(desk: CoreDesk) -> Order:
    """The one that is under way: it came with the marks, or comes now."""
    desk.play("exits")
    (order,) = [known.order for known in desk.state.open_orders.values()]
    assert is_own(order.signal_id)
    return order


def cause(desk: CoreDesk, order: Order, received: int) -> Cause | None:
    quote = Quote(order.id, order.spend, order.receive, received, min(received, order.received_min), impact_bps=0)
    rejected = quote_rejection(DESK, order, quote, desk.state.marks[order.mint].price_pico)
    return rejected.cause if rejected is not None else None


@pytest.mark.parametrize(
    ("bought", "mark", "dollars", "expected"),
    [
        # One bad mark sells nothing: no quote confirms that price.
        ("stop 5", "1", 1_000_000_000, Cause.NOT_CONFIRMED),
        ("stop 5", "1900", 950_000_001, Cause.NOT_CONFIRMED),
        ("stop 5", "1900", 950_000_000, None),
        ("stop 5", "1900", 940_500_000, None),
        ("stop 5", "1900", 940_499_999, Cause.BAD_QUOTE),
        ("trail 5", "1900", 950_000_001, Cause.NOT_CONFIRMED),
        ("trail 5", "1900", 950_000_000, None),
        # A take-profit is a limit price: without a quote at that price nothing is sold.
        ("profit 5", "9999", 1_050_000_000, Cause.BAD_QUOTE),
        ("profit 5", "2100", 1_050_000_000, None),
        ("profit 5", "2100", 1_049_999_999, Cause.BAD_QUOTE),
    ],
)
def test_a_quote_confirms_the_mark(bought: str, mark: str, dollars: int, expected: Cause | None) -> None:
    desk = CoreDesk(f"w1; buy eth $1000 {bought}; fill; mark eth {mark}")
    assert cause(desk, exit_of(desk), dollars) == expected


def test_each_failed_try_widens_the_slippage_up_to_the_last_rung() -> None:
    desk = CoreDesk("w1 stop 5; desk ladder 50,200,900 retry 1; deposit w1 1 eth; mark eth 1900")
    slippages = []
    for reason in ("SLIPPAGE", "ROUTE_DOWN", "QUOTE_OFF_MARK", "NO_LIQUIDITY", "PRICE_IMPACT", "NOT_CONFIRMED"):
        order = exit_of(desk)
        slippages.append(order.slippage_max_bps)
        assert order.received_min == -(-order.notional_micros * (BPS - order.slippage_max_bps) // BPS) or (
            order.received_min == order.notional_micros * (BPS - order.slippage_max_bps) // BPS
        )
        desk.play(f"reject for {reason}; wait 32; mark eth 1899")
    assert slippages == [50, 200, 200, 900, 900, 900]
    assert exit_of(desk).slippage_max_bps == 50  # The price was never confirmed, so the ladder starts again.


def failed(desk: CoreDesk, times: int, reason: str = "SLIPPAGE") -> None:
    for _ in range(times):
        desk.play("wait 64000; mark eth 1899")
        exit_of(desk)
        desk.play(f"reject for {reason}")


def waited(desk: CoreDesk, ms: int) -> str:
    return due(desk, f"wait {ms}; mark eth 1899")


def test_an_unconfirmed_price_is_retried_after_a_short_pause() -> None:
    desk = CoreDesk("w1 stop 5; deposit w1 1 eth; mark eth 1899")
    failed(desk, 7, "NOT_CONFIRMED")
    assert waited(desk, 7_999) == "nothing"
    assert waited(desk, 1) == "stop w1 1 eth"
    desk.play("reject for SLIPPAGE")
    assert waited(desk, 15_999) == "nothing"
    assert waited(desk, 1) == "stop w1 0.5 eth"


@pytest.mark.parametrize(("later", "slippage", "sold"), [(95_999, 800, "0.125"), (96_001, 100, "1")])
def test_an_old_failure_no_longer_widens_the_slippage(later: int, slippage: int, sold: str) -> None:
    """After the longest pause, which is 64 s: the first retry was possible 32 s after the failure."""
    desk = CoreDesk("w1 stop 5; desk ladder 100,200,400,800; deposit w1 1 eth; mark eth 1899")
    failed(desk, 5)
    assert due(desk, f"wait {later}; mark eth 1899") == f"stop w1 {sold} eth"
    assert [one.order.slippage_max_bps for one in desk.state.open_orders.values()] == [slippage]


def test_the_ladder_widens_between_rare_checks_too() -> None:
    """A backtest checks once per candle, and a mark stays fresh for two of them."""
    desk = CoreDesk("w1 stop 5; desk fresh 600000; deposit w1 1 eth; mark eth 1899")
    slippages = []
    for _ in range(4):
        slippages.append(exit_of(desk).slippage_max_bps)
        desk.play("reject for SLIPPAGE; wait 300000; mark eth 1899")
    assert slippages == [100, 200, 400, 800]


def test_a_sold_position_resets_its_ladder() -> None:
    desk = CoreDesk("w1 stop 5; deposit w1 1 eth; mark eth 1899")
    failed(desk, 3)
    desk.play("sell eth all; fill; deposit w1 1 eth")
    assert due(desk, "mark eth 1000") == "stop w1 1 eth"


def test_an_exit_has_an_id_of_its_own_for_ever() -> None:
    desk = CoreDesk("w1 stop 5; deposit w1 1 eth; mark eth 1900")
    assert exit_of(desk).signal_id == "stop:w1:eth:0"
    desk.play("expire; wait 2000")
    assert exit_of(desk).signal_id == "stop:w1:eth:1"
    desk.play("fill; buy eth $190; fill; mark eth 1000")
    assert exit_of(desk).id == "stop:w1:eth:2.0.0"


def test_an_operator_closes_a_position_and_says_why_once() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    ordered, placed = desk.play("close w1 eth")
    assert ordered == CloseOrdered(WalletId("w1"), Mint("eth"), "because")
    assert isinstance(placed, OrderPlaced)
    assert (told((placed,)), placed.signal.id, placed.order.received_max) == ("w1 1 eth", "close:w1:eth:0", None)
    assert not desk.play("close w1 eth")
    desk.play("reject for NO_LIQUIDITY; close w1 eth")
    assert desk.book("w1").closing == {"eth": "because"}
    assert desk.play("keep w1 eth") == (CloseCancelled(WalletId("w1"), Mint("eth"), "because"),)
    assert not desk.play("keep w1 eth")
    assert not desk.book("w1").closing


def test_a_close_begins_at_the_first_rung_whatever_was_tried_before() -> None:
    desk = CoreDesk("w1 stop 5; desk ladder 50,200,900; deposit w1 1 eth; mark eth 1900; exits; reject for SLIPPAGE")
    desk.play("wait 2000; exits; reject for SLIPPAGE")
    _, placed = desk.play("close w1 eth")
    assert isinstance(placed, OrderPlaced)
    assert (placed.order.slippage_max_bps, told((placed,))) == (50, "w1 1 eth")
    desk.play("reject for SLIPPAGE; keep w1 eth")
    assert exit_of(desk).slippage_max_bps == 50  # The stop loss's ladder starts again, too.


def test_a_close_places_no_second_exit() -> None:
    desk = CoreDesk(
        "w1 stop 5; desk ladder 50,200; deposit w1 1 eth; mark eth 1900; exits; reject for SLIPPAGE; wait 2000"
    )
    desk.play("exits")
    assert told(desk.play("close w1 eth")) == "CloseOrdered"
    desk.play("reject for SLIPPAGE; wait 4000")
    assert told(desk.play("exits")) == "w1 0.5 eth"


@pytest.mark.parametrize("verb", ["close", "keep"])
@pytest.mark.parametrize(
    ("given", "why"), [("w1", "wallet w1 holds nothing of eth"), ("w2", "no wallet 'w1'; known: w2")]
)
def test_a_refused_close_gives_the_reason(given: str, why: str, verb: str) -> None:
    with pytest.raises(CommandRefused, match=why):
        CoreDesk(given).play(f"{verb} w1 eth")


def test_a_stop_loss_is_no_part_of_a_position_that_is_gone() -> None:
    desk = CoreDesk(
        "w1; buy eth $1000 stop 5 trail 5 profit 5 held 1000; fill; sell eth all; fill; buy eth $1000; fill"
    )
    desk.play("wait 5000; mark eth 1000")
    assert due(desk) == "nothing"
    position = desk.book("w1").positions[Mint("eth")]
    assert (position.exits, position.exit_by_ns) == (None, None)


def test_a_threshold_that_changes_is_watched_at_once() -> None:
    desk = CoreDesk("w1; buy eth $1000; fill; mark eth 1900")
    assert due(desk) == "nothing"
    desk.play("w1 stop 5")
    assert due(desk) != "nothing"
    desk.play("w1 stop 6")
    assert due(desk) == "nothing"


def test_what_is_due_is_still_due_after_a_restart() -> None:
    desk = CoreDesk("w1; w2; buy eth $1000; fill; buy btc $1000 not w1 held 1000; fill; mark eth 1900")
    desk.play("w1 stop 5; wait 1000")
    recovered = decode_state(encode_state(desk.state))
    assert exits_due(recovered, desk.now_ns) == exits_due(desk.state, desk.now_ns)
    assert len(exits_due(recovered, desk.now_ns)) == 2


def test_unwatched_positions_are_named() -> None:
    desk = CoreDesk("w1 stop 5; w2; deposit w1 1 eth; deposit w2 1 eth; wait 30000")
    assert not unwatched(desk.state, desk.now_ns)
    assert unwatched(desk.state, desk.now_ns + 1) == [("w1", "eth")]
    desk.play("close w2 eth")
    assert unwatched(desk.state, desk.now_ns + 1) == [("w1", "eth"), ("w2", "eth")]
    desk.play("liquidate; wait 1")
    assert unwatched(desk.state, desk.now_ns) == [("w1", "eth"), ("w2", "eth")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        # The fee of a sale is at most 0.0001 SOL; the rent of an account for its proceeds is 0.00203928.
        ("w1 sol 0.0001; deposit w1 1 eth", []),
        ("w1 sol 0.000099999; deposit w1 1 eth", [("w1", "key of w1", 99_999, 100_000)]),
        ("w1 usd 0 sol 0.00213928; deposit w1 1 eth", []),
        ("w1 usd 0 sol 0; deposit w1 1 eth", [("w1", "key of w1", 0, 2_139_280)]),
        ("w1 sol 0", []),
        ("w1 sol 0; deposit w1 0.000005 eth", [("w1", "key of w1", 0, 100_000)]),
        ("w1 sol 0; deposit w1 0.00000499 eth", []),
        # Whatever holds the wallet, and whichever other wallet could pay; units held by an order are not available.
        ("w1; w2 sol 0 type Emergency; deposit w2 1 eth; stop", [("w2", "key of w2", 0, 100_000)]),
        ("w1 sol 0.00015; deposit w1 1 eth; sell eth 0.5", [("w1", "key of w1", 50_000, 100_000)]),
        ("w1 sol 0; deposit w1 1 eth; float w1 0.0001", []),
    ],
)
def test_wallets_that_cannot_pay_for_an_exit_are_named(given: str, told: list[tuple[str, str, int, int]]) -> None:
    assert [structs.astuple(one) for one in unpayable_exits(CoreDesk(given).state)] == told


def test_a_second_liquidation_yields_no_event() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    assert told(desk.play("liquidate")) == "HoldAdded + LiquidationOrdered"
    assert not desk.play("liquidate")


def test_a_stop_that_was_sold_at_a_loss_counts_for_the_day() -> None:
    desk = CoreDesk("w1 stop 5; buy eth $1000; fill; mark eth 1900; exits; fill at 1890")
    assert desk.book("w1").day_pnl_micros == -55 * MICROS


def test_the_peak_is_at_least_the_cost() -> None:
    desk = CoreDesk("w1; buy eth $1000 trail 10; fill at 2010")
    assert desk.book("w1").positions[Mint("eth")].peak_pico // PICO == 2_010
    assert structs.asdict(desk.state.desk or DESK)["cooldown_ns"] == 0
