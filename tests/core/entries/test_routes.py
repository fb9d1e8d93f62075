"""Routes: a protected entry is never public, an exit gets out in time, and the cheaper route is taken."""

from random import Random

import pytest
from msgspec import structs
from tests.support.core_desk import ROUTES, CoreDesk, rows
from tests.support.random_commands import RandomCommands, attempt

from overmind.core.entries.gate import wallet_may_enter
from overmind.core.entries.request import entry_request, stale_at_ns
from overmind.core.entries.routes import entry_routes
from overmind.core.entries.rules import wallet_refusals
from overmind.core.model.codes import Code
from overmind.core.model.commands import ConfigureDesk
from overmind.core.model.desk_settings import Routing
from overmind.core.model.enums import MEV_PROTECTION
from overmind.core.model.events import Event, OrderPlaced, SignalRefused
from overmind.core.model.ids import SOL
from overmind.core.model.order import Order
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import PPM
from overmind.views.verify import invariant_problems

PUBLIC, RELAY = RouteName.PUBLIC, RouteName.RELAY


def orders(events: tuple[Event, ...]) -> list[Order]:
    return [event.order for event in events if isinstance(event, OrderPlaced)]


def routed(desk: CoreDesk, public: Expected, relay: Expected, **routing: object) -> None:
    """The desk with both routes, of which this is expected, and 50 basis points for a failure."""
    known = desk.state.settings
    fee_max = 100_000 + max(public.tip_max_lamports, relay.tip_max_lamports)
    costs = structs.replace(known.costs, miss_bps=50.0, fee_max_lamports=fee_max)
    changed = structs.replace(known.routing, routes={PUBLIC: public, RELAY: relay}, **routing)
    desk.do(ConfigureDesk(structs.replace(known, costs=costs, routing=changed)))


# An entry is $300, so 30,000,000 lamports at $100 are 1 %.
CHOICES = """
given | when | then
# Landing is 50 bps x 4 % and a slot is 1 bps: the relay gains 3 bps, and its tip of 10,000 lamports costs 0.03.
w1 routes public,relay | buy eth $300 | w1 relay
w1 routes public,relay | buy eth $3   | w1 public
w1; w2 routes relay    | buy eth $300 | w2 relay
w1; w2 routes relay    | buy eth $3   | w1 public
w1 routes relay        | buy eth $3   | w1 relay
w1 routes public,relay | buy eth $3 protected yes | w1 relay
w1 type MEVProtection routes public,relay | buy eth $3 | w1 relay
w1; w2 routes public,relay | buy eth $3 protected yes | w2 relay
# A risk budget takes the same routes.
w1 stop 5; w2 stop 5 routes public,relay | buy eth risk$15 protected yes | w2 relay
# So does the next attempt.
w1 routes relay; w2; w3 routes relay; buy eth $300 id s protected yes | expire | w3 relay
w1 routes relay; w2; buy eth $300 id s protected yes | expire | nothing
# So do the parts of a buy that is split, and there may be fewer of them than tips are left for.
w1 usd 200; w2 usd 200 routes relay; w3 usd 200 routes relay | buy eth $300 split all protected yes | w2 relay w3 relay
w1 usd 200; w2 usd 200 routes relay; w3 usd 200 | buy eth $300 split all protected yes | nothing
w2 usd 200 routes relay; w3 usd 200 routes relay; desk tips 99999 | buy eth $300 split all | nothing
# The limit of the expected cost counts the tip. With rent $10 pay 85 bps by the public route and 86 by the relay, which
# is the cheaper one by the chance to land.
w1 routes public,relay; desk dearest 86 | buy eth $10 | w1 relay
w1 routes public,relay; desk dearest 85 | buy eth $10 | w1 public
w1 routes public,relay; desk dearest 84 | buy eth $10 | nothing
w1 routes public,relay; desk dearest 85 | buy eth $10 protected yes | nothing
w1; w2 routes relay; desk dearest 86 | buy eth $10 | w2 relay
w1; w2 routes relay; desk dearest 85 | buy eth $10 | w1 public
w1 routes public,relay; desk dearest 85 learner on | buy eth $10 | w1 public
w1 stop 5 routes public,relay; desk dearest 85 | buy eth risk$0.5 | w1 public
w1 routes public,relay; w2 routes public,relay; deposit w2 1 eth; desk dearest 5 | buy eth $10 | w2 relay
w1 routes public,relay; w2 routes public,relay; deposit w2 1 eth; desk dearest 4 | buy eth $10 | w2 public
# The rules before know no routes.
w1 routes relay; desk rules 4 | buy eth $300 protected yes | w1 public
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(CHOICES))
def test_which_route_an_entry_takes(given: str, when: str, then: str) -> None:
    desk = CoreDesk("desk routes public,relay miss 50; " + given)
    placed = [f"{order.wallet_id} {order.route}" for order in orders(desk.play(when))]
    assert (" ".join(placed) or "nothing") == then


def test_a_refusal_names_the_cost_of_the_cheapest_route() -> None:
    desk = CoreDesk("desk routes public,relay; w1 routes public,relay; w2 routes relay; desk dearest 84")
    (event,) = desk.play("buy eth $10")
    assert isinstance(event, SignalRefused)
    told = [(one.wallet_id, one.limit, one.actual) for one in event.refusals if one.code is Code.EXPECTED_COST]
    assert told == [("w1", 84, 85), ("w2", 84, 86)]


ALLOWED = """
given | when | then
w1 routes public,relay                      | buy eth $300               | public relay
w1 routes relay,public                      | buy eth $300               | relay public
w1 routes public,relay                      | buy eth $300 protected yes | relay
w1 type MEVProtection routes public,relay   | buy eth $300               | relay
w1                                          | buy eth $300 protected yes | nothing
w1 type MEVProtection                       | buy eth $300               | nothing
w1 routes public,relay; desk routes public  | buy eth $300               | public
w1 routes public,relay; desk tips 1         | buy eth $300               | public
w1 type MEVProtection; desk rules 4         | buy eth $300               | public
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(ALLOWED))
def test_which_routes_the_gate_allows(given: str, when: str, then: str) -> None:
    """Asked without the index, which proposes no wallet without a route: the gate is the authority."""
    desk = CoreDesk("desk routes public,relay; " + given)
    verb, name, amount, *options = when.split()
    signal = desk.signal(verb, name, amount, options).signal
    entry = entry_request(desk.state, signal, stale_at_ns(desk.state.settings, signal, desk.now_ns))
    book = desk.book("w1")
    assert (" ".join(entry_routes(desk.state, book.wallet, signal)) or "nothing") == then
    assert wallet_may_enter(desk.state, book, entry, desk.now_ns) is (then != "nothing")
    refusals = [refusal.code for refusal in wallet_refusals(desk.state, book, entry, desk.now_ns)]
    assert refusals == ([] if then != "nothing" else [Code.NO_PROTECTED_ROUTE])


