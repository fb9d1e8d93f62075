"""Bugs to plant, one at a time, and who must notice each: a seed of the simulator, or a test."""

from __future__ import annotations

from typing import Final, NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str  # under src/overmind
    old: str  # stands there exactly once
    new: str
    by: str  # "plain 3" and "chain 14" are seeds, everything else is a test


CLOSE: Final = "core/books/settle/close.py"
PLACE: Final = "core/books/settle/place.py"
FORK: Final = "core/books/settle/fork.py"
MOVES: Final = "core/books/moves.py"
GATE: Final = "core/entries/gate.py"
LIMITS: Final = "core/entries/broken_limits.py"
DECIDE: Final = "core/decide.py"
ENGINE: Final = "desk/engine.py"
EXECUTOR: Final = "desk/executor.py"
SENDING: Final = "core/control/sending.py"
FIREWALL: Final = "solana/firewall.py"
VENUE: Final = "venues/jupiter.py"
WITHDRAWALS: Final = "core/capital/withdrawals.py"

# Reservations and settlement.
BOOKS: Final = (
    Mutation(
        "reservation of the capital dropped",
        PLACE,
        "    ledger.transfer(order.spend.units, order.spend.mint, accounts.free, accounts.held)\n",
        "",
        "plain 0",
    ),
    Mutation(
        "reservation of fees and rent dropped",
        PLACE,
        "    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        "plain 0",
    ),
    Mutation(
        "reservation released twice",
        CLOSE,
        "    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "    for _ in range(2):\n"
        "        ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "plain 0",
    ),
    Mutation(
        "loss in flight forgotten",
        PLACE,
        "        book.loss_in_flight_micros += order.loss_max_micros\n",
        "",
        "plain 2",
    ),
    Mutation(
        "fee of a failed transaction not booked",
        CLOSE,
        "            return Booked(pay_costs(state, book, fee, 0))\n",
        "            return Booked()\n",
        "plain 3",
    ),
    Mutation(
        "rent not booked",
        CLOSE,
        "outcome, pay_costs(state, book, fee, rent))",
        "outcome, pay_costs(state, book, fee, 0))",
        "plain 2",
    ),
    Mutation(
        "cost of a split lot rounded up",
        "core/books/positions.py",
        "cost = lot.cost_micros * part // lot.units",
        "cost = -(-lot.cost_micros * part // lot.units)",
        "plain 4",
    ),
    Mutation(
        "newest lot sold first",
        "core/books/positions.py",
        "        return _cut(self.lots, units)\n",
        "        return _cut(reversed(self.lots), units)\n",
        "plain 4",
    ),
    Mutation(
        "day rolled twice",
        DECIDE,
        "if at_ns // DAY_NS > state.day and",
        "if at_ns // DAY_NS >= state.day and",
        "plain 0",
    ),
    Mutation(
        "day's base of unrealised not renewed",
        "core/books/apply.py",
        "        book.unrealised_base_micros = book.unrealised_micros\n",
        "",
        "plain 7",
    ),
    Mutation(
        "deposit applied twice",
        "core/control/configuration.py",
        "    if deposit.deposit_id in state.deposits:\n",
        "    if deposit.deposit_id in ():\n",
        "plain 0",
    ),
    Mutation(
        "fee kept when a fork undid it",
        FORK,
        "    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)\n",
        "",
        "chain 3",
    ),
    Mutation(
        "debt of a fork without quarantine",
        DECIDE,
        "        if book.in_suspense:\n",
        "        if book.in_suspense and not book.wallet.id:\n",
        "tests/core/books/test_forks.py::test_a_debt_by_an_outcome_is_quarantined_too",
    ),
)

