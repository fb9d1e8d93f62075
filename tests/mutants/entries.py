"""Bugs in entries: may a wallet take it, which wallet takes it, and what follows a failure."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

LIMITS: Final = "core/entries/broken_limits.py"
DECIDE: Final = "core/decide.py"
ENTERING: Final = "core/entries/entering.py"
INDEX_TEST: Final = "tests/core/entries/test_selection_index.py::test_the_index_equals_the_plain_loop"
SCORE_TEST: Final = (
    "tests/core/books/test_execution_score.py::"
    "test_a_wallet_whose_swaps_fail_is_left_and_it_comes_back_after_it_recovered"
)
RULES_TEST: Final = "tests/core/entries/test_rules.py::test_every_rule_at_its_edge"
LIMITS_TEST: Final = "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table"
FAILOVER_TEST: Final = "tests/core/test_failover.py::test_failover"

ENTRIES: Final = (
    Mutation(
        "position limit off by one",
        LIMITS,
        "if used + notional > limits.position_max_micros",
        "if used + notional > limits.position_max_micros + 1",
        LIMITS_TEST,
        world="plain",
    ),
    Mutation(
        "trades per day off by one",
        LIMITS,
        "book.trades_today + book.entries_open >= limits.trades_per_day_max",
        "book.trades_today + book.entries_open > limits.trades_per_day_max",
        LIMITS_TEST,
        world="plain",
    ),
    Mutation(
        "daily loss refused at its edge, too early",
        LIMITS,
        "(at_stops if at_stops < 0 else 0) > loss_max",
        "(at_stops if at_stops < 0 else 0) >= loss_max",
        RULES_TEST,
    ),
    Mutation(
        "exposure ignores held buys",
        LIMITS,
        "book.positions_micros + book.entries_micros + notional >",
        "book.positions_micros + notional >",
        LIMITS_TEST,
        world="plain",
    ),
    Mutation(
        "reserve float not kept",
        LIMITS,
        "rent_lamports(desk, book, mint) + desk.reserve_float_lamports",
        "rent_lamports(desk, book, mint)",
        RULES_TEST,
        world="chain",
    ),
    Mutation(
        "stale price accepted",
        "core/entries/gate.py",
        "at_ns - min(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        "at_ns - max(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        RULES_TEST,
    ),
    Mutation(
        "notional rounded down",
        "core/entries/request.py",
        "return value_micros_up(base_units(signal.quantity",
        "return -value_micros_up(-base_units(signal.quantity",
        "tests/core/entries/test_request.py::test_a_quantity_is_valued_at_the_mark_and_rounded_up",
        world="plain",
    ),
    Mutation(
        "random order id",
        ENTERING,
        'id=OrderId(f"{signal.id}.{part}.{attempt}")',
        'id=OrderId(f"{signal.id}.{part}.{id(request)}")',
        "tests/core/test_commands.py::test_an_order_has_one_ticket",
        world="plain",
    ),
    Mutation(
        "gate skipped on failover",
        ENTERING,
        "    if not signal_may_enter(state, request, at_ns, received_at_ns):\n",
        "    if failed is None and not signal_may_enter(state, request, at_ns, received_at_ns):\n",
        FAILOVER_TEST,
        world="plain",
    ),
    Mutation(
        "failover to a wallet already tried",
        ENTERING,
        "    choice = index.choose(request, at_ns, (*tried, *taken) if taken else tried)\n",
        "    choice = index.choose(request, at_ns, taken)\n",
        FAILOVER_TEST,
        world="plain",
    ),
    Mutation(
        "failover after a market cause",
        DECIDE,
        "(isinstance(outcome, Rejected) and outcome.cause.of_wallet)",
        "isinstance(outcome, Rejected)",
        FAILOVER_TEST,
    ),
    Mutation(
        "one attempt too many",
        DECIDE,
        "if order.attempt + 1 >= state.settings.attempts_max or",
        "if order.attempt >= state.settings.attempts_max or",
        FAILOVER_TEST,
    ),
    Mutation(
        "dearest wallet chosen",
        "core/entries/selection_index.py",
        "            best = costs.argmin()\n            slot",
        "            best = costs.argmax()\n            slot",
        "tests/core/entries/test_ranking.py::test_the_choice",
        world="plain",
    ),
    Mutation(
        "failed attempts never forgotten",
        "core/books/execution_score.py",
        "return max(0, faded_ppm(missed_ppm, age_ns, half_life_ns) - ALLOWED_PPM)",
        "return max(0, missed_ppm - ALLOWED_PPM)",
        "tests/core/books/test_execution_score.py::test_the_vector_equals_the_scalar_and_stays_within_the_share",
    ),
    Mutation(
        "failed attempts not counted",
        "core/books/execution_score.py",
        "        case Failed() | Expired():\n            return True\n",
        "        case Failed() | Expired():\n            return False\n",
        SCORE_TEST,
    ),
    Mutation(
        "failed attempts of another wallet ranked",
        "core/entries/selection_index.py",
        "excess_all_ppm(self._missed_ppm[candidates],",
        "excess_all_ppm(self._missed_ppm[: len(candidates)],",
        INDEX_TEST,
    ),
    Mutation(
        "index not refreshed after an order closed",
        "core/books/settle/close.py",
        "    refresh_equity(state, book)\n    state.touched.append((book.wallet.id, mint, strategy))\n",
        "    refresh_equity(state, book)\n",
        INDEX_TEST,
        world="plain",
    ),
    Mutation(
        "index not refreshed after an order was placed",
        "core/books/settle/place.py",
        "    state.touched.append((wallet_id, mint, order.strategy))\n",
        "",
        RULES_TEST,
    ),
    Mutation(
        "index not rebuilt after new marks",
        "core/books/aggregates.py",
        "before.items()):\n        state.repriced = True\n",
        "before.items()):\n        state.repriced = False\n",
        INDEX_TEST,
    ),
    Mutation(
        "quote not checked",
        "desk/executor.py",
        "return rejected if rejected is not None else await",
        "return await",
        "tests/desk/test_executor.py::test_a_quote_that_is_off_the_mark_is_not_signed",
        world="plain",
    ),
    Mutation(
        "loss of the day closes nothing",
        "core/control/breakers.py",
        "            for mint in [mint for mint in book.positions if mint not in book.closing]:\n",
        "            for mint in list(book.closing):\n",
        "tests/core/control/test_breakers.py::test_a_loss_of_the_day_closes_what_is_open_once_two_marks_show_it",
    ),
)
