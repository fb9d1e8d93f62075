"""A known fact yields no event; an impossible command raises an error that says how to correct it."""

import pytest
from msgspec import structs
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.books.book import QUALITY_WINDOW
from overmind.core.books.state import (
    SIGNATURES_KEPT,
    State,
    decode_state,
    encode_state,
    forget_decisions,
    remember_signature,
)
from overmind.core.decide import decide
from overmind.core.model.commands import (
    CommandRefused,
    ConfigureDesk,
    FoundDesk,
    MarkPrices,
    RecordOutcome,
    RecordTicket,
)
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import PricesMarked
from overmind.core.model.ids import Mint, OrderId
from overmind.core.model.money import Mark
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Rejected
from overmind.core.model.units import MICROS, NS, PICO, PRICE_MAX_PICO

ETH, BTC = Mint("eth"), Mint("btc")

REPEATED_TABLE = """
given         | when                                                 | then
w1            | buy eth $300 id s; buy eth $300 id s                 | nothing
w1            | buy eth $300 id s; buy btc $999 id s                 | nothing
w1; hold w1 a | buy eth $300 id s; lift w1 a; buy eth $300 id s      | nothing
w1            | buy eth $300 id s as Hold                            | SignalRecorded
w1            | buy eth $300 id s as Hold; buy eth $300 id s as Hold | nothing
w1            | w1                                                   | nothing
w1            | hold w1 a; hold w1 a                                 | nothing
w1            | stop; stop                                           | nothing
w1            | desk rate 50                                         | nothing
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(REPEATED_TABLE))
def test_a_known_fact_yields_no_event(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


ERRORS_TABLE = """
when                               | what is wrong
deposit w9 1 usd                   | no wallet 'w9'; known: w1
deposit w1 0 usd                   | 0 base units; a deposit is positive
deposit w1 1 new                   | new has no price yet, so its cost is unknown
desk without eth; deposit w1 1 eth | eth is not a listed token
"""


@pytest.mark.parametrize(("when", "problem"), rows(ERRORS_TABLE))
def test_an_impossible_command_is_an_error(when: str, problem: str) -> None:
    desk = CoreDesk("w1")
    before = desk.state.ledger.totals(), desk.state.equity_micros
    with pytest.raises(CommandRefused, match=problem):
        desk.play(when)
    assert (desk.state.ledger.totals(), desk.state.equity_micros) == before


def test_a_journal_belongs_to_one_desk() -> None:
    desk = CoreDesk()
    assert not desk.do(FoundDesk(TradingMode.PAPER, "tape", "genesis"))
    with pytest.raises(CommandRefused, match="use another OVERMIND_DATA_DIR"):
        desk.do(FoundDesk(TradingMode.LIVE, "mainnet", "another genesis"))


@pytest.mark.parametrize(
    ("marks", "kept"),
    [
        ([(ETH, 1_900, 1)], [(ETH, 1_900)]),
        ([(ETH, 1_900, 0)], []),  # no newer than the known mark
        ([(ETH, 1_900, -1)], []),
        ([(ETH, 0, 1), (BTC, 51_000, 1)], [(BTC, 51_000)]),
        ([(ETH, PRICE_MAX_PICO // PICO, 1)], [(ETH, PRICE_MAX_PICO // PICO)]),
        ([(ETH, PRICE_MAX_PICO // PICO + 1, 1)], []),
        # Two marks of one token: the newest counts in any order, even if it repeats the known price.
        ([(ETH, 1_900, 1), (ETH, 2_000, 2)], [(ETH, 2_000)]),
        ([(ETH, 2_000, 2), (ETH, 1_900, 1)], [(ETH, 2_000)]),
    ],
)
def test_only_newer_prices_count(marks: list[tuple[Mint, int, int]], kept: list[tuple[Mint, int]]) -> None:
    desk = CoreDesk("w1; deposit w1 1 eth")
    events = desk.do(MarkPrices(tuple(Mark(mint, price * PICO, desk.now_ns + later) for mint, price, later in marks)))
    newer = [mark for event in events if isinstance(event, PricesMarked) for mark in event.marks]
    found = [(mark.mint, mark.price_pico // PICO) for mark in newer]
    assert found == kept
    assert desk.book("w1").positions_micros * 10**6 == desk.state.marks[ETH].price_pico


def test_an_order_has_one_ticket() -> None:
    desk = CoreDesk("w1; buy eth $300 id s")
    first, second = Ticket("first", b"bytes"), Ticket("second", b"other bytes")
    order_id = OrderId("s.0.0")
    assert told(desk.do(RecordTicket(order_id, first))) == "TicketRecorded"
    assert not desk.do(RecordTicket(order_id, first))
    with pytest.raises(CommandRefused, match="has ticket first, not second"):
        desk.do(RecordTicket(order_id, second))
    assert desk.state.open_orders[order_id].ticket == first
    desk.play("fill")
    with pytest.raises(CommandRefused, match="not open"):
        desk.do(RecordTicket(order_id, first))


def test_a_transaction_serves_one_order_for_ever() -> None:
    """It would land once and be booked twice. A snapshot remembers it too, in the order in which it was recorded."""
    desk = CoreDesk("w1; buy eth $300 id a")
    desk.do(RecordTicket(OrderId("a.0.0"), Ticket("z first", b"bytes")))
    desk.play("fill; buy eth $300 id b; buy eth $300 id c")
    desk.do(RecordTicket(OrderId("b.0.0"), Ticket("a second", b"bytes")))
    again = decode_state(encode_state(desk.state))
    assert list(again.signatures) == ["z first", "a second"]
    for state in (desk.state, again):
        twice = decide(state, desk.index, RecordTicket(OrderId("c.0.0"), Ticket("z first", b"bytes")), desk.now_ns)
        with pytest.raises(CommandRefused, match=r"is order a\.0\.0's"):
            list(twice)


def test_only_the_newest_signatures_are_kept() -> None:
    state = State()
    for number in range(SIGNATURES_KEPT + 2):
        state.seq = number
        remember_signature(state, f"s{number}", OrderId(f"o{number}"))
    assert len(state.signatures) == SIGNATURES_KEPT
    assert state.work_of("s1") is None
    assert state.work_of("s2") == "o2"


def test_an_order_without_a_ticket_cannot_have_landed() -> None:
    desk = CoreDesk("w1; buy eth $300 id s")
    for outcome in (Expired(), Failed(1, Cause.SLIPPAGE), Filled(300 * MICROS, 15_000_000, 1)):
        with pytest.raises(CommandRefused, match="never signed"):
            desk.do(RecordOutcome(OrderId("s.0.0"), outcome))
    assert told(desk.do(RecordOutcome(OrderId("s.0.0"), Rejected(Cause.SLIPPAGE)))) == "OrderClosed"


def test_a_price_from_the_future_is_no_price() -> None:
    desk = CoreDesk("w1")
    mint, known = next(iter(desk.state.marks.items()))
    assert not desk.do(MarkPrices((Mark(mint, known.price_pico + 1, desk.now_ns + 6 * NS),)))
    assert desk.state.marks[mint] == known


def test_money_keeps_its_unit() -> None:
    desk = CoreDesk("w1")
    settings = desk.state.settings
    for changed in (
        structs.replace(settings, quote=structs.replace(settings.quote, decimals=9)),
        structs.replace(settings, tokens={ETH: structs.replace(settings.tokens[ETH], decimals=6)}),
    ):
        with pytest.raises(CommandRefused):
            desk.do(ConfigureDesk(changed))


@pytest.mark.parametrize(
    ("durable_seq", "kept_max", "remembered"),
    [(99, 2, ["b", "c"]), (99, 3, ["a", "b", "c"]), (99, 0, []), (0, 0, ["a", "b", "c"]), (-1, 0, ["b", "c"])],
)
def test_ids_are_forgotten_oldest_first_once_they_are_durable(
    durable_seq: int, kept_max: int, remembered: list[str]
) -> None:
    desk = CoreDesk("w1; buy eth $300 id a; buy eth $300 id b; buy eth $300 id c")
    first = next(iter(desk.state.decided.values()))
    forget_decisions(desk.state, durable_seq if durable_seq >= 0 else first, kept_max)
    assert list(desk.state.decided) == remembered


def test_quality_looks_back_on_the_last_hundred_executions() -> None:
    desk = CoreDesk("w1; desk rate 1000; buy eth $1; fail; " + "buy eth $1; fill; " * QUALITY_WINDOW)
    book = desk.book("w1")
    assert book.executions == QUALITY_WINDOW + 1 == 101
    assert len(book.quality) == QUALITY_WINDOW
    assert all(execution.filled for execution in book.quality)


def test_the_shortfall_is_against_the_mark_of_the_decision_and_worse_is_positive() -> None:
    """And it is rounded up. Up to booking rules 2 it was rounded down."""
    for rules, shortfalls in ((3, [50, 48]), (2, [49, 47])):
        desk = CoreDesk(
            f"w1; desk rules {rules}; buy eth $1000; mark eth 2100; fill at 2010; sell eth all; fill at 2090"
        )
        assert [execution.shortfall_bps for execution in desk.book("w1").quality] == shortfalls
