"""The learner in the desk: each entry teaches once, shadow decides nothing, and `on` decides within its bounds."""

import msgspec
import pytest
from tests.support.core_desk import CoreDesk

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.explain import entry_candidates
from overmind.core.learning.belief import SQUARE
from overmind.core.model.commands import RecordOutcome, RecordTicket
from overmind.core.model.events import Entry, OrderPlaced
from overmind.core.model.ids import OrderId, WalletId
from overmind.core.model.order import Ticket
from overmind.core.model.outcome import Expired, Filled
from overmind.core.model.selection import Advice, Selection

LESSONS = """
script                                                                 | outcomes | landing
buy sol $10; fill                                                      | 1        | better
buy sol $10; fail                                                      | 1        | better
buy sol $10; expire                                                    | 1        | worse
buy sol $10; reject for ROUTE_DOWN                                     | 1        | worse
# It was never sent: that tells nothing about the way to the chain.
buy sol $10; reject for SLIPPAGE                                       | 0        | as before
buy sol $10; reject for WALLET_FUNDS                                   | 0        | as before
# A sale says nothing about entries, because it may go another way.
deposit w1 1 eth; sell eth 0.1; expire                                 | 0        | as before
# A provisional outcome teaches when it is final, and only the one that counted.
buy sol $10; fill provisional                                          | 0        | as before
buy sol $10; fill provisional; final                                   | 1        | better
buy sol $10 id a; fill a.0.0 provisional; roll back a.0.0 as expired   | 1        | worse
buy sol $10 id a; fail a.0.0 provisional; roll back a.0.0 as filled    | 1        | better
"""


@pytest.mark.parametrize("row", [row for row in LESSONS.strip().splitlines()[1:] if not row.startswith("#")])
def test_each_entry_teaches_once_when_no_fork_can_undo_it(row: str) -> None:
    script, outcomes, landing = (cell.strip() for cell in row.split("|"))
    desk = CoreDesk("w1; desk learner shadow miss 50")
    desk.play(script)
    route = desk.state.learned.routes.get("public")
    assert (route.outcomes if route else 0) == int(outcomes)
    mean = route.landing.mean if route else 0
    assert ("better" if mean > 0 else "worse" if mean < 0 else "as before") == landing


def test_an_outcome_that_arrives_twice_teaches_once() -> None:
    desk = CoreDesk("w1; desk learner shadow; buy sol $10 id a; sign")
    once = desk.do(RecordOutcome(OrderId("a.0.0"), Expired()))
    assert once
    assert desk.do(RecordOutcome(OrderId("a.0.0"), Expired())) == ()
    assert desk.state.learned.routes["public"].outcomes == 1


def test_a_desk_whose_learner_is_off_learns_and_tells_nothing() -> None:
    desk = CoreDesk("w1; w2; desk miss 50")
    (placed,) = desk.play("buy sol $10")
    assert isinstance(placed, OrderPlaced)
    assert placed.selection.advice is None
    assert b"advice" not in msgspec.json.encode(placed)
    desk.play("expire")
    assert desk.state.learned.routes == {}


def trade(desk: CoreDesk, count: int, fails: str) -> list[Selection]:
    """One entry a minute. Those of the wallet `fails` expire. Returns why each wallet was chosen."""
    chosen = []
    for _ in range(count):
        desk.play("wait 60000; mark sol 100")
        number = desk.state.signals
        placed = desk.play(f"buy sol $10 id t{number}")[-1]
        assert isinstance(placed, OrderPlaced)
        chosen.append(placed.selection)
        lost = placed.order.wallet_id == fails
        desk.play(f"expire t{number}.0.0; fill t{number}.0.1" if lost else f"fill t{number}.0.0")
    return chosen


def wallets(desk: CoreDesk) -> list[str]:
    return [
        entry.event.order.wallet_id
        for entry in desk.entries
        if isinstance(entry.event, OrderPlaced) and entry.event.order.attempt == 0
    ]


