"""Bugs of mints that no list has: something is bought that cannot be sold, or forgotten while it is held."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

CORE: Final = "tests/core/control/test_unlisted.py"
LOOKS: Final = "tests/desk/test_unlisted.py"
TRIAL: Final = "tests/venues/test_round_trip.py"
FAULTS: Final = f"{TRIAL}::test_what_no_trial_confirms"

UNLISTED: Final = (
    Mutation(
        "unlisted: sale that reverts counts as made",
        "venues/round_trip.py",
        "    if effects.error is not None:\n",
        "    if effects.error is not None and not effects.tokens:\n",
        FAULTS,
    ),
    Mutation(
        "unlisted: leg of the trial passes no firewall",
        "venues/round_trip.py",
        "        if (refused := verify(order, taker.public_key, tokens, transaction)) is not None:\n",
        "        if (refused := verify(order, taker.public_key, tokens, transaction)) and not refused.detail:\n",
        FAULTS,
    ),
    Mutation(
        "unlisted: proceeds are what the server says",
        "venues/round_trip.py",
        "    came, left = buy.spend.units + changed[quote], changed[mint]\n",
        "    came, left = buy.spend.units, changed[mint]\n",
        f"{TRIAL}::test_what_comes_back_is_what_the_node_shows",
    ),
    Mutation(
        "unlisted: the first server offers the sale too",
        "venues/round_trip.py",
        "        self._sale_swaps = sale_swaps or swaps\n",
        "        self._sale_swaps = swaps or sale_swaps\n",
        f"{TRIAL}::test_another_server_offers_the_sale",
    ),
    Mutation(
        "unlisted: loss of the round trip has no bound",
        "core/control/unlisted.py",
        "    elif (lost_bps := lost_of(trial)) > rules.round_trip_max_bps:\n",
        "    elif (lost_bps := lost_of(trial)) > 10_000:\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: loss of the round trip rounded down",
        "core/control/unlisted.py",
        "    return -((trial.back_units - trial.spent_units) * BPS // trial.spent_units)\n",
        "    return (trial.spent_units - trial.back_units) * BPS // trial.spent_units\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: liquidity has no bound",
        "core/control/unlisted.py",
        "    if trial.liquidity_micros < rules.liquidity_min_micros:\n",
        "    if trial.liquidity_micros < 0:\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: mint judged by the policy for listed tokens",
        "core/control/unlisted.py",
        "    of_mint = tuple(findings(POLICY, token, facts))\n",
        "    of_mint = tuple(findings(AdmissionPolicy.CHECKED, token, facts))\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: mint without a trial admitted",
        "core/control/unlisted.py",
        "    elif not of_mint:\n",
        "    elif not of_mint and fault is not None:\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: every strategy buys what no list has",
        "core/entries/admission.py",
        "    if strategy not in MEME_STRATEGIES:\n",
        "    if strategy not in MEME_STRATEGIES and mint not in state.unlisted:\n",
        f"{CORE}::test_only_the_sniping_and_meme_strategies_buy_what_no_list_has",
    ),
    Mutation(
        "unlisted: token on order is forgotten",
        "core/books/unlisted.py",
        "    if any(known.order.mint == mint for known in state.open_orders.values()):\n",
        "    if any(known.order.spend.mint == mint for known in state.open_orders.values()):\n",
        f"{CORE}::test_no_token_that_somebody_needs_is_ever_forgotten",
    ),
    Mutation(
        "unlisted: token that a fork may bring back is forgotten",
        "core/books/unlisted.py",
        "    return any(booked.order.mint == mint for booked in state.provisional.values())\n",
        "    return False\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: prices of forgotten tokens stay",
        "core/books/unlisted.py",
        "    _drop_prices(state)\n",
        "    state.marks.pop(mint, None)\n",
        f"{CORE}::test_what_a_spammer_of_mints_leaves_behind_is_bounded",
    ),
    Mutation(
        "unlisted: every mint that was turned away is remembered",
        "core/books/unlisted.py",
        "    if len(known) > TURNED_AWAY_MAX:\n",
        "    if len(known) > 1_000 * TURNED_AWAY_MAX:\n",
        f"{CORE}::test_what_a_spammer_of_mints_leaves_behind_is_bounded",
    ),
    Mutation(
        "unlisted: market of a held token orders its sale",
        "core/model/mints.py",
        "        return tuple(one for one in self.findings if one.flaw not in OF_MARKET)\n",
        "        return self.findings\n",
        f"{CORE}::test_a_look",
    ),
    Mutation(
        "unlisted: looks of a minute have no bound",
        "desk/unlisted.py",
        "        if len(looks) >= LOOKS_PER_MIN:\n",
        "        if len(looks) >= 100 * LOOKS_PER_MIN:\n",
        f"{LOOKS}::test_a_sender_of_many_mints_gets_so_many_looks_and_no_more",
    ),
    Mutation(
        "unlisted: tried sale uses what is kept for exits",
        "solana/jupiter_api.py",
        "        return await self._api.order(order, taker, bid, Purpose.LOOK)\n",
        "        return await self._api.order(order, taker, bid)\n",
        "tests/solana/test_jupiter_api.py::test_a_look_uses_no_request_that_an_exit_or_another_entry_may_need",
    ),
    Mutation(
        "unlisted: trial before the signature left out",
        "desk/admission.py",
        "            await self.unlisted.refresh(order.mint)\n",
        "            self.unlisted.forget()\n",
        f"{LOOKS}::test_the_trial_before_the_signature_ends_the_order",
    ),
)
