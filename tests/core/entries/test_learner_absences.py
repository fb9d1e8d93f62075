"""A route or a wallet that goes while it has beliefs and open orders, and comes back: what was learned stays exact."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from tests.support.core_desk import CoreDesk, rows

from overmind.core.books.apply import apply
from overmind.core.books.state import State, decode_state, encode_state
from overmind.core.entries.selection_index import SelectionIndex
from overmind.core.model.events import Entry, OrderClosed, OrderFinal, OrderPlaced
from overmind.core.model.ids import WalletId
from overmind.core.model.route import RouteName
from overmind.views.learning.report import learner_report
from overmind.views.screens.learner import learner_screen
from overmind.views.verify import invariant_problems

OPENING = "desk routes public,relay miss 50 learner {mode}; w1 routes public,relay; w2 routes public,relay usd 9000"

ABSENCES = """
goes               | comes back
desk routes public | desk routes public,relay
desk routes relay  | desk routes public,relay
w1 routes public   | w1 routes public,relay
w1 routes relay    | w1 routes public,relay
remove w1          | w1 routes public,relay
desk learner off   | desk learner on
remove w1; desk routes public; remove w2 | w2 routes public,relay; desk routes public,relay; w1 routes public,relay
"""
OUTCOMES = ("expire", "reject for ROUTE_DOWN", "fill provisional", "")


def check(desk: CoreDesk) -> None:
    """The journal gives the same state, by the bit; so does a snapshot; and nothing that shows it raises."""
    replayed, decode = State(), msgspec.json.Decoder(Entry).decode
    for entry in desk.entries:
        apply(replayed, decode(msgspec.json.encode(entry)))
    encoded = encode_state(desk.state)
    assert encode_state(replayed) == encoded
    assert encode_state(decode_state(encoded)) == encoded
    assert invariant_problems(desk.state) == []
    assert learner_report(desk.entries) is not None
    assert learner_screen(desk.state) == learner_screen(replayed)


def chosen(desk: CoreDesk, number: int) -> list[tuple[WalletId, RouteName]]:
    """Where a small entry and a larger one go. An index that has seen all changes chooses as a new one does."""
    desk.play("wait 60000; mark sol 100; mark eth 2000")
    events = [*desk.play(f"buy sol $3 id a{number}"), *desk.play(f"buy eth $300 id b{number}")]
    orders = [event.order for event in events if isinstance(event, OrderPlaced)]
    known = desk.index
    desk.index = SelectionIndex(desk.state)
    again = [*desk.play(f"buy sol $3 id c{number}"), *desk.play(f"buy eth $300 id d{number}")]
    desk.index = known
    assert len(orders) == sum(isinstance(event, OrderPlaced) for event in again)
    return [(order.wallet_id, order.route) for order in orders]


def finish(desk: CoreDesk, how: str) -> None:
    if how:
        desk.play(how)
    if "provisional" in how:
        desk.play("final")


def finished(desk: CoreDesk) -> int:
    """Entries with an outcome that counts."""
    events = [entry.event for entry in desk.entries]
    closed = sum(isinstance(event, OrderClosed) and not event.provisional for event in events)
    return closed + sum(isinstance(event, OrderFinal) for event in events)


def lessons(desk: CoreDesk) -> int:
    """Each lesson is one of a route and one of a wallet."""
    learned = desk.state.learned
    of_wallets = sum(one.outcomes for one in learned.wallets.values())
    assert sum(one.outcomes for one in learned.routes.values()) == of_wallets
    return of_wallets


@pytest.mark.parametrize(("goes", "comes"), rows(ABSENCES))
@pytest.mark.parametrize("how", OUTCOMES)
def test_what_was_learned_stays_exact(goes: str, comes: str, how: str) -> None:
    desk, numbers = CoreDesk(OPENING.format(mode="on")), itertools.count()
    for ending in ("fill", "fail", "fill"):
        assert len(chosen(desk, next(numbers))) == 2
        finish(desk, ending)
    assert lessons(desk) == finished(desk) > 0
    known = dict(desk.state.learned.wallets), dict(desk.state.learned.routes)
    chosen(desk, next(numbers))
    assert desk.state.open_orders
    desk.play(goes)
    assert (dict(desk.state.learned.wallets), dict(desk.state.learned.routes)) == known, "nothing is forgotten"
    finish(desk, how)
    check(desk)
    if "off" not in goes:
        assert lessons(desk) == finished(desk), "what ends while it is away teaches too"
    chosen(desk, next(numbers))
    desk.play(comes)
    finish(desk, "fill" if desk.state.open_orders else "")
    assert chosen(desk, next(numbers)) != []
    check(desk)


def test_a_route_that_is_away_is_not_chosen_and_is_judged_by_what_was_known_when_it_is_back() -> None:
    desk = CoreDesk(OPENING.format(mode="on"))
    for number in range(12):
        chosen(desk, number)
        for known in list(desk.state.open_orders.values()):
            desk.play(f"{'expire' if known.order.route is RouteName.RELAY else 'fill'} {known.order.id}")
        if desk.state.open_orders:  # the next attempts
            desk.play("fill")
    belief = desk.state.learned.routes[RouteName.RELAY]
    desk.play("desk routes public")
    assert {route for _, route in chosen(desk, 20)} == {RouteName.PUBLIC}
    desk.play("fill; desk routes public,relay")
    check(desk)
    assert desk.state.learned.routes[RouteName.RELAY] == belief
