"""How the learner stands, whatever comes: late, twice, out of order, undone by a fork, or of a wallet that is gone."""

from __future__ import annotations

from random import Random

import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.explain import entry_candidates
from overmind.core.learning.standing import BLOCK, JUDGED_MIN, scores
from overmind.core.model.commands import CommandRefused
from overmind.core.model.events import OrderPlaced

DESK = (
    "w1; w2 usd 9000; w3 usd 8000; desk learner shadow miss 50 fades 1 seed s explore 50 exploring 100 losing 5 worse 5"
)
MODES = ("off", "shadow", "canary", "on")


def step(desk: CoreDesk, rng: Random) -> str:
    """The next thing that may happen, said in the words of the desk."""
    open_ids, booked = list(desk.state.open_orders), list(desk.state.provisional)
    chances = [f"buy sol ${rng.randint(5, 300)} id r{desk.state.signals}"] * 3
    chances += [f"learn {rng.choice(MODES)}", "wait 60000", f"wait {rng.choice([1, 86_400_000])}", "mark sol 100"]
    if open_ids:
        one = rng.choice(open_ids)
        ends = (f"fill {one}", f"expire {one}", f"fail {one}", f"reject {one} for SLIPPAGE", f"fill {one} provisional")
        chances += [*ends, f"fail {one} provisional"]
    if booked:
        one = rng.choice(booked)
        chances += ["final", f"roll back {one} as expired", f"roll back {one} as filled"]
    return rng.choice(chances)


def played(seed: int, steps: int) -> CoreDesk:
    desk, rng = CoreDesk(DESK), Random(seed)
    for _ in range(steps):
        said = step(desk, rng)
        try:
            desk.play(said if not said.startswith("wait") else f"{said}; mark sol 100")
        except CommandRefused:
            assert said.startswith("learn"), "only the mode may be refused"
        check(desk)
    return desk


def check(desk: CoreDesk) -> None:
    state = desk.state
    standing = state.standing
    assert standing.forecasts.keys() <= {*state.open_orders, *state.provisional}
    assert scores(standing).outcomes <= JUDGED_MIN + BLOCK
    assert all(0 <= block.learned <= block.outcomes * 10**6 for block in standing.blocks)
    assert standing.explored_today <= standing.signals_today
    assert standing.explored_today_micros <= standing.entered_today_micros


@pytest.mark.parametrize("seed", range(6))
def test_the_fold_is_exact_and_bounded_in_every_order_of_events(seed: int) -> None:
    desk = played(seed, 80)
    replayed = State()
    for entry in desk.entries:
        apply(replayed, entry)
    assert encode_state(replayed) == encode_state(desk.state)
    again = decode_state(encode_state(desk.state))
    assert again.standing == desk.state.standing


@pytest.mark.parametrize("seed", range(4))
def test_a_learner_that_is_off_leaves_exactly_the_cost_models_choice(seed: int) -> None:
    """Whatever it has learned, and though exploring is configured."""
    desk = played(seed, 60)
    desk.play("learn off")
    for number in range(5):
        desk.play("mark sol 100")
        signal = desk.signal("buy", "sol", f"${7 + number}", ["id", f"off{number}"]).signal
        open_to = [one for one in entry_candidates(desk.state, signal, desk.now_ns) if one.eligible and one.terms]
        placed = desk.play(f"buy sol ${7 + number} id off{number}")[-1]
        if not open_to:
            continue
        assert isinstance(placed, OrderPlaced)
        assert placed.selection.advice is None
        cheapest = min(open_to, key=lambda one: one.terms.total if one.terms else 0.0)
        assert placed.order.wallet_id == cheapest.wallet_id


def test_an_outcome_that_comes_a_day_late_is_scored_and_counts_in_the_day_that_it_comes() -> None:
    desk = CoreDesk("w1; w2; desk learner shadow miss 50 explore 100 exploring 100 seed s")
    desk.play("buy sol $100 id a; buy sol $100 id b; buy sol $100 id c; buy sol $100 id d")
    drawn = [known.order.id for known in desk.state.open_orders.values()]
    assert desk.state.standing.explored_today > 0
    desk.play("wait 86400000; mark sol 100")
    assert desk.state.standing.signals_today == 0
    desk.play("; ".join(f"expire {one}" for one in drawn))
    assert scores(desk.state.standing).outcomes == 4
    assert desk.state.standing.lost_today_micros > 0, "an explored entry did not land"


def test_a_wallet_that_is_gone_still_teaches_and_is_chosen_no_more() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner on miss 50 fades 1; buy sol $10 id a")
    desk.play("remove w1; expire a.0.0")
    assert desk.state.learned.wallets[desk.book("w1").wallet.id].outcomes == 1
    assert desk.state.standing.forecasts.keys() <= set(desk.state.open_orders)
    (placed,) = desk.play("buy sol $10 id b")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.wallet_id == "w2"


def test_a_wallet_that_is_new_begins_with_what_is_configured() -> None:
    desk = played(1, 40)
    desk.play("w9")
    assert desk.book("w9").wallet.id not in desk.state.learned.wallets
    desk.play("learn shadow; mark sol 100")
    (placed,) = desk.play("buy sol $10 not w1,w2,w3 id fresh")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.wallet_id == "w9"
    assert placed.selection.advice is not None
    desk.play("expire fresh.0.0")
    assert desk.state.learned.wallets[desk.book("w9").wallet.id].outcomes == 1
