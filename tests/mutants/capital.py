"""Bugs in moves of capital: rebalances, top-ups, sweeps, reclaimed rent and withdrawals."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

MOVES: Final = "core/books/moves.py"
SENDING: Final = "core/control/sending.py"
WITHDRAWALS: Final = "core/capital/withdrawals.py"
REBALANCE: Final = "core/capital/rebalance.py"
FEE_RESERVE: Final = "core/capital/fee_reserve.py"
REBALANCE_TEST: Final = "tests/core/capital/test_rebalance.py::test_capital_goes_back_to_its_allocation"
WITHDRAWAL_TEST: Final = "tests/core/capital/test_withdrawals.py::test_capital_leaves_the_desk"
SENDING_TEST: Final = "tests/core/control/test_sending.py::test_what_may_be_sent"
TOP_UP_TEST: Final = "tests/core/capital/test_fee_reserve.py::test_a_float_is_topped_up"
RECLAIM_TEST: Final = "tests/core/capital/test_fee_reserve.py::test_what_is_reclaimed_is_a_gain_and_the_account_is_gone"
MOVE_TEST: Final = "tests/core/books/test_moves.py::test_both_wallets_are_booked"
SWEEP_TEST: Final = "tests/core/books/test_moves.py::test_what_a_liquidation_brings_goes_to_safety"
HELD_TEST: Final = "tests/core/books/test_moves.py::test_what_is_under_way_is_held_with_its_costs"

CAPITAL: Final = (
    Mutation(
        "capital of a move not held",
        MOVES,
        "        move_account(book, move.money.mint),\n        _held_account(book, move.money.mint),\n",
        "        move_account(book, move.money.mint),\n        move_account(book, move.money.mint),\n",
        HELD_TEST,
        world="plain",
    ),
    Mutation(
        "fee and rent of a move not held",
        MOVES,
        "    ledger.transfer(_costs_max(move), SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        HELD_TEST,
        world="plain",
    ),
    Mutation(
        "hold of a move released twice",
        MOVES,
        "    state.ledger.transfer(_costs_max(move), SOL, book.accounts.sol_float_held, book.accounts.sol_float)\n",
        "    for _ in range(2):\n"
        "        state.ledger.transfer(_costs_max(move), SOL, book.accounts.sol_float_held, book.accounts.sol_float)\n",
        MOVE_TEST,
        world="plain",
    ),
    Mutation(
        "move booked into the giver",
        MOVES,
        "    receiver = state.wallets[move.to_wallet]\n    take_back(state, book",
        "    receiver = book\n    take_back(state, book",
        MOVE_TEST,
        world="plain",
    ),
    Mutation(
        "cap of the day skipped",
        WITHDRAWALS,
        "elif state.withdrawn_today_micros + worth > desk",
        "elif worth > desk",
        WITHDRAWAL_TEST,
    ),
    Mutation(
        "cap given back before a fork has decided",
        MOVES,
        "    if not provisional:\n        _end(state, move, outcome)\n",
        "    _end(state, move, outcome)\n",
        WITHDRAWAL_TEST,
    ),
    Mutation(
        "withdrawal to any address",
        WITHDRAWALS,
        "    if command.to_address not in desk.withdraw_addresses:\n",
        "    if not command.to_address:\n",
        WITHDRAWAL_TEST,
    ),
    Mutation(
        "request of a withdrawal forgotten",
        WITHDRAWALS,
        "    known = state.withdrawals.get(command.request_id)\n",
        "    known = None\n",
        WITHDRAWAL_TEST,
    ),
    Mutation(
        "withdrawal begun before its time",
        SENDING,
        "    if now_ns < move.not_before_ns:\n",
        "    if now_ns < 0:\n",
        "tests/core/control/test_sending.py::test_it_waits_until_its_time_and_no_longer",
    ),
    Mutation(
        "signed move cancelled",
        WITHDRAWALS,
        "    if known.ticket is not None:\n",
        "    if known.ticket is not None and not command.reason:\n",
        "tests/core/capital/test_withdrawals.py::test_it_waits_for_its_time_and_can_be_cancelled_till_it_is_signed",
    ),
    Mutation(
        "cancelled move signed all the same",
        SENDING,
        "    if state.open_work(work.id) is None:\n        return CANCELLED\n",
        "",
        SENDING_TEST,
    ),
    Mutation(
        "move sent again after a stop",
        SENDING,
        "ended = None if work.kind.protects else _stopped(state, work, stop_file)",
        "ended = None",
        SENDING_TEST,
        world="chain",
    ),
    Mutation(
        "stop of the receiver not heeded",
        SENDING,
        "    for wallet_id in work.wallets:\n",
        "    for wallet_id in work.wallets[:1]:\n",
        SENDING_TEST,
    ),
    Mutation(
        "what protects is stopped",
        SENDING,
        "ended = None if work.kind.protects else _stopped(state, work, stop_file)",
        "ended = _stopped(state, work, stop_file)",
        SENDING_TEST,
        world="plain",
    ),
    Mutation(
        "top-up and sweep without a pause",
        "core/books/settle/retries.py",
        "    trying.after_ns = state.at_ns + (state",
        "    trying.after_ns = 0 * (state",
        SWEEP_TEST,
        world="plain",
    ),
    Mutation(
        "giver of a top-up does not keep its target",
        FEE_RESERVE,
        "return free_units(state, book, SOL) - desk.float_target_lamports - desk",
        "return free_units(state, book, SOL) - desk",
        TOP_UP_TEST,
        world="plain",
    ),
    Mutation(
        "swap for the float counts as an entry",
        "core/model/order.py",
        "return self.side is BUY and not self.to_float",
        "return self.side is BUY",
        TOP_UP_TEST,
        world="plain",
    ),
    Mutation(
        "swap for the float although it is held",
        FEE_RESERVE,
        "if price is None or held or",
        "if price is None or",
        TOP_UP_TEST,
        world="chain",
    ),
    Mutation(
        "sweep while a sale is under way",
        "core/capital/proceeds.py",
        "if book is not receiver and book.wallet.id not in selling and",
        "if book is not receiver and",
        SWEEP_TEST,
        world="plain",
    ),
    Mutation(
        "sweep after the wallet was reactivated",
        "core/books/apply.py",
        "book.liquidating = book.sweeping = False",
        "book.liquidating = False",
        SWEEP_TEST,
        world="plain",
    ),
    Mutation(
        "held wallet in a rebalance",
        REBALANCE,
        "if held := holds_on_moves(book.holds):",
        "if held := holds_on_moves({}):",
        REBALANCE_TEST,
        world="plain",
    ),
    Mutation(
        "giver falls below its target",
        REBALANCE,
        "    return min(sender.excess_micros, free)\n",
        "    return free\n",
        REBALANCE_TEST,
        world="plain",
    ),
    Mutation(
        "rebalance while one is under way",
        REBALANCE,
        "    if not under_way:\n",
        "    if under_way is not None:\n",
        REBALANCE_TEST,
        world="chain",
    ),
    Mutation(
        "rebalance by old prices",
        REBALANCE,
        "    stale = {mint for mint in state.assets if fresh_price_pico(state, mint, at_ns) is None}\n",
        "    stale = set[Mint]()\n",
        REBALANCE_TEST,
    ),
    Mutation(
        "reclaimed while a fork may bring something back",
        FEE_RESERVE,
        "return unused and not in_doubt and",
        "return unused and",
        "tests/core/capital/test_fee_reserve.py::test_the_rent_of_an_empty_account_comes_back",
    ),
    Mutation(
        "account of a failed reclaim forgotten",
        MOVES,
        "        book.token_accounts.add(move.money.mint)\n        book.empty",
        "        book.empty",
        RECLAIM_TEST,
        world="plain",
    ),
    Mutation(
        "rent of a reclaim booked as nothing",
        MOVES,
        "        gain = state.sol_value_micros_down(fill.received_units)\n",
        "        gain = 0\n",
        RECLAIM_TEST,
        world="plain",
    ),
    Mutation(
        "account of the receiver kept when a fork undid it",
        MOVES,
        "            receiver.token_accounts.discard(mint)\n",
        "            pass\n",
        "tests/core/books/test_moves.py::test_the_receiver_has_an_account_from_then_on_unless_a_fork_undid_it",
    ),
    Mutation(
        "debt of the receiver without quarantine",
        "core/decide.py",
        "    for wallet_id in work.wallets:\n        book",
        "    for wallet_id in (work.wallet_id,):\n        book",
        MOVE_TEST,
    ),
    Mutation(
        "fee kept when a fork undid a move",
        MOVES,
        "    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)\n",
        "",
        RECLAIM_TEST,
        world="chain",
    ),
    Mutation(
        "rollback of a move does not take it from the receiver",
        MOVES,
        "take_back(state, receiver, mint, units, move_account(receiver, mint), move_account(book, mint))",
        "state.ledger.transfer(units, mint, DEPOSITS, move_account(book, mint))",
        MOVE_TEST,
        world="chain",
    ),
)
