"""Bugs in what is learned of outcomes, and in what it may decide."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

LEARNER_TESTS: Final = "tests/core/entries/test_learner.py::"
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
        "        decides = common.desk.routing.learner is LearnerMode.ON\n",
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
)