EXITS = """
given | when | then
# The exits of a wallet that must be protected wait for it so long, and not longer. A minute is 60,000 ms.
w1 type MEVProtection routes relay | sell eth 1 | relay
w1 type MEVProtection routes relay; sell eth 1; expire; wait 59999 | sell eth 1 | relay
w1 type MEVProtection routes relay; sell eth 1; expire; wait 60000 | sell eth 1 | public
w1 type MEVProtection routes relay; sell eth 1; expire; wait 600000 | sell eth 1 | relay
w1 type MEVProtection routes relay; desk patience 0 | sell eth 1 | public
w1 type MEVProtection routes public,relay | sell eth 1 | relay
# A sale that fills ends the wait.
w1 type MEVProtection routes relay; sell eth 1; fill; wait 60000 | sell eth 1 | relay
# Where there is no protected route, or no SOL for its tip, it goes out at once.
w1 type MEVProtection | sell eth 1 | public
w1 type MEVProtection routes relay; desk routes public | sell eth 1 | public
w1 type MEVProtection routes relay sol 0.002 | sell eth 1 | public
w1 type MEVProtection routes relay; desk tips 1 | sell eth 1 | public
# Others go out as they always did, unless the signal asks for it.
w1 routes public,relay | sell eth 1 | public
w1 routes public,relay | sell eth 1 protected yes | relay
w1 routes relay | sell eth 1 | relay
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(EXITS))
def test_which_route_an_exit_takes(given: str, when: str, then: str) -> None:
    wallet, *steps = given.split("; ")
    opening = f"desk routes public,relay fresh 9000000; {wallet}; deposit w1 9 eth; "
    (order,) = orders(CoreDesk(opening + "; ".join([*steps, "mark sol 100; mark eth 2000"])).play(when))
    assert order.route == then


def test_a_stop_loss_of_a_protected_wallet_goes_public_after_a_minute() -> None:
    desk = CoreDesk("desk routes public,relay retry 1; w1 type MEVProtection routes relay stop 5; deposit w1 1 eth")
    desk.play("mark eth 1800")
    taken = [known.order.route for known in desk.state.open_orders.values()]
    for _ in range(8):
        desk.play("expire; wait 12000; mark sol 100; mark eth 1800; exits")
        taken += [known.order.route for known in desk.state.open_orders.values()]
    assert taken == [RELAY] * 5 + [PUBLIC] * 4


@pytest.mark.parametrize("seed", range(12))
def test_no_entry_that_must_be_protected_is_public(seed: int) -> None:
    """Whatever is asked, configured, lost and tried again; and all books stay whole."""
    desk, chance = CoreDesk(), RandomCommands(Random(seed), 1 + 4 * (seed % 3 + 1), moves=seed % 4 == 3)
    assert chance.routed
    for command in chance.opening():
        attempt(desk, command)
    for number in range(120):
        desk.now_ns += chance.later_ns()
        attempt(desk, chance.submit(desk) if number % 2 else chance.command(desk))
    assert invariant_problems(desk.state) == []
    entries = [(one.event.signal, order) for one in desk.entries for order in orders((one.event,)) if order.is_entry]
    assert entries
    for signal, order in entries:
        wallet = desk.state.wallets[order.wallet_id].wallet
        assert order.route in wallet.routes
        if signal.mev_protected or order.mev_protected:
            assert order.mev_protected
            assert order.route is RELAY, order
        assert order.tip_max_lamports <= ROUTES[order.route].tip_max_lamports


def test_a_wallet_that_must_be_protected_marks_its_entries_so() -> None:
    desk = CoreDesk("desk routes public,relay; w1 type MEVProtection routes relay")
    (order,) = orders(desk.play("buy eth $300"))
    assert desk.book("w1").wallet.type is MEV_PROTECTION
    assert order.mev_protected


# Tips


def test_a_tip_is_reserved_with_the_fee_and_booked_apart() -> None:
    desk = CoreDesk("desk routes public,relay; w1 routes relay")
    (order,) = orders(desk.play("buy sol $300"))
    assert (order.fee_max_lamports, order.tip_max_lamports) == (150_000, 50_000)
    assert desk.balance("w1/float_held", SOL) == 150_000
    assert desk.state.tips_today_lamports == 50_000
    desk.play("fill fee 5000 tip 12000")
    assert (desk.balance("@fees", SOL), desk.balance("@tips", SOL)) == (5_000, 12_000)
    assert desk.balance("w1/float", SOL) == 10**9 - 17_000
    assert desk.book("w1").realised_micros == -1_700
    assert desk.state.tips_today_lamports == 12_000
    assert invariant_problems(desk.state) == []


def test_a_public_order_reserves_no_tip() -> None:
    (order,) = orders(CoreDesk("desk routes public,relay; w1").play("buy sol $300"))
    assert (order.fee_max_lamports, order.tip_max_lamports) == (100_000, 0)


def test_a_fork_takes_a_tip_back() -> None:
    desk = CoreDesk("desk routes public,relay; w1 routes relay; buy sol $300 id s")
    desk.play("fill s.0.0 provisional fee 5000 tip 12000; roll back s.0.0 as failed fee 5000 tip 9000")
    assert (desk.balance("@fees", SOL), desk.balance("@tips", SOL)) == (5_000, 9_000)
    assert desk.state.tips_today_lamports == 9_000
    assert invariant_problems(desk.state) == []


def test_the_tips_of_a_day_end_with_it_and_open_orders_count_in_the_next() -> None:
    desk = CoreDesk(
        "desk routes public,relay; w1 routes relay; buy sol $300 id s; buy sol $300 id t; fill s.0.0 tip 9000"
    )
    desk.play("wait 86400000; mark sol 100")
    assert desk.state.tips_today_lamports == 50_000
    desk.play("fill t.0.0 tip 7000")
    assert desk.state.tips_today_lamports == 7_000


def test_a_tip_is_at_most_a_share_of_the_notional() -> None:
    desk = CoreDesk("desk routes public,relay; w1 routes relay")
    routing: Routing = structs.replace(desk.state.settings.routing, tip_share_max_ppm=PPM // 1_000)
    desk.do(ConfigureDesk(structs.replace(desk.state.settings, routing=routing)))
    (small,) = orders(desk.play("buy sol $3"))
    assert (small.fee_max_lamports, small.tip_max_lamports) == (130_000, 30_000)


# Health


def test_a_route_that_fails_is_left_after_two_orders_and_tried_again_when_it_has_faded() -> None:
    """The relay is 3 bps cheaper by what is expected of it, and nothing of it lands."""
    desk = CoreDesk("w1 usd 90000 routes public,relay; desk fades 60000")
    routed(desk, Expected(), Expected(990_000, 1, tip_lamports=10_000, tip_max_lamports=50_000))
    taken = []
    for number in range(40):
        desk.play("mark sol 100; mark eth 2000")
        (order,) = orders(desk.play(f"buy sol $300 id r{number}"))
        taken.append(order.route)
        desk.play(f"expire r{number}.0.0" if order.route is RELAY else f"fill r{number}.0.0; wait 10000")
    assert taken[:6] == [RELAY] * 2 + [PUBLIC] * 4
    assert RELAY in taken[6:]
    assert taken.count(RELAY) <= 10
    desk.play("wait 600000; mark sol 100; mark eth 2000")
    recovered = []
    for number in range(6):
        (order,) = orders(desk.play(f"buy sol $300 id h{number}"))
        recovered.append(order.route)
        desk.play(f"fill h{number}.0.0; mark sol 100")
    assert recovered == [RELAY] * 6


def test_the_terms_of_the_route_are_told() -> None:
    desk = CoreDesk("w1 routes public,relay; desk learner off")
    routed(desk, Expected(), Expected(990_000, 1, 5_000, 10_000, 50_000))
    (placed,) = desk.play("buy sol $300")
    assert isinstance(placed, OrderPlaced)
    terms = placed.selection.terms
    assert (round(terms.priority, 6), round(terms.tip, 6)) == (0.016667, 0.033333)
    assert (round(terms.landing, 6), terms.latency, terms.health) == (0.5, 1.0, 0.0)
