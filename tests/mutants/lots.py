"""Bugs in whose lots a sale takes, in dust, and in the fields of a signal."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

LOTS: Final = (
    Mutation(
        "lots: what comes back stands behind lots of the same time",
        "core/books/positions.py",
        "sorted([*lots, *self.lots]",
        "sorted([*self.lots, *lots]",
        "tests/core/books/test_lots.py::test_an_undone_sale_gives_back_what_the_plain_form_gives",
    ),
    Mutation(
        "lots: reserved units sold again where all are of one owner",
        "core/books/positions.py",
        "free = self.units - reserved.get(owner, 0)",
        "free = self.units",
        "tests/core/books/test_lots.py::test_reserved_units_of_a_single_owner_are_left_out",
    ),
    Mutation(
        "signal: unknown field ignored",
        "signals/validation.py",
        "            elif name not in ignored:\n",
        "            elif name in ignored:\n",
        "tests/signals/test_signals.py::test_an_unknown_field_is_refused_whatever_it_holds",
    ),
    Mutation(
        "signal: misspelt field ignored when listed",
        "signals/validation.py",
        "            if name in known:\n                continue\n",
        "            if name in known or name in ignored:\n                continue\n",
        "tests/signals/test_signals.py::test_an_ignored_field_is_ignored_and_a_misspelt_known_one_never",
    ),
    Mutation(
        "signal: telling field may be ignored",
        "config/variables/signals.py",
        "            if (part := telling_part(name)) is not None:\n",
        "            if (part := telling_part(name)) is not None and len(names) > 1:\n",
        "tests/config/test_variables.py::test_a_field_that_may_bear_on_a_trade_is_never_ignored",
    ),
    Mutation(
        "signal: sale without an amount sells all",
        "core/exits/selling.py",
        "return held_units if signal.sell_all or state.settings.booking_rules < 2 else 0",
        "return held_units",
        "tests/core/exits/test_scope.py::test_a_sale_without_an_amount_is_refused",
    ),
    Mutation(
        "lots: any strategy may sell",
        "core/exits/exit_rules.py",
        "            return signal.strategy\n",
        '            return signal.strategy if signal.sell_all else ""\n',
        "tests/core/exits/test_scope.py::test_whose_lots_a_sale_may_take",
    ),
    Mutation(
        "lots: open sales not counted",
        "core/books/book.py",
        "owned - sum(units for owner, units in reserved.items() if owns(seller, owner))",
        "owned",
        "tests/core/exits/test_scope.py::test_whose_lots_a_sale_may_take",
    ),
    Mutation(
        "lots: desk's sale takes reserved lots",
        "core/books/settle/owners.py",
        "position.shares_of_oldest(units, book.reserved.get(order.mint, {}), ",
        "position.shares_of_oldest(units, {}, ",
        "tests/core/exits/test_scope.py::test_whose_lots_a_sale_may_take",
    ),
    Mutation(
        "lots: oldest of any sold",
        "core/books/settle/owners.py",
        "    several = len(position.units_by) > 1 or",
        "    several = len(position.units_by) > 9 or",
        "tests/core/exits/test_scope.py::test_the_oldest_lots_of_the_strategy_leave_with_their_own_cost",
    ),
    Mutation(
        "lots: reservation kept after the outcome",
        "core/books/settle/close.py",
        "        release_lots(book, token.mint, known.shares)\n",
        "        pass\n",
        "tests/core/exits/test_scope.py::test_what_an_open_sale_has_reserved_is_left_by_the_sale_after_it",
    ),
    Mutation(
        "lots: undone sale given to the seller",
        "core/books/settle/close.py",
        "            [*booked.sold] if known.shares else [],\n",
        "            [],\n",
        "tests/core/exits/test_scope.py::test_a_sale_that_a_fork_undid_gives_each_lot_back_to_its_owner",
    ),
    Mutation(
        "lots: undone buy takes the newest lot",
        "core/books/settle/fork.py",
        "taken = take_bought(state, book, token, order, known.source) if by_owner else true_up(state, book, token)",
        "taken = true_up(state, book, token)",
        "tests/core/exits/test_scope.py::test_a_buy_that_a_fork_undid_takes_its_own_lot",
    ),
    Mutation(
        "dust: takes a place",
        "core/books/book.py",
        "(mint in self.positions and mint not in self.dust)",
        "mint in self.positions",
        "tests/core/exits/test_dust.py::test_dust_takes_no_place",
    ),
    Mutation(
        "dust: not noticed at a mark",
        "core/books/valuation.py",
        "        rows.dust[flipped] ^= 1\n",
        "        flipped &= False\n",
        "tests/core/exits/test_dust.py::test_dust_takes_no_place",
    ),
    Mutation(
        "dust: position without a price is dust",
        "core/books/aggregates.py",
        "price_pico > 0 and value < desk.dust_micros",
        "value < desk.dust_micros",
        "tests/core/exits/test_dust.py::test_dust_takes_no_place",
    ),
    Mutation(
        "dust: left by a sale",
        "core/exits/dust.py",
        "    return sellable if price_pico and value_micros(rest, price_pico, decimals) < bound else units\n",
        "    return units if price_pico and value_micros(rest, price_pico, decimals) < bound else units\n",
        "tests/core/exits/test_dust.py::test_a_sale_leaves_no_dust",
    ),
    Mutation(
        "dust: close never ends",
        "core/exits/dust.py",
        "mint in book.closing and mint in book.dust:\n",
        "mint in book.closing and mint not in book.positions:\n",
        "tests/core/exits/test_dust.py::test_a_close_of_dust_ends_after_one_try",
    ),
    Mutation(
        "dust: more than dust written off",
        "core/exits/dust.py",
        "    if mint not in book.dust:\n",
        "    if mint not in book.positions:\n",
        "tests/core/exits/test_dust.py::test_what_is_not_written_off",
    ),
    Mutation(
        "dust: written-off units are missing on the chain",
        "core/books/ledger.py",
        "        return (self.free, self.held, self.suspense, *floats, self.written_off)\n",
        "        return (self.free, self.held, self.suspense, *floats)\n",
        "tests/core/exits/test_dust.py::test_a_write_off_ends_the_position_and_keeps_the_units_apart",
    ),
    Mutation(
        "paper: fill beyond a token account",
        "venues/paper.py",
        "        if self._held(order.wallet_id, order.receive) + received > TOKEN_UNITS_MAX:\n",
        "        if received > TOKEN_UNITS_MAX:\n",
        "tests/venues/test_paper.py::test_no_fill_exceeds_what_a_token_account_can_hold",
    ),
)
