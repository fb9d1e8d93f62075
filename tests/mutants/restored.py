"""Bugs about a journal that may be an older copy: what it does not know is done again."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

CONTROL: Final = "core/control/history.py"
HISTORY: Final = "desk/history.py"
CORE_TEST: Final = "tests/core/control/test_history.py"
LIVE_TEST: Final = "tests/desk/live/test_restored.py"

RESTORED: Final = (
    Mutation(
        "node: blind one taken for a silent one",
        "solana/capabilities.py",
        'found.append(f"{node.name}: {cannot}")',
        "str(cannot)",
        "tests/solana/test_capabilities.py::test_which_node_is_blind",
    ),
    Mutation(
        "landed otherwise: told of nobody",
        "desk/executor.py",
        "if str(silent) != silence.why:\n                        self._engine.post",
        "if False:\n                        self._engine.post",
        "tests/desk/live/test_landed.py::test_an_operator_books_what_landed_otherwise",
    ),
    Mutation(
        "landed otherwise: any order can be booked from the chain",
        "core/control/landed.py",
        "if known is None or not known.otherwise:",
        "if known is None:",
        "tests/core/control/test_landed.py::test_only_what_landed_otherwise_is_booked",
    ),
    Mutation(
        "landed otherwise: a fill beyond what was held",
        "desk/landed.py",
        "found.spent_units <= order.spend.units and",
        "True and",
        "tests/desk/test_landed.py::test_what_is_booked",
    ),
    Mutation(
        "an exit sells before the history is known",
        "core/exits/selling.py",
        "    if not knows_history(state):\n        return\n    left",
        "    left",
        f"{CORE_TEST}::test_nothing_is_sold_before_the_history_is_known",
    ),
    Mutation(
        "a signal sells before the history is known",
        "core/exits/selling.py",
        "    general += history_refusals(state)\n",
        "",
        f"{CORE_TEST}::test_what_is_refused_says_why",
    ),
    Mutation(
        "one wallet's history is enough",
        CONTROL,
        "known.issuperset(wallets_unknown(state))",
        "known",
        f"{CORE_TEST}::test_the_hold_stands_until_every_wallet_is_known",
    ),
    Mutation(
        "what was accepted in another copy still counts",
        "core/books/apply.py",
        "        state.history_accepted.clear()",
        "        pass",
        f"{CORE_TEST}::test_the_hold_stands_until_every_wallet_is_known",
    ),
    Mutation(
        "unsigned orders outlive an accepted history",
        CONTROL,
        "    yield from _end_unsigned(state, found.wallet_id)\n",
        "",
        f"{CORE_TEST}::test_what_was_not_signed_ends_when_the_history_is_accepted",
    ),
    Mutation(
        "accept passes a history that nobody looked at",
        "core/control/balances.py",
        "RESTORED in state.holds and accepted.wallet_id not in state.history_accepted",
        "False",
        f"{CORE_TEST}::test_what_an_operator_cannot_do",
    ),
    Mutation(
        "a node without history is a proof",
        HISTORY,
        "if oldest > needed:",
        "if False:",
        f"{LIVE_TEST}::test_a_node_without_history_proves_nothing",
    ),
    Mutation(
        "a node that does not know the checked signature is a proof",
        HISTORY,
        "        if book.checked not in names:",
        "        if not names:\n            return []\n        if book.checked not in names:",
        f"{LIVE_TEST}::test_a_node_that_lost_what_the_journal_has_checked_proves_nothing",
    ),
    Mutation(
        "a check moves the cursor past the unread history",
        "desk/balances.py",
        "        if RESTORED in self._engine.state.holds:\n            return cursor  # A",
        "        if False:\n            return cursor  # A",
        f"{LIVE_TEST}::test_a_gap_in_a_nodes_history_hides_no_sale",
    ),
)
