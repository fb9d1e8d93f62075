"""Bugs in the limits that money rules add: the day's loss, the costs, and what the day's trades stop."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

LIMITS: Final = "core/entries/broken_limits.py"
BREAKERS: Final = "core/control/breakers.py"
HOLDS: Final = "core/control/holds.py"
RULES_TEST: Final = "tests/core/entries/test_rules.py::test_every_rule_at_its_edge"

LIMIT_BUGS: Final = (
    Mutation(
        "losses down to the stops not counted",
        LIMITS,
        "pnl - book.at_risk_micros if desk",
        "pnl if desk",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "entry that is too small accepted",
        "core/entries/gate.py",
        "        or 0 < notional < desk.order_min_micros\n",
        "",
        RULES_TEST,
    ),
    Mutation(
        "entry that is too dear accepted",
        LIMITS,
        "expected_cost_bps(state, book, ask) > cost_max_bps",
        "expected_cost_bps(state, book, ask) > cost_max_bps + 1",
        RULES_TEST,
    ),
    Mutation(
        "rent of an account expected of each open buy",
        "core/entries/costs.py",
        "(mint not in book.entries or desk.booking_rules < RENT_ONCE_RULES)",
        "True",
        RULES_TEST,
    ),
    Mutation(
        "sale counts as a trade of the day",
        "core/books/settle/close.py",
        "    if state.settings.booking_rules >= ENTRIES_RULES and not order.is_entry:\n",
        "    if state.settings.booking_rules < 0:\n",
        RULES_TEST,
    ),
    Mutation(
        "used-up trades of the day stop moves of capital",
        HOLDS,
        "if cause != DAY_TRADES)",
        "if cause)",
        "tests/core/control/test_sending.py::test_what_may_be_sent",
    ),
    Mutation(
        "positions closed for a loss that one mark shows",
        BREAKERS,
        "max(before[mint], marks[mint].price_pico)",
        "marks[mint].price_pico",
        "tests/core/control/test_breakers.py::test_one_outlier_mark_holds_and_closes_nothing",
    ),
    Mutation(
        "loss of the day closes nothing",
        BREAKERS,
        "            for mint in [mint for mint in book.positions if mint not in book.closing]:\n",
        "            for mint in list(book.closing):\n",
        "tests/core/control/test_breakers.py::test_a_loss_of_the_day_closes_what_is_open_once_two_marks_show_it",
    ),
)
