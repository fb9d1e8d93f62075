"""Bugs in sales: whose lots they take, what a fork gives back, and what becomes of dust."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

OWNERS: Final = "core/books/settle/owners.py"
POSITIONS: Final = "core/books/positions.py"
FORK: Final = "core/books/settle/fork.py"
DUST: Final = "core/exits/dust.py"
SCOPE_TEST: Final = "tests/core/exits/test_scope.py::"
DUST_TEST: Final = "tests/core/exits/test_dust.py::"

LOTS: Final = (
    Mutation(
        "sale takes the lots of another strategy",
        OWNERS,
        "    if order.scope is SaleScope.STRATEGY:\n",
        "    if order.scope is None:\n",
        f"{SCOPE_TEST}test_the_oldest_lots_of_the_strategy_leave_with_their_own_cost",
    ),
    Mutation(
        "sale offered the lots of another strategy",
        "core/exits/exit_rules.py",
        "    return signal.strategy if own else None\n",
        "    return signal.strategy if own and not signal.id else None\n",
        f"{SCOPE_TEST}test_whose_lots_a_sale_may_take",
    ),
    Mutation(
        "lots of an open sale not left out",
        POSITIONS,
        "passed = min(lot.units, kept.get(lot.owner, 0))",
        "passed = 0",
        f"{SCOPE_TEST}test_the_oldest_lots_are_left_where_another_sale_has_reserved_them",
    ),
    Mutation(
        "lots of a closed sale stay reserved",
        "core/books/settle/close.py",
        "        release_lots(book, token.mint, known.shares)\n",
        "        pass\n",
        "tests/core/books/test_ledger_properties.py::test_long_scripts_keep_the_books",
    ),
    Mutation(
        "newest lot of a strategy sold first",
        POSITIONS,
        "        for place, lot in enumerate(self.lots):\n            taken[place] = min",
        "        for place, lot in reversed([*enumerate(self.lots)]):\n            taken[place] = min",
        f"{SCOPE_TEST}test_the_oldest_lots_of_the_strategy_leave_with_their_own_cost",
    ),
    Mutation(
        "fork gives sold lots to the seller",
        FORK,
        "    if not known.lots:  # Under",
        "    if known.lots or not known.lots:  # Under",
        f"{SCOPE_TEST}test_a_sale_that_a_fork_undid_gives_each_lot_back_to_its_owner",
    ),
    Mutation(
        "undone buy takes the newest lot of anybody",
        FORK,
        "taken = take_bought(state, book, token, order) if by_owner else true_up(state, book, token)",
        "taken = true_up(state, book, token)",
        f"{SCOPE_TEST}test_a_buy_undone_after_its_lot_was_sold_takes_other_lots_of_its_strategy_first",
    ),
    Mutation(
        "dust takes the place of a position",
        "core/books/book.py",
        "held = len(self.positions) - len(self.dust)",
        "held = len(self.positions)",
        f"{DUST_TEST}test_dust_takes_no_place",
    ),
    Mutation(
        "token without a price counts as dust",
        "core/books/aggregates.py",
        "is_dust = price_pico > 0 and position",
        "is_dust = position",
        f"{DUST_TEST}test_what_is_not_written_off",
    ),
    Mutation(
        "sale leaves dust",
        DUST,
        "return sellable if price_pico and value_micros(rest, price_pico, decimals) < bound else units",
        "return units",
        f"{DUST_TEST}test_a_sale_leaves_no_dust",
    ),
    Mutation(
        "more than dust written off",
        DUST,
        "    if mint not in book.dust:\n",
        "    if mint not in book.positions:\n",
        f"{DUST_TEST}test_what_is_not_written_off",
    ),
    Mutation(
        "dust written off that a fork may change",
        DUST,
        " for one in state.provisional.values()):",
        " for one in ()):",
        f"{DUST_TEST}test_what_is_not_written_off",
    ),
    Mutation(
        "written-off units leave the wallet in the books",
        "core/books/settle/capital.py",
        "book.accounts.free, book.accounts.written_off)",
        "book.accounts.free, DEPOSITS)",
        f"{DUST_TEST}test_a_write_off_ends_the_position_and_keeps_the_units_apart",
    ),
    Mutation(
        "signal with an unknown field accepted",
        "signals/decode.py",
        "    if not fields.keys() <= FIELDS:\n",
        "    if not fields:\n",
        "tests/signals/test_signals.py::test_a_misnamed_field_trades_nothing",
    ),
)
