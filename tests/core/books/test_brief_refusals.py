"""Refusals in brief: to the last word what was decided, and small where nothing is new."""

from __future__ import annotations

from random import Random

import msgspec
import pytest
from msgspec import structs
from tests.support.core_desk import CoreDesk
from tests.support.journal_entries import signal

from overmind.core.books.apply import apply
from overmind.core.books.brief_refusals import PATTERNS_KEPT, codes_of, in_brief, whole_by
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.entries.refusing import LISTED_MAX
from overmind.core.model.codes import Code, Refusal
from overmind.core.model.events import Entry, SignalRefused
from overmind.core.model.ids import WalletId

WORDS = ("running", "", "0", "held by w1", "überall", None)
AMOUNTS = (0, 1, -7, 10**12, 2**70)
STOPPED = "w1; w2; w3; w4; stop"


def any_refusals(rng: Random) -> tuple[Refusal, ...]:
    wallets = [None, *(WalletId(f"w{number}") for number in range(rng.randint(1, 70)))]
    shapes = [(rng.choice([*Code]), rng.choice([*WORDS, 0]), rng.choice([*WORDS, 0])) for _ in range(rng.randint(1, 9))]
    return tuple(
        Refusal(code, *(rng.choice(AMOUNTS) if said == 0 else said for said in (limit, actual)), rng.choice(wallets))
        for code, limit, actual in rng.choices(shapes, k=rng.randint(1, 200))
    )


@pytest.mark.parametrize("seed", range(10))
def test_nothing_of_them_is_lost(seed: int) -> None:
    rng, desk = Random(seed), CoreDesk()
    known = [any_refusals(rng) for _ in range(4)]
    alike = 0
    for number in range(60):
        refusals = rng.choice(known) if rng.random() < 0.7 else any_refusals(rng)
        if rng.random() < 0.3:
            refusals = tuple(structs.replace(one, actual=9) if one.actual == 0 else one for one in refusals)
        refused = SignalRefused(signal(f"s{number}"), refusals, unlisted=rng.choice([0, 3]))
        entry = Entry(desk.state.seq + 1, desk.now_ns, in_brief(desk.state, refused))
        read = msgspec.json.decode(msgspec.json.encode(entry), type=Entry)
        assert isinstance(read.event, SignalRefused)
        desk.entries.append(read)
        assert in_full(desk, read.event) == refused
        assert codes_of(read.event) == codes_of(refused)
        alike += bool(read.event.brief is not None and read.event.brief.like)
        apply(desk.state, read)
        assert len(desk.state.refusal_patterns) <= PATTERNS_KEPT
        desk.state = decode_state(encode_state(desk.state))
    assert 10 < alike < 50


def test_the_same_after_a_replay() -> None:
    desk = CoreDesk(f"{STOPPED}; buy eth $10 id a; buy eth $20 id b; reactivate w1; buy eth $9999999 id c")
    state, decode = State(), msgspec.json.Decoder(Entry).decode
    for entry in desk.entries:
        apply(state, decode(msgspec.json.encode(entry)))
    assert encode_state(state) == encode_state(desk.state)


def in_full(desk: CoreDesk, refused: SignalRefused) -> SignalRefused:
    return whole_by({entry.seq: entry for entry in desk.entries}.__getitem__, refused)


def refused_entries(desk: CoreDesk) -> list[SignalRefused]:
    return [entry.event for entry in desk.entries if isinstance(entry.event, SignalRefused)]


def test_a_stopped_desk_names_its_reasons_once() -> None:
    desk = CoreDesk(STOPPED)
    told = [desk.play(f"buy eth ${number} id s{number}") for number in range(1, 50)]
    first, *others = refused_entries(desk)
    seq = next(entry.seq for entry in desk.entries if entry.event is first)
    assert {one.brief.like for one in others if one.brief is not None} == {seq}
    for (answer,), entry in zip(told, refused_entries(desk), strict=True):
        assert in_full(desk, entry) == answer  # The caller gets every reason.
    signal_bytes = len(msgspec.json.encode(others[-1].signal))
    answer_bytes, own_bytes = (len(msgspec.json.encode(one)) - signal_bytes for one in (told[-1][0], others[-1]))
    assert own_bytes <= 100 < answer_bytes / 4


@pytest.mark.parametrize("then", ["remove w1", "w2", "hold portfolio a; lift portfolio emergency", "block eth"])
def test_the_same_rules_in_other_words_are_not_alike(then: str) -> None:
    desk = CoreDesk("w1; stop; hold portfolio emergency; buy eth $10")
    told = desk.play(f"{then}; buy eth $10")
    assert [in_full(desk, refused_entries(desk)[-1])] == [*told]


def test_numbers_that_differ_are_told() -> None:
    desk = CoreDesk("w1 usd 100; buy eth $150 id a")
    first, second = desk.play("buy eth $151 id b"), desk.play("buy eth $151 id c")
    _, other, same = refused_entries(desk)
    assert other.brief is not None
    assert same.brief is not None
    assert other.brief.like == same.brief.like == desk.entries[-3].seq
    assert [in_full(desk, other), in_full(desk, same)] == [*first, *second]


def test_a_refusal_of_a_thousand_wallets_is_small() -> None:
    """It names 64 of them. One by one they took 21 KB."""
    desk = CoreDesk("; ".join(f"w{number} usd 100 position 90" for number in range(1, 101)))
    (answer,) = desk.play("buy eth $1000 id a")
    desk.play("buy eth $1001 id b")
    assert isinstance(answer, SignalRefused)
    assert len({one.wallet_id for one in answer.refusals}) == LISTED_MAX
    full, (first, second) = len(msgspec.json.encode(answer)), refused_entries(desk)
    assert full > 20_000
    assert len(msgspec.json.encode(first)) * 5 < full
    assert len(msgspec.json.encode(second)) * 6 < full


def test_under_the_rules_of_before_they_are_listed_one_by_one() -> None:
    desk = CoreDesk("desk rules 3; w1; stop; buy eth $10")
    (entry,) = refused_entries(desk)
    assert entry.brief is None
    assert entry.refusals