# May a wallet take it, and which.
ENTRIES: Final = (
    Mutation(
        "position limit off by one",
        LIMITS,
        "if used + notional > limits.position_max_micros",
        "if used + notional > limits.position_max_micros + 1",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "trades per day off by one",
        LIMITS,
        "book.trades_today + book.entries_open >= limits.trades_per_day_max",
        "book.trades_today + book.entries_open > limits.trades_per_day_max",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "daily loss refused at its edge, too early",
        LIMITS,
        "ask) > limits.daily_loss_max_micros",
        "ask) >= limits.daily_loss_max_micros",
        "tests/core/entries/test_rules.py::test_every_rule_at_its_edge",
    ),
    Mutation(
        "exposure ignores held buys",
        LIMITS,
        "book.positions_micros + book.entries_micros + notional >",
        "book.positions_micros + notional >",
        "tests/core/entries/test_limit_table.py::test_the_gate_and_the_capacity_equal_the_table",
    ),
    Mutation(
        "reserve float not kept",
        LIMITS,
        "rent_lamports(desk, book, mint) + desk.reserve_float_lamports",
        "rent_lamports(desk, book, mint)",
        "tests/core/entries/test_rules.py::test_every_rule_at_its_edge",
    ),
    Mutation(
        "stale price accepted",
        GATE,
        "at_ns - min(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        "at_ns - max(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        "tests/core/entries/test_rules.py::test_every_rule_at_its_edge",
    ),
    Mutation(
        "notional rounded down",
        "core/entries/request.py",
        "return value_micros_up(base_units(signal.quantity",
        "return value_micros(base_units(signal.quantity",
        "plain 3",
    ),
    Mutation(
        "gate skipped on failover",
        DECIDE,
        "    if not signal_may_enter(state, ask, at_ns, received_at_ns):\n",
        "    if failed is None and not signal_may_enter(state, ask, at_ns, received_at_ns):\n",
        "tests/core/test_failover.py::test_failover",
    ),
    Mutation(
        "failover to a wallet already tried",
        DECIDE,
        "    choice = index.choose(ask, at_ns, tried)\n",
        "    choice = index.choose(ask, at_ns, ())\n",
        "tests/core/test_failover.py::test_failover",
    ),
    Mutation(
        "failover after a market cause",
        DECIDE,
        "(isinstance(outcome, Rejected) and outcome.cause.of_wallet)",
        "isinstance(outcome, Rejected)",
        "tests/core/test_failover.py::test_failover",
    ),
    Mutation(
        "one attempt too many",
        DECIDE,
        "if order.attempt + 1 >= state.settings.attempts_max or",
        "if order.attempt >= state.settings.attempts_max or",
        "tests/core/test_failover.py::test_failover",
    ),
)

# Durable first, and what stops it.
DURABILITY: Final = (
    Mutation(
        "ticket sent before it is recorded",
        EXECUTOR,
        "        await self._engine.handle(RecordTicket(work.id, prepared))\n",
        "        await self._send(work, prepared)\n"
        "        await self._engine.handle(RecordTicket(work.id, prepared))\n",
        "plain 2",
    ),
    Mutation(
        "signal answered before it is durable",
        ENGINE,
        "        await self._until_durable(self._state.seq)\n        return CommandAnswer(",
        "        return CommandAnswer(",
        "tests/desk/test_engine.py::test_nothing_is_told_or_published_before_it_is_durable",
    ),
    Mutation(
        "command answered before it is durable",
        ENGINE,
        "            raise\n        await self._until_durable(self._state.seq)\n        return events\n",
        "            raise\n        return events\n",
        "plain 0",
    ),
    Mutation(
        "feed published before it is durable",
        ENGINE,
        "        await self._journal.append(batch)\n        self._durable_seq = batch[-1].seq\n"
        "        for feed in self._feeds:\n            feed.publish(batch)\n",
        "        for feed in self._feeds:\n            feed.publish(batch)\n"
        "        await self._journal.append(batch)\n        self._durable_seq = batch[-1].seq\n",
        "plain 0",
    ),
    Mutation(
        "group commit answers those of the next batch",
        ENGINE,
        "        self._durable_seq = batch[-1].seq\n",
        "        self._durable_seq = self._state.seq\n",
        "plain 0",
    ),
    Mutation(
        "recovery reads one entry too few",
        ENGINE,
        "for entry in journal.read(after=state.seq):",
        "for entry in list(journal.read(after=state.seq))[:-1]:",
        "plain 0",
    ),
    Mutation(
        "known id with other content accepted",
        ENGINE,
        "        if not same_content(events[0].signal, signal):\n",
        "        if not same_content(signal, signal):\n",
        "tests/desk/test_engine.py::test_an_id_that_is_known_with_other_content_is_an_error",
    ),
    Mutation(
        "old duplicate not looked up in the index",
        ENGINE,
        "return self._journal.find(signal_id) if len(decided) < self._state.signals else None",
        "return None",
        "plain 481",
    ),
    Mutation(
        "journal's time runs backwards",
        ENGINE,
        "at_ns = max(self._clock.now_ns(), state.at_ns)",
        "at_ns = self._clock.now_ns()",
        "plain 30",
    ),
    Mutation(
        "quote not checked", EXECUTOR, "return rejected if rejected is not None else await", "return await", "plain 3"
    ),
    Mutation(
        "one wallet too many at work",
        EXECUTOR,
        "len(self._active) < self._wallets_max",
        "len(self._active) <= self._wallets_max",
        "plain 6",
    ),
    Mutation(
        "wallet slot never given back",
        EXECUTOR,
        "        finally:\n            self._slots.release(work.wallet_id)\n",
        "        finally:\n            pass\n",
        "plain 7",
    ),
    Mutation(
        "sent although a stop came after the ticket",
        EXECUTOR,
        "        if isinstance(verdict, Over):\n            return verdict  # Nobody",
        "        if isinstance(verdict, Over):\n            verdict = Send()\n        if isinstance(verdict, Over):\n"
        "            return verdict  # Nobody",
        "plain 15",
    ),
    Mutation(
        "resent after an emergency stop",
        EXECUTOR,
        "            if self._may_send(work):\n                sent_ns",
        "            if True:\n                sent_ns",
        "plain 4",
    ),
    Mutation(
        "STOP file not looked for",
        SENDING,
        "    return STOP_FILE if stop_file else None\n",
        "    return None\n",
        "tests/core/control/test_sending.py::test_what_may_be_sent",
    ),
    Mutation(
        "exit blocked by a stop",
        SENDING,
        "            return SEND\n        case Order():\n",
        "            return _stopped(state, work, stop_file) or SEND\n        case Order():\n",
        "tests/core/control/test_sending.py::test_what_may_be_sent",
    ),
    Mutation(
        "open moves not taken up after a restart",
        EXECUTOR,
        "for work_id in [*state.open_orders, *state.open_moves]:",
        "for work_id in [*state.open_orders]:",
        "plain 3",
    ),
    Mutation(
        "provisional outcomes not resumed",
        EXECUTOR,
        "for work_id in [*state.provisional, *state.provisional_moves]:",
        "for work_id in [*state.provisional_moves]:",
        "tests/desk/test_executor.py::test_a_restart_takes_up_what_is_not_final",
    ),
)

# The chain and whoever offers a transaction.
CHAIN: Final = (
    Mutation(
        "history not searched before an expiry",
        VENUE,
        "            if status is not None:\n                return status\n        # A node",
        "        # A node",
        "tests/venues/test_jupiter.py::test_the_proof_of_expiry",
    ),
    Mutation(
        "final already at `confirmed`",
        VENUE,
        "            if status is None or not status.finalized:\n",
        "            if status is None or not status.confirmed:\n",
        "chain 0",
    ),
    Mutation(
        "effects of a dead branch made final",
        VENUE,
        " and outcome.slot == status.slot\n",
        "\n",
        "tests/sim/test_bad_chain.py::test_what_happened_on_a_dead_branch_is_never_made_final",
    ),
    Mutation(
        "expiry believed of one witness",
        VENUE,
        "absent >= min(WITNESSES, len(answers))",
        "absent >= 1",
        "tests/venues/test_jupiter.py::test_the_proof_of_expiry",
    ),
    Mutation(
        "firewall: unknown program",
        FIREWALL,
        'raise FirewallRefusal(f"the program {program} is not on the list")',
        "pass",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: spends more than was ordered",
        FIREWALL,
        "        if not 0 < self._leaves <= order.spend.units:\n",
        "        if not 0 < self._leaves:\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: brings less than was ordered",
        FIREWALL,
        "        if self._comes < order.received_min:\n",
        "        if self._comes < 0:\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: any account closed",
        FIREWALL,
        "        if (target, authority) != (self._intent.owner, self._intent.owner):\n",
        "        if authority != self._intent.owner:\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: nonce instructions",
        FIREWALL,
        '            raise FirewallRefusal(f"instruction {index} of the system program")\n',
        "            return\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: no compute limit",
        FIREWALL,
        "        if self._unit_limit is None:\n",
        "        if self._unit_limit is None:\n            return\n        if self._unit_limit < 0:\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: fee above the reservation",
        FIREWALL,
        "        if fee > fee_max_lamports:\n",
        "        if fee > 1_000 * fee_max_lamports:\n",
        "tests/solana/test_firewall.py::test_it_is_refused_and_says_why",
    ),
    Mutation(
        "firewall: signature of the maker missing",
        FIREWALL,
        "        if unsigned := transaction.unsigned():\n",
        "        if (unsigned := transaction.unsigned()) and not owner:\n",
        "tests/solana/test_firewall.py::test_a_missing_cosignature",
    ),
)

# Moves of capital.
CAPITAL: Final = (
    Mutation(
        "fee and rent of a move not held",
        MOVES,
        "    ledger.transfer(_costs_max(move), SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        "tests/core/books/test_moves.py::test_what_is_under_way_is_held_with_its_costs",
    ),
    Mutation(
        "move booked into the giver",
        MOVES,
        "    receiver = state.wallets[move.to_wallet]\n    take_back(state, book",
        "    receiver = book\n    take_back(state, book",
        "tests/core/books/test_moves.py::test_both_wallets_are_booked",
    ),
    Mutation(
        "withdrawal to any address",
        WITHDRAWALS,
        "    if command.to_address not in desk.withdraw_addresses:\n",
        "    if not command.to_address:\n",
        "tests/core/capital/test_withdrawals.py::test_capital_leaves_the_desk",
    ),
    Mutation(
        "withdrawal begun before its time",
        SENDING,
        "    if now_ns < move.not_before_ns:\n",
        "    if now_ns < 0:\n",
        "tests/core/control/test_sending.py::test_it_waits_until_its_time_and_no_longer",
    ),
    Mutation(
        "request of a withdrawal forgotten",
        WITHDRAWALS,
        "    known = state.withdrawals.get(command.request_id)\n",
        "    known = None\n",
        "tests/core/capital/test_withdrawals.py::test_capital_leaves_the_desk",
    ),
    Mutation(
        "cap given back before a fork has decided",
        MOVES,
        "    if not provisional:\n        _end(state, move, outcome)\n",
        "    _end(state, move, outcome)\n",
        "tests/core/capital/test_withdrawals.py::test_capital_leaves_the_desk",
    ),
    Mutation(
        "debt of the receiver without quarantine",
        DECIDE,
        "    for wallet_id in work.wallets:\n        book",
        "    for wallet_id in (work.wallet_id,):\n        book",
        "tests/core/books/test_moves.py::test_both_wallets_are_booked",
    ),
)

MUTATIONS: Final = (*BOOKS, *ENTRIES, *DURABILITY, *CHAIN, *CAPITAL)
