"""Bugs about the chain: when a transaction is final or expired, what it did, and what the balances say."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

VENUE: Final = "venues/jupiter.py"
BALANCES: Final = "core/control/balances.py"
SETTLEMENT: Final = "solana/settlement.py"
BALANCES_TEST: Final = "tests/core/control/test_balances.py::test_balances_become_deposits_and_holds"
SETTLEMENT_TEST: Final = "tests/solana/test_settlement.py::test_the_settled_outcome"
EXPIRY_TEST: Final = "tests/venues/test_jupiter.py::test_the_proof_of_expiry"
MOVES_TEST: Final = "tests/core/books/test_moves.py::test_a_move_explains_what_the_chain_may_say"

CHAIN: Final = (
    Mutation(
        "expiry concluded from the confirmed height",
        "solana/chain.py",
        'await self._call("getEpochInfo", [{"commitment": "finalized"}])',
        'await self._call("getEpochInfo", [CONFIRMED])',
        "tests/solana/test_chain.py::test_a_node_is_asked_by_name_for_its_finalised_tip_and_history",
    ),
    Mutation(
        "expiry believed of one witness",
        VENUE,
        "absent >= min(WITNESSES, len(answers))",
        "absent >= 1",
        EXPIRY_TEST,
    ),
    Mutation(
        "history not searched before an expiry",
        VENUE,
        "            if status is not None:\n                return status\n        # A node",
        "        # A node",
        EXPIRY_TEST,
        world="chain",
    ),
    Mutation(
        "expired when the recent status is lost",
        VENUE,
        "            outcome = await self._effect(work, ticket) if status is not None and status.confirmed else None\n",
        "            if status is None:\n"
        "                return Expired()\n"
        "            outcome = await self._effect(work, ticket) if status.confirmed else None\n",
        EXPIRY_TEST,
        world="chain",
    ),
    Mutation(
        "expired after a timeout",
        VENUE,
        "            if isinstance(status, Expired):\n                counts.expired += 1\n",
        "            if isinstance(status, Expired) or self._tips._clock.now_ns() > work.expires_at_ns:\n"
        "                status = Expired()\n",
        EXPIRY_TEST,
        world="chain",
    ),
    Mutation(
        "bound taken from the venue's claim alone",
        VENUE,
        "            max(bound, claimed_height),\n",
        "            claimed_height,\n",
        "tests/venues/test_jupiter.py::test_the_bound_is_ours_or_a_later_one",
    ),
    Mutation(
        "not simulated, so no bound of our own",
        VENUE,
        "        seen = await self._simulate(work, transaction)\n",
        "        seen = ChainTip(0, claimed_height - BLOCKHASH_BLOCKS)\n",
        "tests/venues/test_jupiter.py::test_without_a_simulation_nothing_is_signed",
    ),
    Mutation(
        "final already at `confirmed`",
        VENUE,
        "            if status is None or not status.finalized:\n",
        "            if status is None or not status.confirmed:\n",
        "tests/venues/test_jupiter.py::test_final_is_what_was_booked_unless_the_chain_says_otherwise",
        world="chain",
    ),
    Mutation(
        "effects of a dead branch made final",
        VENUE,
        " and outcome.slot == status.slot\n",
        "\n",
        "tests/sim/test_bad_chain.py::test_what_happened_on_a_dead_branch_is_never_made_final",
    ),
    Mutation(
        "settlement ignores rent",
        SETTLEMENT,
        "effects.fee_lamports + beside, rent, effects.slot, tip_lamports)",
        "effects.fee_lamports + beside, 0, effects.slot, tip_lamports)",
        SETTLEMENT_TEST,
        world="chain",
    ),
    Mutation(
        "settlement ignores the fee",
        SETTLEMENT,
        "effects.fee_lamports + beside, rent, effects.slot, tip_lamports)",
        "beside, rent, effects.slot, tip_lamports)",
        SETTLEMENT_TEST,
        world="chain",
    ),
    Mutation(
        "balances compared with orders on their way",
        BALANCES,
        "if known.ticket is not None and known.order",
        "if known.ticket is None and known.order",
        BALANCES_TEST,
        world="chain",
    ),
    Mutation(
        "balances compared with moves on their way",
        BALANCES,
        "        if known.ticket is not None:\n",
        "        if known.ticket is None:\n",
        MOVES_TEST,
        world="chain",
    ),
    Mutation(
        "receiver not in doubt while a move is on its way",
        BALANCES,
        "            may_be_gone(mint, lost_by_receiver)\n",
        "            pass\n",
        MOVES_TEST,
        world="chain",
    ),
    Mutation(
        "balances compared that are older than the books",
        BALANCES,
        "return state.wallets[record.wallet_id].booked_seq > record.as_of_seq",
        "return state.wallets[record.wallet_id].booked_seq < 0",
        BALANCES_TEST,
    ),
    Mutation(
        "credit booked while an order is on its way",
        BALANCES,
        "        if surplus > 0 and mint not in missing_max:\n",
        "        if surplus > 0:\n",
        BALANCES_TEST,
        world="chain",
    ),
    Mutation(
        "deficit not held",
        BALANCES,
        "    deficits = short_of(state, record)\n",
        "    deficits: list[Mint] = []\n",
        BALANCES_TEST,
    ),
)
