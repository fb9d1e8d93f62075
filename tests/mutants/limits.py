"""Bugs in the limits of a day, in the smallest and the dearest entry, and in what is told of them."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

BREAKERS: Final = "core/control/breakers.py"
DAY: Final = "core/control/day.py"
DAY_TEST: Final = "tests/core/test_day.py::test_the_day_rolls_with_its_first_marks"
RULES_TEST: Final = "tests/core/entries/test_rules.py::test_every_rule_at_its_edge"
COLUMNS_TEST: Final = "tests/core/books/test_valuation.py::test_the_columns_equal_the_plain_loop"

LIMITS: Final = (
    Mutation(
        "risk of open positions forgotten",
        "core/entries/broken_limits.py",
        "at_stops = pnl - book.at_risk_micros if desk.booking_rules >= AT_RISK_RULES else pnl",
        "at_stops = pnl",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "risk of open positions forgotten in the capacity",
        "core/entries/capacity.py",
        "at_stops = pnl - book.at_risk_micros if desk.booking_rules >= AT_RISK_RULES else pnl",
        "at_stops = pnl",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "trailing stop left out of the risk",
        "core/books/triggers.py",
        "        highest = trail if highest is None else max(highest, trail)\n",
        "        pass\n",
        COLUMNS_TEST,
    ),
    Mutation(
        "risk not moved by marks",
        "core/books/aggregates.py",
        "        book.at_risk_micros += micros\n",
        "",
        COLUMNS_TEST,
    ),
    Mutation(
        "one outlier mark closes everything",
        BREAKERS,
        "max(before[mint], marks[mint].price_pico)",
        "marks[mint].price_pico",
        "tests/core/control/test_breakers.py::test_a_loss_of_the_day_closes_what_is_open_once_two_marks_show_it",
    ),
    Mutation(
        "smallest entry not asked for",
        "core/entries/gate.py",
        "        or 0 < notional < desk.order_min_micros\n",
        "",
        RULES_TEST,
        world="plain",
    ),
    Mutation(
        "expected cost not asked for",
        "core/entries/broken_limits.py",
        "    if cost_max_bps and notional > 0 and",
        "    if cost_max_bps and notional > 10**18 and",
        RULES_TEST,
        world="plain",
    ),
    Mutation(
        "rent expected by each open buy",
        "core/entries/costs.py",
        "(mint not in book.entries or desk.booking_rules < RENT_ONCE_RULES)",
        "True",
        "tests/core/entries/test_sizing.py::test_each_limit_caps_it",
        world="plain",
    ),
    Mutation(
        "rent paid twice on paper",
        "venues/paper.py",
        "maker == order.id or self._clock",
        "True or self._clock",
        "tests/venues/test_paper.py::test_two_open_orders_pay_the_rent_of_one_account_once",
    ),
    Mutation(
        "sale counted in the trades of the day",
        "core/books/settle/close.py",
        "    if order.side is SELL and state.settings.booking_rules >= ENTRIES_RULES:\n",
        "    if False:\n",
        "tests/core/control/test_breakers.py::test_a_reached_limit_adds_its_hold",
        world="plain",
    ),
    Mutation(
        "used-up trades hold withdrawals",
        "core/control/holds.py",
        "sorted(cause for cause in holds if cause != DAY_TRADES)",
        "sorted(holds)",
        "tests/core/control/test_sending.py::test_what_may_be_sent",
    ),
    Mutation(
        "shortfall rounded in our favour",
        "core/books/settle/close.py",
        "booking_rules >= ROUNDED_AGAINST_US_RULES else",
        "booking_rules > ROUNDED_AGAINST_US_RULES else",
        "tests/core/test_commands.py::test_the_shortfall_is_against_the_mark_of_the_decision_and_worse_is_positive",
    ),
    Mutation(
        "wallet that can never take it leads a refusal",
        "core/entries/refusing.py",
        "    return _never(refusals), -PRECEDENCE",
        "    return False, -PRECEDENCE",
        "tests/core/entries/test_rules.py::test_a_refusal_leads_with_what_would_have_to_change",
    ),
    Mutation(
        "unknown excluded wallet accepted",
        "signals/decode.py",
        'form.ids("exclude_wallets", wallets)',
        'form.ids("exclude_wallets")',
        "tests/signals/test_signals.py::test_a_wallet_that_does_not_exist_is_an_error",
    ),
    Mutation(
        "day rolls before its marks",
        DAY,
        "(isinstance(command, Withdraw) or not _marks_are_fresh(state, at_ns))",
        "True",
        DAY_TEST,
    ),
    Mutation(
        "day waits for marks that never come",
        DAY,
        "(isinstance(command, Withdraw) or not _marks_are_fresh(state, at_ns))",
        "isinstance(command, Withdraw)",
        DAY_TEST,
    ),
    Mutation(
        "withdrawal counted in the day before",
        DAY,
        "(isinstance(command, Withdraw) or not _marks_are_fresh(state, at_ns))",
        "not _marks_are_fresh(state, at_ns)",
        DAY_TEST,
    ),
    Mutation(
        "hold of the day lifted before the day rolls",
        "core/control/holds.py",
        " and not (waits and timed.until_ns == day_ends_ns)",
        "",
        "tests/core/test_day.py::test_until_it_rolls_the_limits_are_those_of_the_day_before",
    ),
    Mutation(
        "suspense left out of the bridge",
        "views/bridge.py",
        "equity_usd=_exact(state.equity_micros + suspense)",
        "equity_usd=_exact(state.equity_micros)",
        "tests/views/test_bridge.py::test_what_a_fork_took_back_after_it_was_sold_stands_in_suspense",
    ),
    Mutation(
        "hold that comes back not told",
        "views/targets.py",
        "[] if state.desk is None else returning(state, scope, state.at_ns)",
        "[]",
        "tests/views/test_targets.py::test_what_is_said_to_come_back_does",
    ),
)
