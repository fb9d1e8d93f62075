"""A price that is not believed: what it may no longer do, and how a true crash is sold all the same.

See specification §2.7.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.core_desk import NOON_NS, CoreDesk, rows, told

from overmind.core.books.price_band import MINUTE_NS, Reference
from overmind.core.books.state import decode_state, encode_state
from overmind.core.books.trust import credible_band, doubts_to_tell, exit_price
from overmind.core.model.commands import AcceptPrice, CommandRefused, MarkPrices
from overmind.core.model.enums import Side
from overmind.core.model.events import HoldAdded, LiquidationOrdered, OrderPlaced, PricesMarked
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark
from overmind.core.model.order import Order
from overmind.core.model.units import MICROS, PICO, PPM

ETH = Mint("eth")

# ETH costs $2,000. Alone, a source may move it by 20 % a minute: at once to $1,600 or $2,400.
ENTRIES = """
given | when | then
w1; desk jump 20 | mark eth 1600     | w1 $300
w1; desk jump 20 | mark eth 1599.99  | PRICE_UNCONFIRMED
w1; desk jump 20 | mark eth 2400     | w1 $300
w1; desk jump 20 | mark eth 2400.01  | PRICE_UNCONFIRMED
w1; desk jump 20 | mark eth 20; mark eth 2001 | w1 $300
w1               | mark eth 20       | w1 $300
# SOL pays the fees of every entry; any other token concerns nobody else.
w1; desk jump 20 | mark sol 1        | PRICE_UNCONFIRMED
w1; desk jump 20 | mark btc 1        | w1 $300
# Small steps count from the price of a minute ago. It moves on with what was believed.
w1; desk jump 20; mark eth 2000; mark eth 1700 | mark eth 1590 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 2000; wait 58999; mark eth 1700 | wait 1000; mark sol 100; mark eth 1590 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 2000; wait 60000; mark eth 1700 | wait 1000; mark sol 100; mark eth 1600 | w1 $300
w1; desk jump 20; mark eth 2000; wait 60000; mark eth 1700 | wait 1000; mark sol 100; mark eth 1590 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 2000; wait 60000; mark eth 1700 | wait 60000; mark sol 100; mark eth 1590 | w1 $300
# What stays away from it is believed after as many minutes as the move takes: 36 % after one more.
w1; desk jump 20; mark eth 1280 | wait 59999; mark sol 100; mark eth 1280    | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 1280 | wait 60000; mark sol 100; mark eth 1280    | w1 $300
w1; desk jump 20; mark eth 1279 | wait 60000; mark sol 100; mark eth 1279    | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 2880 | wait 60000; mark sol 100; mark eth 2880    | w1 $300
# Silence is no waiting: after an hour without a mark, the same jump is doubted.
w1; desk jump 20 | wait 3600000; mark sol 100; mark eth 1000 | PRICE_UNCONFIRMED
# Nor is it once a mark was doubted: a pause counts as a minute, however long it is.
w1; desk jump 20; mark eth 1280 | wait 3600000; mark sol 100; mark eth 1280 | w1 $300
w1; desk jump 20; mark eth 1279 | wait 3600000; mark sol 100; mark eth 1279 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 20; wait 3600000; mark eth 20 | wait 3600000; mark sol 100; mark eth 20 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 20; wait 3600000; mark eth 20 | wait 3600000; mark sol 100; mark eth 1023 | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 20; wait 3600000; mark eth 20 | wait 3600000; mark sol 100; mark eth 1024 | w1 $300
# An operator's own price ends the wait; it is a measure and no mark.
w1; desk jump 20; mark eth 20; believe eth 20   | mark eth 20 | w1 $300
w1; desk jump 20; mark eth 20; believe eth 20   | wait 0      | PRICE_UNCONFIRMED
w1; desk jump 20; mark eth 20; believe eth 1900 | mark eth 20 | PRICE_UNCONFIRMED
# With a second source, only what it confirms counts: within 2 %, of about the same time, however far the price moved.
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2000 says 2040      | w1 $300
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2000 says 2040.01   | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2040.01 says 2000   | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2000                | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2000 says 2000 30000 | w1 $300
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 2000 says 2000 30001 | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 100 | mark eth 600 says 600        | w1 $300
# What a sale would bring confirms no entry.
w1; desk jump 20 agree 200 proceeds 200; mark sol 100 says 100 | mark eth 2000 sells 2000 | PRICE_UNCONFIRMED
w1; desk jump 20 proceeds 200 | mark eth 600 sells 600 | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 90  | mark eth 2000 says 2000      | PRICE_UNCONFIRMED
w1; desk jump 20 agree 200; mark sol 100 says 100; mark eth 1 says 2000; desk agree 0 jump 0 | mark eth 1 | w1 $300
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(ENTRIES))
def test_an_entry_needs_a_price_that_is_believed(given: str, when: str, then: str) -> None:
    desk = CoreDesk(given)
    desk.play(when)
    assert told(desk.play("buy eth $300")).split(" a price")[0] == then


