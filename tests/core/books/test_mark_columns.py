"""Marks in columns: what is left out decides nothing, and what is written says everything."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from msgspec import structs
from tests.support.core_desk import DESK, MS, TOKENS, USDC, CoreDesk, rows, told

from overmind.core.books.apply import apply
from overmind.core.books.mark_columns import HEARTBEATS_MIN, journaled, marks_of
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.books.trust import Judged, exit_price, fresh_price_pico
from overmind.core.control.day import is_over
from overmind.core.model.commands import ConfigureDesk, MarkPrices
from overmind.core.model.events import Entry, Event, PricesMarked, PricesMoved
from overmind.core.model.ids import SOL, Mint
from overmind.core.model.money import Mark, Witness
from overmind.core.model.units import DAY_NS, NS, PICO

# What the last mark adds to the journal, 10 s being the heartbeat: the tokens whose marks it tells.
CASES = """
steps before | the last mark | journaled
mark eth 2000 | mark eth 2000.1 | eth
mark eth 2000; mark eth 2000 | mark eth 2000 | nothing
mark eth 2001 | mark eth 2001 | eth
mark eth 2001; mark eth 2001 | mark eth 2001 | nothing
mark eth 2000; mark eth 2000; wait 9000 | mark eth 2000 | nothing
mark eth 2000; mark eth 2000; wait 10000 | mark eth 2000 | eth
desk heartbeat 10000 fresh 15000; mark eth 2000; mark eth 2000; wait 4000 | mark eth 2000 | nothing
desk heartbeat 10000 fresh 15000; mark eth 2000; mark eth 2000; wait 5000 | mark eth 2000 | eth
mark eth 2000; mark eth 2000; desk heartbeat 0 | mark eth 2000 | every mark
mark eth 2000 says 2001; mark eth 2000 says 2001 | mark eth 2000 says 2001 | nothing
mark eth 2000 says 2001; mark eth 2000 says 2001 | mark eth 2000 says 2002 | eth
mark eth 2000 says 2001; mark eth 2000 says 2001 | mark eth 2000 | eth
mark eth 2000; mark eth 2000 | mark eth 2000 says 2001 | eth
mark eth 2000 says 2001; mark eth 2000 says 2001 | mark eth 2000 sells 2001 | eth
wait 43199999; mark eth 2000; mark eth 2000; wait 1 | mark eth 2000 | eth + DayRolled
desk jump 20; mark eth 2000; mark eth 2000 | mark eth 99 | eth?
desk jump 20; mark eth 2000; mark eth 99 | mark eth 99 | nothing
desk jump 20; mark eth 2000; mark eth 99; wait 10000 | mark eth 99 | eth?
desk jump 20; mark eth 2000; mark eth 99 | mark eth 98 | eth?
desk jump 20; mark eth 2000; mark eth 99 | mark eth 2000 | eth
desk jump 20; mark sol 99; mark sol 1 | mark sol 1 | sol?
desk jump 20; w1; deposit w1 1 eth; mark eth 2000; mark eth 99 | mark eth 99 | eth?
desk jump 20; mark eth 2000; wait 9000; mark eth 2390; mark eth 2390 | mark eth 2390 | nothing
desk jump 20; mark eth 2000; wait 54000; mark eth 2390; mark eth 2390; wait 5000 | mark eth 2390 | nothing
desk jump 20; mark eth 2000; wait 55000; mark eth 2390; mark eth 2390; wait 5000 | mark eth 2390 | eth
desk agree 100; mark eth 2000 says 2001; mark eth 2000 says 2001 | mark eth 2000 says 2100 | eth?
desk agree 100; mark eth 2000 says 2100 | mark eth 2000 says 2100 | nothing
desk agree 100; mark eth 2000 says 2100 | mark eth 2000 says 2101 | eth?
"""


def journaled_of(desk: CoreDesk, events: tuple[Event, ...]) -> str:
    """Tokens by the columns; a price that is doubted has a question mark."""
    words = []
    for event in events:
        if not isinstance(event, PricesMoved):
            words.append("every mark" if isinstance(event, PricesMarked) else type(event).__name__)
            continue
        mints, first = [*desk.state.mark_numbers], len(event.tokens) - event.doubted
        named = [mints[token] for token in event.tokens]
        words += [f"{word_of(mint)}{'?' if place >= first else ''}" for place, mint in enumerate(named)]
    return " + ".join(words) or "nothing"


def word_of(mint: Mint) -> str:
    return next(word for word, token in TOKENS.items() if token.mint == mint)


@pytest.mark.parametrize(("before", "last", "expected"), rows(CASES), ids=lambda cell: cell)
def test_what_is_journaled(before: str, last: str, expected: str) -> None:
    desk = CoreDesk(f"desk heartbeat 10000; {before}")
    assert journaled_of(desk, desk.play(last)) == expected


def test_what_is_left_out_still_checks_limits_and_sells() -> None:
    """A hold that was lifted by hand comes back with the next look, whether or not it journals a price."""
    desk = CoreDesk("desk heartbeat 10000; w1 loss 100; deposit w1 1 eth; mark eth 1900; mark eth 1900")
    desk.play("lift w1 day_loss")
    assert told(desk.play("mark eth 1900")) == "HoldAdded"


# Every mark, and the same ones with a heartbeat


class Twins:
    """Two desks that get the same commands. The second one journals an unchanged price at its heartbeat."""

    def __init__(self, rng: Random, steps: str) -> None:
        self.rng, self.every, self.beating = rng, CoreDesk(steps), CoreDesk(steps)
        self.beating.do(ConfigureDesk(structs.replace(self.beating.state.settings, mark_heartbeat_ns=10 * NS)))
        self.prices = {mint: mark.price_pico for mint, mark in self.every.state.marks.items()}
        self.silent_until_ns = dict.fromkeys(self.prices, 0)
        self.newest: dict[Mint, Mark] = {}

    def second(self) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
        rng, now_ns = self.rng, self.every.now_ns + NS
        self.every.now_ns = self.beating.now_ns = now_ns
        for mint in self.prices:
            if rng.random() < 0.02:
                self.silent_until_ns[mint] = now_ns + rng.choice([5, 29, 30, 31, 60]) * NS
            if rng.random() < 0.2:
                self.prices[mint] = self.prices[mint] * rng.choice([999, 1_000, 1_001, 950, 1_050]) // 1_000
        for mint, price in self.prices.items():
            mark = Mark(mint, price, now_ns - rng.choice([0, MS, NS]))
            is_newer = mint not in self.newest or mark.at_ns > self.newest[mint].at_ns
            if self.silent_until_ns[mint] <= now_ns and is_newer:
                self.newest[mint] = mark
        command = MarkPrices(tuple(self.newest.values()))  # As the watch hands them in.
        return self.every.do(command), self.beating.do(command)


def facts(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return tuple(event for event in events if not isinstance(event, PricesMarked | PricesMoved))


SETTINGS = ("", "desk jump 2", "desk threshold 3 loss 2 then flatten,liquidate", "desk dust 900")


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_a_heartbeat_decides_like_every_mark(settings: str, seed: int) -> None:
    """The same holds, sales and values in the same second, and a price is fresh in both or in neither."""
    opening = "w1 stop 3 loss 90; w2; deposit w1 0.1 eth; deposit w2 1 sol; buy btc $500; fill"
    twins = Twins(Random(seed), "; ".join(filter(None, (opening, settings))))
    for _ in range(300):
        events, thinned = twins.second()
        assert facts(events) == facts(thinned)
        every, beating = twins.every.state, twins.beating.state
        at_ns = twins.every.now_ns
        assert every.before_pico == beating.before_pico
        assert {mint: mark.price_pico for mint, mark in every.marks.items()} == {
            mint: mark.price_pico for mint, mark in beating.marks.items()
        }
        assert every.doubted == beating.doubted or settings == SETTINGS[1]
        assert (every.equity_micros, every.peak_gain_micros) == (beating.equity_micros, beating.peak_gain_micros)
        for mint in twins.prices:
            assert fresh_price_pico(every, mint, at_ns) == fresh_price_pico(beating, mint, at_ns), mint
            assert (exit_price(every, mint, at_ns) is None) == (exit_price(beating, mint, at_ns) is None), mint
    marks = [one.event for one in twins.every.entries if isinstance(one.event, PricesMarked)]
    columns = [one.event for one in twins.beating.entries if isinstance(one.event, PricesMoved)]
    told_of = sum(len(one.tokens) for one in columns)
    assert told_of < 0.9 * sum(len(one.marks) + len(one.doubted) for one in marks)
    assert replayed(twins.beating.entries) == encode_state(twins.beating.state)


def replayed(entries: list[Entry]) -> bytes:
    """Through JSON, and through a snapshot half way."""
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for number, entry in enumerate(entries):
        apply(state, decode(msgspec.json.encode(entry)))
        if number == len(entries) // 2:
            state = decode_state(encode_state(state))
    return encode_state(state)


# The columns tell every mark, whatever it is


@pytest.mark.parametrize("seed", range(20))
def test_the_columns_tell_every_mark(seed: int) -> None:
    rng, desk = Random(seed), CoreDesk("desk heartbeat 1")
    state, at_ns = desk.state, desk.now_ns
    for _ in range(10):
        at_ns += 20 * NS
        chosen = rng.sample([SOL, USDC.mint, *(Mint(f"m{number}") for number in range(6))], rng.randint(1, 6))
        marks = tuple(a_mark(rng, mint, at_ns) for mint in chosen)
        first = rng.randint(0, len(marks))
        judged = Judged(marks[:first], marks[first:])
        (moved,) = journaled(state, judged, at_ns)
        assert isinstance(moved, PricesMoved)
        read = msgspec.json.decode(msgspec.json.encode(moved), type=PricesMoved)
        assert read == moved
        for mint in moved.named:
            state.mark_numbers[mint] = len(state.mark_numbers)
        assert marks_of(state, read, at_ns) == judged
        state.marks |= {mark.mint: mark for mark in judged.believed}
        state.before_pico |= {mark.mint: 0 for mark in judged.believed}
        state.doubted |= {mark.mint: mark for mark in judged.doubted}


def a_mark(rng: Random, mint: Mint, at_ns: int) -> Mark:
    witness = Witness(
        rng.choice(["second", "rival"]),
        rng.choice([1, PICO, 2**70]),
        at_ns - rng.choice([0, 1, 9 * NS, -NS]),
        of_sale=rng.random() < 0.3,
    )
    age_ns = rng.choice([0, 0, 1, NS + 7, -5 * NS])
    return Mark(mint, rng.choice([1, 2, 150 * PICO, 2**70]), at_ns - age_ns, witness if rng.random() < 0.5 else None)


def test_a_day_begins_with_all_of_its_marks() -> None:
    """Its losses count from them, so none of them is left out."""
    desk = CoreDesk("desk heartbeat 10000; mark eth 2000; mark eth 2000; wait 43199990; mark eth 2000; mark eth 2000")
    desk.now_ns = desk.now_ns // DAY_NS * DAY_NS + DAY_NS
    assert is_over(desk.state, desk.now_ns)
    marks = tuple(Mark(mint, mark.price_pico, desk.now_ns) for mint, mark in desk.state.marks.items())
    moved, rolled = desk.do(MarkPrices(marks))
    assert isinstance(moved, PricesMoved)
    assert len(moved.tokens) == len(marks)
    assert type(rolled).__name__ == "DayRolled"


def test_the_heartbeat_is_within_the_time_that_a_mark_may_be_old() -> None:
    desk = CoreDesk("desk heartbeat 86400000 fresh 9000; mark eth 2000; mark eth 2000")
    for _ in range(30):
        desk.play("wait 1000; mark eth 2000")
        assert desk.now_ns - desk.state.marks[Mint("eth")].at_ns <= DESK.mark_age_max_ns // HEARTBEATS_MIN
        assert fresh_price_pico(desk.state, Mint("eth"), desk.now_ns) is not None
