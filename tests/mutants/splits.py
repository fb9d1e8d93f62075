"""Bugs in dividing a buy among wallets."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

PARTS: Final = "core/entries/entering_parts.py"
TESTS: Final = "tests/core/entries/test_splitting.py"
TABLE_TEST: Final = f"{TESTS}::test_a_buy_is_divided"

SPLITS: Final = (
    Mutation(
        "one part more than the day has trades left",
        PARTS,
        "left = desk.day_trades_max - state.trades_today - state.entries_open",
        "left = desk.day_trades_max - state.trades_today - state.entries_open + 1",
        TABLE_TEST,
    ),
    Mutation(
        "a part is judged by its own impact alone",
        PARTS,
        "return replace(entry, impact_bps=asked.impact_bps)",
        "return entry",
        TABLE_TEST,
    ),
    Mutation(
        "a part may be smaller than the smallest order",
        PARTS,
        "self._least = max(1, state.settings.order_min_micros)",
        "self._least = 1",
        TABLE_TEST,
    ),
    Mutation(
        "a wallet is left out because its part was too small for its fixed costs",
        PARTS,
        "            least = worth\n",
        "            room = -1\n",
        TABLE_TEST,
    ),
    Mutation(
        "a part tries the wallet of another part",
        PARTS,
        "and known.order.part != failed.part",
        "and known.order.part == failed.part",
        f"{TESTS}::test_a_part_leaves_the_wallets_of_the_others_alone_though_they_have_room",
    ),
    Mutation(
        "a part tries again with the whole amount",
        "core/decide.py",
        "entry = part_request(state, known.signal, order)",
        "entry = entry_request(state, known.signal, order.expires_at_ns)",
        f"{TESTS}::test_a_part_that_fails_goes_on_in_a_wallet_that_no_part_uses",
    ),
    Mutation(
        "all of a buy may be less",
        PARTS,
        "may_be_less, asked = split_of(state.settings, whole.signal) is Split.PARTIAL, whole",
        "may_be_less, asked = True, whole",
        TABLE_TEST,
    ),
)
