"""Bugs in the books: what is reserved, settled, undone by a fork, and counted by the day."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

CLOSE: Final = "core/books/settle/close.py"
PLACE: Final = "core/books/settle/place.py"
FORK: Final = "core/books/settle/fork.py"
DECIDE: Final = "core/decide.py"
OPEN_TEST: Final = "tests/core/test_day.py::test_open_orders_live_through_midnight"
FORK_TEST: Final = "tests/core/books/test_forks.py::test_the_books_after_a_fork"
LOTS_TEST: Final = "tests/core/books/test_positions.py::test_the_oldest_units_leave_first"

BOOKS: Final = (
    Mutation(
        "reservation of the capital dropped",
        PLACE,
        "    ledger.transfer(order.spend.units, order.spend.mint, accounts.free, accounts.held)\n",
        "",
        OPEN_TEST,
        world="plain",
    ),
    Mutation(
        "reservation of fees and rent dropped",
        PLACE,
        "    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        OPEN_TEST,
        world="plain",
    ),
    Mutation(
        "reservation released twice",
        CLOSE,
        "    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "    for _ in range(2):\n"
        "        ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "tests/core/test_day.py::test_counters_begin_anew_and_totals_go_on",
        world="plain",
    ),
    Mutation(
        "loss in flight forgotten",
        PLACE,
        "        book.loss_in_flight_micros += order.loss_max_micros\n",
        "",
        "tests/core/entries/test_rules.py::test_every_rule_at_its_edge",
        world="plain",
    ),
    Mutation(
        "fee of a failed transaction not booked",
        CLOSE,
        "            return Booked(pay_costs(state, book, fee, 0, tip))\n",
        "            return Booked()\n",
        FORK_TEST,
        world="plain",
    ),
    Mutation(
        "rent not booked",
        CLOSE,
        "outcome, pay_costs(state, book, fee, rent, tip), ",
        "outcome, pay_costs(state, book, fee, 0, tip), ",
        FORK_TEST,
        world="plain",
    ),
    Mutation(
        "cost of a split lot rounded up",
        "core/books/positions.py",
        "units, lot.cost_micros * units // lot.units,",
        "units, -(-lot.cost_micros * units // lot.units),",
        LOTS_TEST,
    ),
    Mutation(
        "newest lot sold first",
        "core/books/positions.py",
        "        assert 0 < units <= self.units, (units, self.units)\n        whole, left = 0, units\n",
        "        self.lots.reverse()\n        whole, left = 0, units\n",
        LOTS_TEST,
    ),
    Mutation(
        "deposit applied twice",
        "core/control/configuration.py",
        "    if deposit.deposit_id in state.deposits:\n",
        "    if deposit.deposit_id in ():\n",
        "tests/core/books/test_ledger_properties.py::test_long_scripts_keep_the_books",
        world="plain",
    ),
    Mutation(
        "day rolled twice",
        "core/control/day.py",
        "at_ns // DAY_NS > state.day and",
        "at_ns // DAY_NS >= state.day and",
        "tests/core/test_day.py::test_the_day_rolls_once_over_any_number_of_commands_and_days",
        world="plain",
    ),
    Mutation(
        "day rolls backwards with the clock",
        "core/control/day.py",
        "at_ns // DAY_NS > state.day and",
        "at_ns // DAY_NS != state.day and",
        "tests/core/test_day.py::test_it_never_rolls_backwards",
    ),
    Mutation(
        "day's base of unrealised not renewed",
        "core/books/apply.py",
        "        book.unrealised_base_micros = book.unrealised_micros\n",
        "",
        "tests/core/test_day.py::test_unrealised_losses_count_from_the_marks_of_midnight",
        world="plain",
    ),
    Mutation(
        "undone twice",
        FORK,
        "    known = state.provisional.pop(order_id)\n    order, token",
        "    known = state.provisional[order_id]\n    order, token",
        "tests/core/books/test_forks.py::test_an_outcome_becomes_final_once",
    ),
    Mutation(
        "fee kept when a fork undid it",
        FORK,
        "    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)\n",
        "",
        FORK_TEST,
    ),
    Mutation(
        "debt of a fork without quarantine",
        DECIDE,
        "        if book.in_suspense:\n",
        "        if book.in_suspense and not book.wallet.id:\n",
        "tests/core/books/test_forks.py::test_a_debt_by_an_outcome_is_quarantined_too",
    ),
    Mutation(
        "recovered wallets out of their order",
        "core/books/state.py",
        "    state.wallets = dict(sorted(state.wallets.items(), key=lambda item: item[1].slot))\n",
        "",
        "tests/core/entries/test_selection_index.py::test_after_a_snapshot_a_slot_still_means_the_same_wallet",
        world="plain",
    ),
    Mutation(
        "lots of an open sale not left out",
        "core/books/positions.py",
        "if skipped := passed.get(owner, 0):",
        "if skipped := 0:",
        "tests/core/exits/test_scope.py::test_the_oldest_lots_are_left_where_another_sale_has_reserved_them",
    ),
    Mutation(
        "newest lot of a strategy sold first",
        "core/books/positions.py",
        "        for place, lot in enumerate(self.lots):\n            owner, part",
        "        for place, lot in reversed([*enumerate(self.lots)]):\n            owner, part",
        "tests/core/exits/test_scope.py::test_the_oldest_lots_of_the_strategy_leave_with_their_own_cost",
    ),
    Mutation(
        "dust written off that a fork may change",
        "core/exits/dust.py",
        " for one in state.provisional.values()):",
        " for one in ()):",
        "tests/core/exits/test_dust.py::test_what_is_not_written_off",
    ),
)
