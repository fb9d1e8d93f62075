"""Bugs about new desks, and about what the terminal shows."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

INIT: Final = "tests/cli/test_init.py"

TERMINAL_BUGS: Final = (
    Mutation(
        "new desk written over another one",
        "cli/founding/init.py",
        "if there and not replace:",
        "if there and not replace and plan is None:",
        f"{INIT}::test_nothing_that_exists_is_replaced",
    ),
    Mutation(
        "new key made where one exists",
        "cli/founding/write.py",
        "if os.path.lexists(placed):",
        "if not os.path.lexists(folder):",
        f"{INIT}::test_replace_keeps_every_key_and_the_old_settings",
    ),
    Mutation(
        "keys of a desk that was not founded left behind",
        "cli/founding/write.py",
        "    undo.callback(placed.unlink)\n",
        "",
        f"{INIT}::test_whatever_goes_wrong_leaves_nothing_behind",
    ),
    Mutation(
        "new desk not checked before it gets its names",
        "cli/founding/write.py",
        "return MultiWalletConfig.from_env({**_foreign(os.environ), **given}, Path(DOTENV))",
        "return MultiWalletConfig.from_env({}, None)",
        f"{INIT}::test_whatever_goes_wrong_leaves_nothing_behind",
    ),
    Mutation(
        "fill that a fork undid shown as a trade",
        "journal/catalogue/past.py",
        "isinstance(outcomes[-1], Filled)",
        "isinstance(outcomes[0], Filled)",
        "tests/views/test_trades.py::test_only_what_was_filled_and_stayed_is_a_trade",
    ),
    Mutation(
        "trade told without its costs",
        "views/trades.py",
        "sum(one.realised_micros for one in state.realised)",
        "sum(one.realised_micros for one in state.realised if not isinstance(one, Costs))",
        "tests/views/test_trades.py::test_trades_realise_what_the_accounts_book",
    ),
    Mutation(
        "hold that only a person lifts not told on the screen",
        "views/status.py",
        "if hold.until_ns is None and hold.cause not in",
        "if hold.until_ns is not None and hold.cause not in",
        "tests/views/test_status.py::test_what_needs_a_person",
    ),
    Mutation(
        "lines that the console dropped not counted",
        "desk/log/console.py",
        "self._untold += lost - self._lost_before",
        "self._untold += 0",
        "tests/desk/log/test_console.py::test_a_terminal_that_hangs_holds_nobody_up_and_what_was_dropped_is_counted",
    ),
    Mutation(
        "signal found under the code of another one",
        "journal/catalogue/past.py",
        "if all(head == seq for head in heads):",
        "if all(head <= seq for head in heads):",
        "tests/journal/catalogue/test_past.py::test_a_search_finds_what_reading_everything_finds",
    ),
    Mutation(
        "drill passed although an entry passed after the stop",
        "sandbox/drill.py",
        "self.bought > 0 and self.refused and",
        "self.bought > 0 and",
        "tests/cli/test_preflight.py::test_a_drill_that_shows_a_fault_fails",
    ),
    Mutation(
        "wallet without a stop loss passed before it trades",
        "cli/preflight/files.py",
        '"no stop loss": held.stop_loss_ppm == 0 and not trails,',
        '"no stop loss": held.stop_loss_ppm == 0 and trails,',
        "tests/cli/test_preflight.py::test_a_limit_that_is_missing_or_forbids_everything_is_found",
    ),
)
