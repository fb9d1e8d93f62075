"""Bugs in what is learned of outcomes, and in what it may decide."""

from __future__ import annotations

from typing import Final

from tests.mutants.entries import INDEX_TEST, RULES_TEST
from tests.mutants.mutation import Mutation

LEARNER_TESTS: Final = "tests/core/entries/test_learner.py::"
DRAWING_TESTS: Final = "tests/core/entries/test_drawing.py::"
DRAWING: Final = "core/entries/drawing.py"
INDEX: Final = "core/entries/selection_index.py"
ROUTES: Final = "core/entries/routes.py"
ROUTES_TESTS: Final = "tests/core/entries/test_routes.py::"

ROUTING_BUGS: Final = (
    Mutation(
        "learner: a provisional outcome teaches already",
        "core/books/settle/close.py",
        "    if not provisional:\n        learn(",
        "    if True:\n        learn(",
        LEARNER_TESTS + "test_each_entry_teaches_once_when_no_fork_can_undo_it",
    ),
    Mutation(
        "learner: shadow decides",
        INDEX,
        "        decides = learner_decides(state, request.signal.id)\n",
        "        decides = True\n",
        LEARNER_TESTS + "test_shadow_tells_what_it_would_choose_and_decides_nothing",
    ),
    Mutation(
        "learner: passes the gate by",
        INDEX,
        "        favoured = self._cheapest(request, at_ns, candidates, corrected)\n",
        "        favoured = int(corrected.argmin())\n",
        LEARNER_TESTS + "test_a_learner_that_is_on_never_passes_the_gate_by",
    ),
    Mutation(
        "learner: the correction has no bound",
        "core/learning/forecast.py",
        "np.clip(learned - nominal, -CORRECTION_MAX, CORRECTION_MAX)",
        "learned - nominal",
        "tests/core/learning/test_forecast.py::test_a_correction_is_at_most_25_basis_points",
    ),
    Mutation(
        "learner: a clock that stepped back makes a belief surer",
        "core/learning/belief.py",
        "max(0, at_ns - belief.at_ns)",
        "(at_ns - belief.at_ns)",
        "tests/core/learning/test_learned.py::test_a_clock_that_stepped_back_makes_nothing_surer",
    ),
    Mutation(
        "learner: what is unsure changes the order",
        "core/learning/choice.py",
        "return gap * APART > deviation",
        "return gap > 0",
        "tests/core/learning/test_forecast.py::test_a_gap_below_a_quarter_of_its_deviation_leaves_the_order",
    ),
    Mutation(
        "exploring: a retry explores",
        INDEX,
        "explores = not excluded and among is None and may_explore(",
        "explores = may_explore(",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: an entry above the cap explores",
        DRAWING,
        "if not rules.explore_ppm or notional > rules.explore_max_micros:",
        "if not rules.explore_ppm:",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: a careful wallet is explored with",
        DRAWING,
        "if place == preferred or book.wallet.type in CAREFUL:",
        "if place == preferred:",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: passes the gate by",
        DRAWING,
        "if wallet_may_enter(state, book, request, at_ns):",
        "if True:",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: more signals than their share",
        DRAWING,
        "if (standing.explored_today + 1) * PPM > (standing.signals_today + 1) * rules.explore_ppm:",
        "if False:",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: more of the day's amount than its share",
        DRAWING,
        "if explored * PPM > entered * rules.explore_day_ppm:",
        "if False:",
        DRAWING_TESTS + "test_no_more_signals_and_no_more_of_the_amount_explore_than_their_share",
    ),
    Mutation(
        "exploring: goes on when the loss budget is spent",
        DRAWING,
        "return not is_spent(rules, standing) and not is_at_risk(state)",
        "return not is_at_risk(state)",
        DRAWING_TESTS + "test_a_day_whose_loss_budget_is_spent_explores_no_more",
    ),
    Mutation(
        "exploring: goes on while the portfolio is at risk",
        DRAWING,
        "return not is_spent(rules, standing) and not is_at_risk(state)",
        "return not is_spent(rules, standing)",
        DRAWING_TESTS + "test_who_may_be_drawn",
    ),
    Mutation(
        "exploring: the others have more than their share together",
        "core/learning/choice.py",
        "others = [(p, share_ppm * MICRO",
        "others = [(p, PPM * MICRO",
        DRAWING_TESTS + "test_chances_are_exact_and_bounded",
    ),
    Mutation(
        "protection: the gate asks for no protected route",
        "core/entries/gate.py",
        "and not entry_routes(state, wallet, signal)",
        "and False",
        ROUTES_TESTS + "test_which_routes_the_gate_allows",
    ),
    Mutation(
        "protection: a protected entry may take any route of the wallet",
        ROUTES,
        "if (route.protects or not protected) and is_open(state, route)",
        "if is_open(state, route)",
        ROUTES_TESTS + "test_which_routes_the_gate_allows",
    ),
    Mutation(
        "protection: the type of a wallet does not count",
        ROUTES,
        "return signal.mev_protected or wallet.type is MEV_PROTECTION",
        "return signal.mev_protected",
        ROUTES_TESTS + "test_which_routes_the_gate_allows",
    ),
    Mutation(
        "protection: the wish of a signal does not count",
        ROUTES,
        "return signal.mev_protected or wallet.type is MEV_PROTECTION",
        "return wallet.type is MEV_PROTECTION",
        ROUTES_TESTS + "test_which_routes_the_gate_allows",
    ),
    Mutation(
        "protection: the choice compares a public route for a protected signal",
        "core/entries/route_places.py",
        "return route.protects or not signal.mev_protected",
        "return True",
        ROUTES_TESTS + "test_no_entry_that_must_be_protected_is_public",
    ),
    Mutation(
        "protection: the choice compares a public route for a wallet that must be protected",
        "core/entries/route_places.py",
        "(route.protects or one.wallet.type is not MEV_PROTECTION)",
        "True",
        ROUTES_TESTS + "test_which_route_an_entry_takes",
    ),
    Mutation(
        "protection: a part of a buy is sent by the public route",
        "core/entries/entering_parts.py",
        "(), choice.route, part, len(placings)),",
        "(), type(choice.route).PUBLIC, part, len(placings)),",
        ROUTES_TESTS + "test_which_route_an_entry_takes",
    ),
    Mutation(
        "protection: the next attempt is sent by the public route",
        "core/entries/entering.py",
        "attempt, tried, choice.route, part, parts)",
        "attempt, tried, type(choice.route).PUBLIC, part, parts)",
        ROUTES_TESTS + "test_which_route_an_entry_takes",
    ),
    Mutation(
        "protection: paper quotes a protected entry by the public route",
        "venues/paper.py",
        "if order.mev_protected and order.is_entry and not order.route.protects:",
        "if False:",
        "tests/venues/test_paper_routes.py::test_an_entry_that_must_be_protected_gets_no_public_quote",
    ),
    Mutation(
        "protection: an exit waits for its protected route for ever",
        ROUTES,
        "return route if waited_ns < desk.routing.exit_public_after_ns else RouteName.PUBLIC",
        "return route",
        ROUTES_TESTS + "test_which_route_an_exit_takes",
    ),
    Mutation(
        "protection: an exit begins to wait anew with each try",
        "core/books/settle/routed.py",
        "and not waits(state, book, order.mint, at_ns):",
        ":",
        ROUTES_TESTS + "test_a_stop_loss_of_a_protected_wallet_goes_public_after_a_minute",
    ),
    Mutation(
        "protection: a wallet that must be protected may be configured as public",
        "config/routes.py",
        "known.wallet.type is MEV_PROTECTION and RouteName.RELAY not in routes:",
        "False:",
        "tests/config/test_routes.py::test_a_wallet_that_must_be_protected_cannot_be_public_alone",
    ),
    Mutation(
        "tips: not reserved",
        "core/entries/routes.py",
        "return desk.costs.fee_max_lamports - desk.routing.tip_max_lamports + tip_lamports",
        "return desk.costs.fee_max_lamports - desk.routing.tip_max_lamports",
        ROUTES_TESTS + "test_a_tip_is_reserved_with_the_fee_and_booked_apart",
    ),
    Mutation(
        "tips: the day has no cap",
        ROUTES,
        "return not expected.tip_max_lamports or tips_fit(state, (route,))",
        "return True",
        RULES_TEST,
    ),
    Mutation(
        "tips: the parts of a buy do not keep the cap of the day together",
        "core/entries/entering_parts.py",
        "if not tips_fit(",
        "if False and not tips_fit(",
        ROUTES_TESTS + "test_which_route_an_entry_takes",
    ),
    Mutation(
        "tips: an open order does not count in those of the day",
        "core/books/settle/routed.py",
        "state.tips_today_lamports += order.tip_max_lamports",
        "pass",
        RULES_TEST,
    ),
    Mutation(
        "tips: not booked",
        "core/books/settle/close.py",
        "    if tip_lamports:\n",
        "    if False:\n",
        ROUTES_TESTS + "test_a_tip_is_reserved_with_the_fee_and_booked_apart",
    ),
    Mutation(
        "tips: a fork does not give them back",
        "core/books/settle/fork.py",
        "    state.ledger.transfer(tip, SOL, TIPS, book.accounts.sol_float)\n",
        "",
        ROUTES_TESTS + "test_a_fork_takes_a_tip_back",
    ),
    Mutation(
        "routes: one that fails is never left",
        "core/books/route_health.py",
        "health.missed_ppm = moved_ppm(missed_ppm, not landed)",
        "health.missed_ppm = 0",
        ROUTES_TESTS + "test_a_route_that_fails_is_left_after_two_orders_and_tried_again_when_it_has_faded",
    ),
    Mutation(
        "routes: the vector forgets what a route costs",
        "core/entries/route_places.py",
        "totals.append(costs[taken] + terms.total)",
        "totals.append(costs[taken])",
        INDEX_TEST,
    ),
)
