"""Bugs in what is learned of outcomes, and in what it may decide."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

LEARNER_TESTS: Final = "tests/core/entries/test_learner.py::"
MODE_TESTS: Final = "tests/core/control/test_learner_mode.py::"
DRAWING_TESTS: Final = "tests/core/entries/test_drawing.py::"
DRAWING: Final = "core/entries/drawing.py"
INDEX: Final = "core/entries/selection_index.py"

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
        "favoured = best if corrected.argmin() == best else self._cheapest(request, at_ns, slots, corrected)",
        "favoured = int(corrected.argmin())",
        LEARNER_TESTS + "test_a_learner_that_is_on_never_passes_the_gate_by",
    ),
    Mutation(
        "learner: the correction has no bound",
        "core/learning/forecast.py",
        "np.minimum(np.maximum(learned - nominal, -CORRECTION_MAX), CORRECTION_MAX)",
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
        "explores=not excluded and among is None)",
        "explores=among is None)",
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
        "learner: loses on when its budget is spent",
        "core/control/learner.py",
        "    if is_spent(rules, standing):",
        "    if False:",
        MODE_TESTS + "test_a_learner_that_lost_its_budget_falls_back_until_somebody_looks",
    ),
    Mutation(
        "learner: decides on with forecasts that are worse than configured",
        "core/learning/standing.py",
        "return found.outcomes >= JUDGED_MIN and found.worse_ppm > rules.worse_max_ppm",
        "return False",
        MODE_TESTS + "test_forecasts_that_are_worse_than_the_configured_ones_make_it_fall_back",
    ),
    Mutation(
        "learner: a start heals what fell back",
        "core/control/learner.py",
        "return None if old is None or old.routing.learner is desk.routing.learner else state.learner_mode",
        "return None if old is None else state.learner_mode",
        MODE_TESTS + "test_who_sets_the_mode",
    ),
    Mutation(
        "learner: the canary decides every signal",
        DRAWING,
        "return draw_ppm(CANARY + rules.seed, signal_id) < rules.canary_ppm",
        "return True",
        MODE_TESTS + "test_a_canary_decides_its_share_of_the_signals_and_no_other",
    ),
    Mutation(
        "learner: a forecast is kept for ever",
        "core/books/lessons.py",
        "forecast = forecasts.pop(order.id, None) if forecasts else None",
        "forecast = forecasts.get(order.id) if forecasts else None",
        MODE_TESTS + "test_each_forecast_is_scored_once_and_then_forgotten",
    ),
    Mutation(
        "learner: an operator may let it decide while it is not trusted",
        "core/control/learner.py",
        "    if change.mode in LEARNER_DECIDES and fault is not None:",
        "    if False:",
        MODE_TESTS + "test_a_learner_that_lost_its_budget_falls_back_until_somebody_looks",
    ),
    Mutation(
        "learner's report: concludes from too little support",
        "views/learning/off_policy.py",
        "    if effective < ESS_MIN:",
        "    if False:",
        "tests/views/learning/test_off_policy.py::test_too_little_support_concludes_nothing",
    ),
    Mutation(
        "learner's report: forgets the chance that a choice had",
        "views/learning/off_policy.py",
        "weights = np.array([one.agrees / one.propensity for one in drawn])",
        "weights = np.array([one.agrees / 1.0 for one in drawn])",
        "tests/views/learning/test_off_policy.py::test_without_noise_all_three_agree_with_the_truth",
    ),
    Mutation(
        "learner's report: a second attempt counts as a choice",
        "views/learning/samples.py",
        "                if order.attempt == 0:",
        "                if True:",
        "tests/views/learning/test_report.py::test_a_sample_has_what_was_journaled_of_the_choice",
    ),
)
