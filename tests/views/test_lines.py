"""One line for each entry: the words that an operator reads, and no entry of any version without a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.golden.test_golden import JOURNALS, read
from tests.support.core_desk import CoreDesk

from overmind.core.books.apply import apply
from overmind.core.books.state import State
from overmind.core.model.events import Entry, OrderPlaced, SignalRefused, WalletConfigured
from overmind.core.model.ids import OrderId
from overmind.core.model.order import Order
from overmind.views.lines import Line, Teller, Tone

PLACED = "placed a: Buy ETH $300.00 → w1 (cost 5 bps)"
TOO_LARGE = "Buy ETH $999,999,999.00: PRICE_IMPACT 9950 bps (limit 100 bps); 8 more rules"
STOPPED = "Buy ETH $5.00: PORTFOLIO_STOPPED: emergency (needs: running); 1 more rule"
SIGNED = "signed a.0.0: signature of a.0…"


def lines_of(script: str) -> Iterator[Line]:
    """The lines after the wallets were configured and given their capital."""
    entries = CoreDesk(script).entries
    configured = max(one.seq for one in entries if isinstance(one.event, WalletConfigured))
    teller = Teller(None, {}, ())
    lines = [teller.tell(entry) for entry in entries]
    return (line for line in lines if line.seq > configured and line.kind != "deposited")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("w1; buy eth $300 id a", [PLACED]),
        ("w1; buy eth $999999999 id a", [f"refused a: {TOO_LARGE}"]),
        ("w1; w2; stop; buy eth $5 id a", ["held w1: emergency", "held w2: emergency", f"refused a: {STOPPED}"]),
        ("w1; buy eth $300 id a; reject", [PLACED, "rejected a.0.0: Buy ETH $300.00: ROUTE_DOWN"]),
        ("w1; buy eth $300 id a; sign; expire", [PLACED, SIGNED, "expired a.0.0: Buy ETH $300.00: it never landed"]),
        (
            "w1; buy eth $300 id a; fill; sell eth all id s; fill",
            [
                PLACED,
                SIGNED,
                "filled a.0.0: Buy 0.15 ETH at 2,000, w1",
                "placed s: Sell ETH $300.00 → w1 (cost 2 bps)",
                "signed s.0.0",
                "filled s.0.0: Sell 0.15 ETH at 2,000, w1",
            ],
        ),
        (
            "w1; buy eth $300 id a; sign; fill provisional; roll back as expired",
            [
                PLACED,
                SIGNED,
                "filled a.0.0: Buy 0.15 ETH at 2,000, w1 (provisional)",
                "rolled back a.0.0: a fork undid it; expired: Buy ETH $300.00: it never landed",
            ],
        ),
    ],
)
def test_what_an_operator_reads(script: str, expected: list[str]) -> None:
    shown = [f"{line.kind} {line.about}: {line.text}" for line in lines_of(script)]
    assert len(shown) == len(expected), shown
    for line, start in zip(shown, expected, strict=True):
        assert line.startswith(start)


def test_danger_is_for_what_a_person_has_to_see() -> None:
    script = "w1; w2; buy eth $300 id a; sign; fill provisional; roll back as expired; stop"
    tones = {line.kind: line.tone for line in lines_of(script)}
    assert tones["placed"] is tones["filled"] is Tone.GOOD
    assert tones["rolled back"] is tones["held"] is Tone.DANGER


def test_a_refusal_like_an_earlier_one_is_told_in_full() -> None:
    """A stopped desk journals its reasons once; each line still has them."""
    desk = CoreDesk("w1; stop; buy eth $5 id a; buy eth $5 id b")
    first, second = [entry for entry in desk.entries if isinstance(entry.event, SignalRefused)]
    assert isinstance(second.event, SignalRefused)
    assert second.event.brief is not None
    assert second.event.brief.like == first.seq
    follower = Teller.after(desk.state)
    assert follower.tell(second).text == STOPPED
    stranger = Teller(desk.state.desk, {}, ())
    assert stranger.tell(second).text.endswith(f"PORTFOLIO_STOPPED, as in entry {first.seq}")


def test_a_teller_that_begins_in_the_middle_knows_the_open_orders() -> None:
    desk, state = CoreDesk("w1; buy eth $300 id a; fill"), State()
    for entry in desk.entries[:-1]:
        apply(state, entry)
    end = desk.entries[-1]
    assert Teller.after(state).tell(end).text == "Buy 0.15 ETH at 2,000, w1"
    assert Teller(state.desk, {}, ()).tell(end).kind == "filled"
    placed = {entry.event.order.id: entry.event.order for entry in desk.entries if isinstance(entry.event, OrderPlaced)}

    def find(order_id: OrderId) -> Order | None:
        return placed.get(order_id)

    assert Teller(state.desk, {}, (), find).tell(end).text == "Buy 0.15 ETH at 2,000, w1"


@pytest.mark.parametrize("golden", JOURNALS, ids=lambda golden: golden.stem)
def test_every_entry_of_every_version_has_a_line(golden: Path) -> None:
    teller = Teller(None, {}, ())
    for row in read(golden)[1]:
        line = teller.tell(msgspec.json.decode(row, type=Entry))
        assert line.kind
        assert line.about
        assert "None" not in line.text