def test_shadow_tells_what_it_would_choose_and_decides_nothing() -> None:
    """The cost model alone keeps sending to a wallet that loses orders: its score fades within a millisecond here."""
    desks = {mode: CoreDesk(f"w1; w2 usd 9000; desk learner {mode} miss 50 fades 1") for mode in ("off", "shadow")}
    told = {mode: trade(desk, 40, fails="w1") for mode, desk in desks.items()}
    assert wallets(desks["shadow"]) == wallets(desks["off"]) == ["w1"] * 40
    advice = told["shadow"][-1].advice
    assert advice is not None
    assert (advice.wallet_id, advice.decided) == ("w2", False)


def test_a_learner_that_is_on_leaves_a_wallet_that_loses_orders_and_the_cost_model_takes_over_again_when_off() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner on miss 50 fades 1")  # So short that the score counts nothing.
    chosen = trade(desk, 40, fails="w1")
    assert wallets(desk)[:1] == ["w1"]
    assert "w1" not in wallets(desk)[-10:]
    (last,) = chosen[-1:]
    assert last.advice is not None
    assert (last.advice.wallet_id, last.advice.decided) == ("w2", True)
    assert last.terms.learned == last.advice.correction / 10**6
    desk.play("desk learner off")
    trade(desk, 1, fails="")
    assert wallets(desk)[-1] == "w1"


def test_a_learner_that_is_on_never_passes_the_gate_by() -> None:
    """The wallet that it favours has enough SOL for a fee, and not for the rent of a new token account."""
    desk = CoreDesk("w1; w2 usd 9000 sol 0.101; desk learner on miss 50 fades 1")
    trade(desk, 40, fails="w1")
    assert wallets(desk)[-1] == "w2"
    desk.play("mark eth 2000")
    (placed,) = desk.play("buy eth $300")
    assert isinstance(placed, OrderPlaced)
    assert placed.order.wallet_id == "w1"


def test_the_forecast_of_a_decision_is_journaled() -> None:
    (placed,) = CoreDesk("w1; desk learner shadow miss 50").play("buy sol $10")
    assert isinstance(placed, OrderPlaced)
    assert placed.selection.advice == Advice(WalletId("w1"), 950_000, 2_000_000, 0, expected=4_400_000)


def test_how_late_an_order_lands_is_learned_where_the_venue_has_slots() -> None:
    desk = CoreDesk("w1; desk learner shadow")
    for number in range(8):
        (placed,) = desk.play(f"buy sol $10 id l{number}")
        assert isinstance(placed, OrderPlaced)
        order = placed.order
        desk.do(RecordTicket(order.id, Ticket(f"signature {number}", b"", slot=100)))
        desk.do(RecordOutcome(order.id, Filled(order.spend.units, order.received_min, 5_000, slot=107)))
    slots = desk.state.learned.routes["public"].slots
    assert slots.mean > 2_500_000
    assert slots.variance < SQUARE


def test_snapshot_restore_and_replay_agree_to_the_last_bit() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner on miss 50")
    trade(desk, 10, fails="w1")
    desk.state = decode_state(encode_state(desk.state))
    desk.index = type(desk.index)(desk.state)
    trade(desk, 10, fails="w1")
    replayed, decode = State(), msgspec.json.Decoder(Entry).decode
    for entry in desk.entries:
        apply(replayed, decode(msgspec.json.encode(entry)))
    assert encode_state(replayed) == encode_state(desk.state)


def test_an_explanation_tells_each_wallets_correction() -> None:
    desk = CoreDesk("w1; w2 usd 9000; desk learner shadow miss 50")
    trade(desk, 10, fails="w1")
    signal = next(entry.event.signal for entry in desk.entries if isinstance(entry.event, OrderPlaced))
    one, other = entry_candidates(desk.state, signal, desk.now_ns)
    assert one.learned_bps is not None
    assert other.learned_bps is not None
    assert one.learned_bps > other.learned_bps