def test_the_refusal_says_what_is_shown_and_what_would_be_believed() -> None:
    desk = CoreDesk("w1; desk jump 20; mark eth 20.5")
    assert told(desk.play("buy eth $300")) == (
        "PRICE_UNCONFIRMED a price that is believed eth: $20.5 is shown, believed is $1,600 to $2,400"
    )
    desk.play("desk agree 200; mark eth 20.5 says 2000; mark sol 100 says 100")
    assert told(desk.play("buy eth $300")).endswith("eth: $20.5 is shown, second says $2,000")


def sales(desk: CoreDesk) -> list[Order]:
    placed = [entry.event.order for entry in desk.entries if isinstance(entry.event, OrderPlaced)]
    return [order for order in placed if order.side is Side.SELL]


def price_min(order: Order) -> float:
    """The least price per token, in USD."""
    return order.received_min / MICROS / (order.spend.units / 10**8)


# The stop is at $1,900. What is due, the part of 1 ETH that is sold, and the least price that it may bring.
AGAIN = "wait 60000; mark eth 600; reject; "
STOPS = f"""
given | when | then
# Believed: all at once, within the slippage.
desk jump 20 | mark eth 1800 | 1 1782
# Not believed: a quarter, at the edge of the band or above.
desk jump 20 | mark eth 20   | 0.25 1600
desk jump 20 | mark eth 1590 | 0.25 1600
desk jump 20; mark eth 2400.01 | wait 0 | nothing
# A minute later the band is wider; a price within it is believed, and all of it is sold.
desk jump 20; mark eth 20; reject; wait 60000 | mark eth 20 | 0.25 1280
desk jump 20; mark eth 1300; reject; wait 60000 | mark eth 1300 | 1 1287
# The second source confirms a fall: it is sold at once, however far the price fell.
desk jump 20 agree 200 | mark eth 600 says 601 | 1 594
# It denies the fall: the band does not widen with time. It is silent: the band does.
desk jump 20 agree 200 | mark eth 600 says 2000 | 0.25 1600
desk jump 20 agree 200; mark eth 600 says 2000; reject; wait 600000 | mark eth 600 says 2000 | 0.25 1600
desk jump 20 agree 200 | mark eth 600 | 0.25 1600
desk jump 20 agree 200; mark eth 600; reject; {AGAIN * 3}wait 60000 | mark eth 600 | 0.25 655.36
desk jump 20 agree 200; mark eth 600; reject; {AGAIN * 4}wait 60000 | mark eth 600 | 0.25 594
desk jump 20 agree 200; mark eth 600; reject; wait 3600000 | mark eth 600 | 0.25 1280
# A simulated sale confirms the fall: all of it is sold at once. It denies the fall: the band does not widen.
desk jump 20 proceeds 200 | mark eth 600 sells 589 | 1 594
desk jump 20 proceeds 200 | mark eth 600 sells 588 | 0.25 1600
desk jump 20 | mark eth 600 sells 600 | 0.25 1600
desk jump 20 proceeds 200; mark eth 600 sells 2000; reject; wait 600000 | mark eth 600 sells 2000 | 0.25 1600
desk jump 20 agree 200 proceeds 200 | mark eth 600 sells 600 | 1 594
# A smaller fall that nobody confirms is sold where it is, in slices.
desk jump 20 agree 200 | mark eth 1850 | 0.25 1831.5
# Of nothing that is not due.
desk jump 20 agree 200 | mark eth 1901 | nothing
# A liquidation and a close are bounded in the same way, whichever way the lie goes.
desk jump 20; w1 stop 0; mark eth 20     | liquidate    | 0.25 1600
desk jump 20; w1 stop 0; mark eth 20     | close w1 eth | 0.25 1600
desk jump 20; w1 stop 0; mark eth 200000 | liquidate    | 0.25 1980
# A stop below the band waits: no price there is credible yet.
desk jump 20; w1 stop 30 | mark eth 20 | nothing
desk jump 20; w1 stop 30; mark eth 20; wait 60000 | mark eth 20 | 0.25 1280
# An operator's price moves the band.
desk jump 20; mark eth 20; reject; believe eth 1000; wait 9000 | mark eth 20 | 0.25 800
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(STOPS))
def test_a_stop_sells_no_lower_than_what_is_credible(given: str, when: str, then: str) -> None:
    desk = CoreDesk(f"w1 stop 5; deposit w1 1 eth; {given}")
    before = len(sales(desk))
    desk.play(f"{when}; exits")
    found = sales(desk)[before:]
    assert (" ".join(f"{one.spend.units / 10**8:g} {price_min(one):g}" for one in found) or "nothing") == then


@pytest.mark.parametrize(("given", "when", "then"), rows(STOPS))
def test_a_restart_changes_nothing_of_it(given: str, when: str, then: str) -> None:
    desk = CoreDesk(f"w1 stop 5; deposit w1 1 eth; {given}; {when}")
    again = decode_state(encode_state(desk.state))
    assert (again.doubted, again.references) == (desk.state.doubted, desk.state.references)


def test_slices_are_sold_one_by_one_with_a_pause() -> None:
    desk = CoreDesk("w1 stop 5; deposit w1 1 eth; desk jump 20; mark eth 20; fill at 1700")
    desk.play("wait 14999; mark eth 20; exits")
    assert len(sales(desk)) == 1
    desk.play("wait 1; exits")
    assert [one.spend.units for one in sales(desk)] == [25_000_000, 18_750_000]


@pytest.mark.parametrize("price", ["20", "200000"])
def test_a_lie_trips_no_breaker_and_changes_no_value(price: str) -> None:
    desk = CoreDesk(
        "w1 stop 5 loss 100 trail 5; deposit w1 1 eth; desk jump 20 threshold 10 loss 5 drawdown 5 then liquidate"
    )
    before = desk.state.equity_micros, desk.book("w1").positions[ETH].peak_pico, desk.state.peak_gain_micros
    events = [event for _ in range(3) for event in desk.play(f"wait 1000; mark eth {price}")]
    assert not [event for event in events if isinstance(event, HoldAdded | LiquidationOrdered)]
    assert (desk.state.equity_micros, desk.book("w1").positions[ETH].peak_pico, desk.state.peak_gain_micros) == before


def test_a_lie_does_not_prevent_a_sale_that_somebody_asks_for() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth; desk jump 20; mark eth 200000")
    assert told(desk.play("sell eth all")) == "w1 1 eth"
    assert price_min(sales(desk)[0]) == pytest.approx(1980)
    desk = CoreDesk("w1; deposit w1 1 eth; desk jump 20; mark eth 20")
    assert told(desk.play("sell eth all")) == "w1 1 eth"
    assert price_min(sales(desk)[0]) == pytest.approx(1600)


def test_what_was_doubted_is_journaled_apart_from_what_was_believed() -> None:
    desk = CoreDesk("w1; desk jump 20")
    (marked,) = desk.play("mark eth 20")
    assert isinstance(marked, PricesMarked)
    assert (marked.marks, [one.price_pico for one in marked.doubted]) == ((), [20 * PICO])


def test_an_older_mark_does_not_replace_a_doubted_one() -> None:
    desk = CoreDesk("w1; desk jump 20; mark eth 20")
    desk.now_ns -= 1
    assert told(desk.play("wait 0")) == "nothing"
    assert desk.state.doubted[ETH].price_pico == 20 * PICO


@pytest.mark.parametrize(
    ("mint", "price_pico", "reason", "why"),
    [
        ("pepe", 1, "seen", "never priced"),
        ("eth", 0, "seen", "no price"),
        ("eth", 10**30, "seen", "no price"),
        ("eth", 1, " ", "say where"),
    ],
)
def test_an_operators_price_is_refused_with_the_reason(mint: str, price_pico: int, reason: str, why: str) -> None:
    with pytest.raises(CommandRefused, match=why):
        CoreDesk("w1").do(AcceptPrice(Mint(mint), price_pico, reason))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        # The second source does not know it, and nobody holds it: that is so for ever.
        ("desk agree 200; mark eth 2000", []),
        ("deposit w1 1 eth; desk agree 200; mark eth 2000", ["eth"]),
        ("desk agree 200; mark eth 2000 says 1000", ["eth"]),
        ("desk agree 200; mark eth 20", ["eth"]),
        ("mark eth 20", ["eth"]),
        ("desk agree 200; mark sol 100", [str(SOL)]),
        ("mark eth 1900", []),
    ],
)
def test_a_doubt_is_told_if_it_is_news(given: str, told: list[str]) -> None:
    assert sorted(doubts_to_tell(CoreDesk(f"w1; desk jump 20; {given}").state)) == told


DEPEG = """
given | when | then
desk depeg 1 | mark usd 0.99   | w1 $300
desk depeg 1 | mark usd 0.9899 | PORTFOLIO_STOPPED running depeg
desk depeg 1 | mark usd 1.01   | w1 $300
desk depeg 1 | mark usd 1.0101 | PORTFOLIO_STOPPED running depeg
desk depeg 1 | mark usd 1 says 0.98 | PORTFOLIO_STOPPED running depeg
desk depeg 0 | mark usd 0.5    | w1 $300
desk depeg 1; mark usd 0.9 | mark usd 0.9949 | PORTFOLIO_STOPPED running depeg
desk depeg 1; mark usd 0.9 | mark usd 0.995  | w1 $300
desk depeg 1 jump 20; mark usd 0.1 | wait 0 | PORTFOLIO_STOPPED running depeg
# Lifted by hand, it returns while it is true.
desk depeg 1; mark usd 0.9; lift portfolio depeg | mark usd 0.9 | PORTFOLIO_STOPPED running depeg
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(DEPEG))
def test_entries_hold_while_the_quote_currency_is_off_its_peg(given: str, when: str, then: str) -> None:
    desk = CoreDesk(f"w1; {given}")
    desk.play(when)
    assert told(desk.play("buy eth $300")) == then


