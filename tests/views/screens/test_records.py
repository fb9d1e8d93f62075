"""What the views of the past show: stages of orders, changes of refused signals, causes of entries, curves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import islice

import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.model.events import Entry, HoldAdded
from overmind.core.model.ids import Mint, OrderId
from overmind.journal.bars.bar import DAY_S, Bar
from overmind.journal.catalogue.past import Past, Search
from overmind.journal.memory import MemoryJournal
from overmind.views.screens.capital import capital
from overmind.views.screens.charts import calendar, curves, fills, refusals, stops
from overmind.views.screens.events import EventFilter, Listed, listed, related
from overmind.views.screens.orders import Explorer, OrderLine, Stage, order_line
from overmind.views.screens.settings import settings
from overmind.views.screens.signals import SignalFilter, SignalLine, signal_lines

ETH = Mint("eth")
PAPER = Explorer("")


class Journal(MemoryJournal):
    """The entries of a scripted desk, as the archive reads them."""

    def __init__(self, desk: CoreDesk) -> None:
        super().__init__()
        self._last = len(desk.entries)
        asyncio.run(self.append(desk.entries))

    def last_seq(self) -> int:
        return self._last

    def hash_of(self, seq: int) -> bytes | None:
        return b"" if 0 < seq <= self._last else None

    def page(self, after: int, count: int) -> list[Entry]:
        return list(islice(self.read(after), count))


def past_of(desk: CoreDesk) -> Past:
    return Past(Journal(desk), None)


STAGES = """
given | when | then
w1 | buy eth $300 | placed
w1 | buy eth $300; sign | placed signed
w1 | buy eth $300; fill provisional | placed signed sent confirmed filled
w1 | buy eth $300; fill provisional; final | placed signed sent confirmed final filled
w1 | buy eth $300; fill | placed signed sent confirmed final filled
w1 | buy eth $300; fail | placed signed sent confirmed final failed !
w1 | buy eth $300; expire | placed signed confirmed final expired !
w1 | buy eth $300; fill provisional; roll back as expired | placed signed confirmed final expired, rolled back !
w1 | buy eth $300; sign; landed s1.0.0 otherwise | placed signed sent landed otherwise !
"""


@pytest.mark.parametrize(("given_", "when", "then"), rows(STAGES))
def test_an_order_has_reached_a_stage(given_: str, when: str, then: str) -> None:
    desk = CoreDesk(f"{given_}; {when}")
    line = line_of(desk, "s1.0.0")
    reached = [step.stage.value for step in line.steps if step.is_reached]
    said = " ".join((*reached, line.outcome) if line.outcome else reached) + (" !" if line.is_bad else "")
    assert said == then
    assert line.stage.value == reached[-1]


def line_of(desk: CoreDesk, order_id: str, explorer: Explorer = PAPER) -> OrderLine:
    return order_line(desk.state.settings, past_of(desk).of(OrderId(order_id)), explorer)


def test_only_the_running_desk_knows_when_an_order_was_sent() -> None:
    desk = CoreDesk("w1; buy eth $300; sign")
    entries = past_of(desk).of(OrderId("s1.0.0"))
    line = order_line(desk.state.settings, entries, PAPER, {OrderId("s1.0.0"): 7})
    assert (line.stage, [step.at_ns for step in line.steps if step.stage is Stage.SENT]) == (Stage.SENT, [7])
    desk.play("fill")
    (sent,) = (step for step in line_of(desk, "s1.0.0").steps if step.stage is Stage.SENT)
    assert (sent.is_reached, sent.at_ns) == (True, None), "it landed, so it was sent; the journal has no time of it"


@pytest.mark.parametrize(
    ("when", "bps"),
    [
        ("buy eth $300; fill at 2000", 0.0),
        ("buy eth $300; fill at 2020", 99.0),  # Of what was paid.
        ("buy eth $300; fill at 1980", -101.0),
        ("buy eth $300; fail", None),
        ("buy eth $300", None),
    ],
)
def test_a_fill_is_compared_with_the_mark_of_its_decision(when: str, bps: float | None) -> None:
    found = line_of(CoreDesk(f"w1; {when}"), "s1.0.0").shortfall_bps
    assert found == (None if bps is None else pytest.approx(bps, abs=0.5))


@pytest.mark.parametrize(
    ("explorer", "link"),
    [
        (Explorer(""), ""),
        (Explorer("mainnet"), "https://explorer.solana.com/tx/s%2F1"),
        (Explorer("devnet"), "https://explorer.solana.com/tx/s%2F1?cluster=devnet"),
        (Explorer("localnet"), ""),
        (
            Explorer("localnet", "http://127.0.0.1:8899"),
            "https://explorer.solana.com/tx/s%2F1?cluster=custom&customUrl=http%3A%2F%2F127.0.0.1%3A8899",
        ),
    ],
)
def test_a_transaction_is_shown_by_the_explorer_of_its_cluster(explorer: Explorer, link: str) -> None:
    assert explorer.link("s/1") == link
    assert explorer.link("") == ""


def lines_of(desk: CoreDesk, wanted: SignalFilter, last: int = 10) -> list[SignalLine]:
    return signal_lines(past_of(desk), desk.state.settings, Search(last), wanted)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (SignalFilter(), ["d", "c", "b", "a"]),
        (SignalFilter(status="refused"), ["d", "b"]),
        (SignalFilter(status="placed"), ["c", "a"]),
        (SignalFilter(code="POSITION_SIZE"), ["b"]),
        (SignalFilter(mint="btc"), ["d", "c"]),
        (SignalFilter(strategy="Arbitrage"), ["c"]),
        (SignalFilter(strategy="Arbitrage", status="refused"), []),
    ],
)
def test_signals_are_filtered(wanted: SignalFilter, found: list[str]) -> None:
    desk = CoreDesk(
        "w1 position 500; buy eth $100 id a; buy eth $900 id b; buy btc $100 by arbitrage id c; "
        "hold w1 operator; buy btc $100 id d"
    )
    assert [line.row.signal_id for line in lines_of(desk, wanted)] == found
    assert [line.row.signal_id for line in lines_of(desk, wanted, last=1)] == found[:1]


def test_of_several_amounts_the_smallest_says_all() -> None:
    desk = CoreDesk("w1 position 500 share momentum:100:300; w2; hold w2 operator; buy eth $900")
    line = lines_of(desk, SignalFilter())[0]
    assert (line.wallet, line.changes, line.more) == ("w1", ("notional at most $300.00",), 1)
    assert [rule.partition(" ")[0] for rule in line.rules] == ["POSITION_SIZE", "STRATEGY_POSITION_SIZE"]


def entries_of(desk: CoreDesk, wanted: EventFilter, count: int = 100) -> Listed:
    journal = Journal(desk)
    return listed(journal, Past(journal, None), desk.state.settings, journal.last_seq(), wanted, count)


def test_entries_are_searched_by_kind_and_text_and_page_by_page() -> None:
    desk = CoreDesk("w1; hold w1 operator; buy eth $100 id a; lift w1 operator; buy eth $100 id b; fill")
    kinds = [line.event for line in entries_of(desk, EventFilter()).lines]
    assert kinds[:6] == ["OrderClosed", "TicketRecorded", "OrderPlaced", "HoldLifted", "SignalRefused", "HoldAdded"]
    assert "PricesMarked" not in kinds
    assert [line.event for line in entries_of(desk, EventFilter(kind="PricesMarked")).lines] == ["PricesMarked"]
    assert [line.event for line in entries_of(desk, EventFilter(find="OPERATOR")).lines] == [
        "HoldLifted",
        "SignalRefused",
        "HoldAdded",
    ]
    paged, before = list[int](), 0
    while True:
        found = entries_of(desk, EventFilter(before=before), count=2)
        paged += [line.line.seq for line in found.lines]
        if not found.older:
            break
        before = found.older
    assert paged == [line.line.seq for line in entries_of(desk, EventFilter()).lines]


@pytest.mark.parametrize("kind", ["HoldAdded", "HoldLifted", "LimitsChanged"])
def test_what_comes_seldom_is_found_however_long_ago(kind: str) -> None:
    """Page by page as well."""
    steps = "hold w1 operator; change w1 position 700; lift w1 operator; hold w1 operator; change w1 position 600; "
    desk = CoreDesk(f"w1 position 500; {steps} lift w1 operator; buy eth $100; fill")
    (newest,) = entries_of(desk, EventFilter(kind=kind), count=1).lines
    found = entries_of(desk, EventFilter(kind=kind)).lines
    assert [line.event for line in found] == [kind] * 2
    assert found[0] == newest
    paged, before = list[int](), 0
    while True:
        page = entries_of(desk, EventFilter(kind=kind, before=before), count=1)
        paged += [line.line.seq for line in page.lines]
        if not page.older:
            break
        before = page.older
    assert paged == [line.line.seq for line in found]
    assert entries_of(desk, EventFilter(kind=kind, find="no such text")).lines == ()


class Unread(Journal):
    """A journal through which nobody looks entry by entry."""

    def page(self, after: int, count: int) -> list[Entry]:
        raise AssertionError(f"{count} entries after {after} were read")


def test_a_search_of_what_comes_seldom_reads_nothing_else() -> None:
    """So it does not end after so many entries: a hold that somebody lifts after weeks is still told as the cause."""
    desk = CoreDesk("w1; hold w1 operator; wait 1; buy eth $100; wait 1; lift w1 operator; buy eth $100; fill")
    journal = Unread(desk)
    past = Past(journal, None)
    found = listed(journal, past, desk.state.settings, journal.last_seq(), EventFilter(kind="HoldAdded"), 10)
    assert len(found.lines) == 1
    assert [type(one.event).__name__ for one in past.of_wallet("w1")][:2] == ["HoldLifted", "HoldAdded"]
    assert [one.event for one in past.of_kind("HoldAdded")] == [
        one.event for one in desk.entries if isinstance(one.event, HoldAdded)
    ]
    assert [*past.of_kind("HoldAdded", before=1)] == []


CAUSES = """
given | when | then
HoldLifted | What led to it | HoldAdded
HoldAdded | What it led to | HoldLifted
SignalRefused | What led to it | HoldAdded
TicketRecorded | What led to it | OrderPlaced
TicketRecorded | What it led to | OrderClosed
OrderPlaced | What it led to | TicketRecorded OrderClosed
OrderClosed | What led to it | OrderPlaced TicketRecorded
"""


@pytest.mark.parametrize(("kind", "title", "then"), rows(CAUSES))
def test_an_entry_names_what_led_to_it_and_what_it_led_to(kind: str, title: str, then: str) -> None:
    desk = CoreDesk(
        "w1; wait 1; hold w1 operator; wait 1; buy eth $100; wait 1; lift w1 operator; wait 1; buy eth $100; wait 1; "
        "sign; wait 1; fill"
    )
    journal = Journal(desk)
    entry = next(one for one in desk.entries if type(one.event).__name__ == kind)
    groups = related(journal, Past(journal, None), desk.state.settings, entry)
    found = next(group for group in groups if group.title == title)
    assert " ".join(line.event for line in found.lines) == then


def bars(values: Sequence[float], series: str = "x") -> list[Bar]:
    return [Bar(series, DAY_S, day * DAY_S, value, value, value, value) for day, value in enumerate(values)]


def test_drawdown_is_measured_apart_from_deposits() -> None:
    """A deposit of 100 raises the equity and hides no loss; a withdrawal is none."""
    found = curves(bars([100, 110, 205, 200, 100]), bars([0, 10, 5, 0, 0]))
    assert [value for _, value in found.deposits] == [100, 100, 200, 200, 100]
    assert [round(value, 3) for _, value in found.drawdown] == [0, 0, -2.381, -4.762, -9.091]


def test_the_calendar_says_what_each_day_made() -> None:
    today = date(1970, 1, 7)  # a Wednesday
    pnl = [one for one in bars([1, 3, 0, 2, 2, 6, 5]) if one.start_s != 3 * DAY_S]
    cells = {cell.day: cell for cell in calendar(pnl, today, weeks=2)}
    made = [cells[f"1970-01-0{day}"].pnl_usd for day in range(1, 8)]
    assert made == [0, 2, -3, None, 0, 4, -1]
    assert [cells[f"1970-01-0{day}"].shade for day in range(1, 8)] == [0, 2, 3, 0, 0, 4, 1]
    assert (cells["1970-01-05"].week, cells["1970-01-05"].weekday, min(cells)) == (1, 0, "1969-12-29")


def test_candles_have_fills_stops_and_refused_signals() -> None:
    desk = CoreDesk("w1 position 500 stop 5; buy eth $200; fill; buy btc $100; fill; buy eth $900; sell eth 0.05; fill")
    past = past_of(desk)
    assert [marker.kind for marker in fills(past, desk.state.settings, ETH, 0)] == ["buy", "sell"]
    assert [marker.text for marker in refusals(past, ETH, 0)] == ["s3: POSITION_SIZE"]
    assert refusals(past, Mint("btc"), 0) == []
    assert [(line.price, line.text) for line in stops(desk.state, ETH)] == [(1_900.0, "w1")]


def test_settings_name_who_changed_a_limit() -> None:
    desk = CoreDesk("w1 position 500; ceiling position 900; change w1 position 700; block eth")
    found = settings(desk.state)
    assert [(one.wallet_id, one.row.name, one.row.who) for one in found.changed] == [("w1", "max_position_size", "ann")]
    assert [row.symbol for row in found.mints.blocked] == ["ETH"]


def test_capital_tells_which_moves_may_be_cancelled_and_which_floats_are_low() -> None:
    desk = CoreDesk("desk payees bank cap 1000 low 0.5; w1; w2 sol 0.4; withdraw w1 $7 id a; withdraw w1 $8 id b")
    desk.play("sign move:withdraw:a")
    found = capital(desk.state, desk.now_ns)
    assert [(move.row.amount, move.may_cancel) for move in found.moves] == [("7", False), ("8", True)]
    assert [(row.wallet_id, row.is_low, row.is_blocked) for row in found.floats] == [
        ("w2", True, False),
        ("w1", False, False),
    ]


def test_the_plan_tells_what_each_wallet_has_afterwards() -> None:
    desk = CoreDesk("w1 aim 50 usd 11900; w2 aim 50 usd 7900")
    found = capital(desk.state, desk.now_ns)
    moved = found.plan.transfers[0].amount_usd
    told = {one.row.wallet_id: (one.change_usd, one.after_usd - one.row.equity_usd) for one in found.wallets}
    assert told == {"w1": (-moved, pytest.approx(-moved)), "w2": (moved, pytest.approx(moved))}
    assert [one.off_usd for one in found.wallets] == [pytest.approx(0, abs=0.01)] * 2
