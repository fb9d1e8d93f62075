"""Bugs of the looks at mints and at our own accounts: something is bought, or used, that somebody else can take."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

MINT_TEST: Final = "tests/solana/test_mint_accounts.py::test_a_mint"
DECLARED_TEST: Final = "tests/solana/test_mint_accounts.py::test_a_declared_mint"
ACCOUNT_TEST: Final = "tests/solana/test_own_accounts.py::test_an_account"
ENTRY_TEST: Final = "tests/core/control/test_admission.py::test_an_entry"
LOOK_TEST: Final = "tests/core/control/test_admission.py::test_a_look"
VENUE_NOT_SIGNED: Final = "tests/venues/test_jupiter.py::test_what_is_not_signed"
WATCH: Final = "tests/desk/test_admission.py"

ADMISSION: Final = (
    Mutation(
        "admission: what a look found while an order was signed",
        "desk/executor.py",
        "return verdict if unsafe is None else Over(unsafe)",
        "return verdict",
        f"{WATCH}::test_what_a_look_finds_while_an_order_is_signed_ends_it_unsent",
    ),
    Mutation(
        "admission: permanent delegate admitted",
        "core/control/mint_rules.py",
        '    "permanent_delegate": Flaw.PERMANENT_DELEGATE,\n',
        "",
        MINT_TEST,
    ),
    Mutation(
        "admission: fee of the next epoch not seen",
        "solana/mint_accounts.py",
        "fee_bps=max(older, newer)",
        "fee_bps=older",
        MINT_TEST,
    ),
    Mutation(
        "admission: unknown extension admitted",
        "core/control/mint_rules.py",
        "    if facts.unknown_extensions:\n",
        "    if facts.unknown_extensions and facts.paused:\n",
        MINT_TEST,
    ),
    Mutation(
        "admission: extension of another length read",
        "solana/mint_accounts.py",
        "    if length is not None and len(content) != length:\n",
        "    if length is not None and len(content) < length:\n",
        MINT_TEST,
    ),
    Mutation(
        "admission: deviation from the declared authorities admitted",
        "core/control/mint_rules.py",
        "        if declared is not None and holder != expected:\n",
        "        if declared is not None and holder and not expected:\n",
        DECLARED_TEST,
    ),
    Mutation(
        "admission: quote currency not looked at",
        "core/entries/admission.py",
        "    for one in (mint, state.settings.quote.mint):\n",
        "    for one in (mint,):\n",
        ENTRY_TEST,
    ),
    Mutation(
        "admission: mint that was never seen is admitted",
        "core/entries/admission.py",
        '            return f"{one}: its mint was not looked at yet"\n',
        "            continue\n",
        ENTRY_TEST,
    ),
    Mutation(
        "admission: verdict of another policy counts",
        "core/books/apply.py",
        "        state.admissions.clear()  # They were judged by other rules: every mint has to be looked at again.\n",
        "        pass\n",
        ENTRY_TEST,
    ),
    Mutation(
        "admission: changed mint is not sold",
        "core/control/admission.py",
        "    if desk.admission_exit and after is not None and after is not before and after.of_mint:\n",
        "    if desk.admission_exit and after is not None and after is before and after.of_mint:\n",
        LOOK_TEST,
    ),
    Mutation(
        "admission: delegate of our account not seen",
        "solana/own_accounts.py",
        "    if has:\n",
        "    if has and not delegated:\n",
        ACCOUNT_TEST,
    ),
    Mutation(
        "admission: close authority of our account not seen",
        "solana/own_accounts.py",
        "    if closes and str(Pubkey(closer)) != owner:\n",
        "    if closes and str(Pubkey(closer)) == owner:\n",
        ACCOUNT_TEST,
    ),
    Mutation(
        "admission: order not checked after the last look",
        "desk/admission.py",
        "        if why := not_admitted(state, order.mint):\n",
        "        if not (why := not_admitted(state, order.mint)) and why:\n",
        f"{WATCH}::test_what_changed_since_the_decision_ends_the_order_unsigned",
    ),
    Mutation(
        "admission: unsafe account used",
        "desk/admission.py",
        "        return _unsafe(state, wallet_id, (state.settings.quote.mint, order.mint))\n",
        "        return None\n",
        f"{WATCH}::test_an_account_that_a_stranger_can_use_pays_for_nothing",
    ),
    Mutation(
        "admission: older answer about a mint counts",
        "desk/admission.py",
        "        slot_min = max(self._slot, *",
        "        slot_min = max(0, *",
        f"{WATCH}::test_no_answer_older_than_the_last_one_counts",
    ),
    Mutation(
        "firewall: delegate spends an account of ours",
        "solana/firewall.py",
        "        elif source != _held(",
        "        elif units < 0 and source != _held(",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: another wallet of ours is named",
        "solana/firewall.py",
        "            if key in others:\n",
        "            if key in others and key == owner:\n",
        "tests/solana/test_firewall.py::test_another_wallet_of_ours_is_never_named",
    ),
    Mutation(
        "binding: a balance in another account counts",
        "solana/settlement.py",
        "        if mint is None and token.owner == owner and token.pre_units != token.post_units:\n",
        "        if mint is None and token.owner == owner and token.pre_units > token.post_units + 2**64:\n",
        VENUE_NOT_SIGNED,
    ),
    Mutation(
        "binding: a balance under another name counts",
        "solana/settlement.py",
        "        if mint is not None and (token.owner, token.mint) != (owner, mint):\n",
        "        if mint is not None and token.mint != mint:\n",
        VENUE_NOT_SIGNED,
    ),
    Mutation(
        "binding: simulated before our last booking",
        "venues/jupiter.py",
        "        if effects.slot < booked:\n",
        "        if effects.slot < booked - 1:\n",
        "tests/venues/test_jupiter.py::test_a_simulation_of_before_our_last_booking_says_nothing",
    ),
    Mutation(
        "binding: a transaction recorded for two orders",
        "core/decide.py",
        "    if signed is not None and signed[1] != work_id:\n",
        "    if signed is not None and signed[1] == work_id:\n",
        "tests/core/test_commands.py::test_a_transaction_serves_one_order_for_ever",
    ),
    Mutation(
        "binding: a snapshot mixes up the signatures",
        "core/books/state.py",
        "    state.signatures = dict(sorted(state.signatures.items(), key=lambda item: item[1]))\n",
        "",
        "tests/core/test_commands.py::test_a_transaction_serves_one_order_for_ever",
    ),
    Mutation(
        "admission: one provider believed",
        "desk/admission.py",
        "            if any(other != found for other in others):\n",
        "            if any(other is None for other in others):\n",
        f"{WATCH}::test_what_one_provider_alone_shows_is_not_believed",
    ),
    Mutation(
        "admission: one provider enough",
        "solana/chain.py",
        "ACCOUNT_WITNESSES: Final = 2",
        "ACCOUNT_WITNESSES: Final = 1",
        "tests/solana/test_chain.py::test_accounts_are_shown_by_two_providers_where_there_are_two",
    ),
)