def test_a_depeg_blocks_no_exit() -> None:
    desk = CoreDesk("w1; deposit w1 1 eth; desk depeg 1; mark usd 0.9")
    assert told(desk.play("sell eth all")) == "w1 1 eth"


Lies = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 90_000), st.just(3_600_000)), st.sampled_from(["low", "high", "zero", "far", "true"])
    ),
    max_size=30,
)


def lied(desk: CoreDesk, what: str) -> int:
    """A price at the edge of the band, or beyond it."""
    newest = desk.state.doubted.get(ETH) or desk.state.marks[ETH]
    band = credible_band(desk.state, Mark(ETH, newest.price_pico, desk.now_ns + 1))
    return {"low": band.low_pico, "high": band.high_pico, "zero": 1, "far": 10**9 * PICO, "true": 2_000 * PICO}[what]


@given(lies=Lies, agree=st.sampled_from(["", " agree 200"]))
@example(lies=[(1_000, "zero"), (1_000, "low")] * 10, agree="")
@example(lies=[(1_000, "zero"), (60_000, "low"), (0, "low"), (1_000, "zero"), (60_000, "low"), (0, "low")], agree="")
@example(lies=[(1_000, "zero"), (1_000, "low")] * 10, agree=" agree 200")
def test_no_sequence_of_lies_moves_the_band_faster_than_the_bound(lies: list[tuple[int, str]], agree: str) -> None:
    """Whatever a single source shows, and whether or not a second one is silent: one step at once, and then one for
    each minute. A longer pause between two prices counts as one minute.
    """
    desk = CoreDesk(f"w1; deposit w1 1 eth; mark eth 2000; desk jump 20{agree}")
    counted_ns = 0
    for wait_ms, what in lies:
        desk.now_ns += wait_ms * 10**6 + 1
        counted_ns += min(wait_ms * 10**6 + 1, MINUTE_NS)
        desk.do(MarkPrices((Mark(ETH, lied(desk, what), desk.now_ns),)))
        steps = 1 + counted_ns // MINUTE_NS
        least, most = 2_000 * PICO * 8**steps // 10**steps, 2_000 * PICO * 12**steps // 10**steps
        assert least <= desk.state.price_pico(ETH) <= most
        found = exit_price(desk.state, ETH, desk.now_ns)
        assert found is not None
        assert least <= found.price_pico <= most + 1
        assert found.floor_pico == 0 or found.floor_pico >= least


@given(st.integers(1, 10**9 * PICO), st.integers(1, 900_000), st.integers(0, 3 * 86_400 * 10**9))
def test_the_band_holds_its_own_price_and_only_grows(price_pico: int, jump_ppm: int, waited_ns: int) -> None:
    start = NOON_NS
    known = Reference(price_pico, start, outside_ns=start)
    first, later = known.band(start, jump_ppm), known.band(start + waited_ns, jump_ppm)
    assert later.low_pico <= first.low_pico <= price_pico <= first.high_pico <= later.high_pico
    assert first.low_pico >= price_pico * (PPM - jump_ppm) // PPM


def test_a_lie_that_begins_as_the_reference_follows_gains_one_step() -> None:
    """It follows once a minute. A lie of one step at that moment must not open the band for a second one."""
    desk = CoreDesk("desk jump 20; w1; mark eth 2000; wait 60000; mark eth 1600")
    assert Mint("eth") not in desk.state.doubted
    desk.play("mark eth 1599")
    assert Mint("eth") in desk.state.doubted, "a second step in the same minute"
    desk.play("mark eth 1600; wait 60000; mark eth 1280")
    assert Mint("eth") not in desk.state.doubted, "a fall of one step a minute is believed"


def test_a_price_that_is_repeated_within_a_minute_opens_no_second_step() -> None:
    desk = CoreDesk("desk jump 20; w1; mark eth 2000; wait 60000; mark eth 1600; mark eth 1600; mark eth 1500")
    assert Mint("eth") in desk.state.doubted
