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
        "?",
    ),
    Mutation(
        "reservation of fees and rent dropped",
        PLACE,
        "    ledger.transfer(costs, SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        "?",
    ),
    Mutation(
        "reservation released twice",
        CLOSE,
        "    ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "    for _ in range(2):\n"
        "        ledger.transfer(order.spend.units, order.spend.mint, accounts.held, accounts.free)\n",
        "?",
    ),
    Mutation(
        "loss in flight forgotten",
        PLACE,
        "        book.loss_in_flight_micros += order.loss_max_micros\n",
        "",
        "?",
    ),
    Mutation(
        "fee of a failed transaction not booked",
        CLOSE,
        "            return Booked(pay_costs(state, book, fee, 0))\n",
        "            return Booked()\n",
        "?",
    ),
    Mutation(
        "rent not booked",
        CLOSE,
        "outcome, pay_costs(state, book, fee, rent))",
        "outcome, pay_costs(state, book, fee, 0))",
        "?",
    ),
    Mutation(
        "cost of a split lot rounded up",
        "core/books/positions.py",
        "cost = lot.cost_micros * part // lot.units",
        "cost = -(-lot.cost_micros * part // lot.units)",
        "?",
    ),
    Mutation(
        "newest lot sold first",
        "core/books/positions.py",
        "        return _cut(self.lots, units)\n",
        "        return _cut(reversed(self.lots), units)\n",
        "?",
    ),
    Mutation(
        "day rolled twice", DECIDE, "if at_ns // DAY_NS > state.day and", "if at_ns // DAY_NS >= state.day and", "?"
    ),
    Mutation(
        "day's base of unrealised not renewed",
        "core/books/apply.py",
        "        book.unrealised_base_micros = book.unrealised_micros\n",
        "",
        "?",
    ),
    Mutation(
        "deposit applied twice",
        "core/control/configuration.py",
        "    if deposit.deposit_id in state.deposits:\n",
        "    if deposit.deposit_id in ():\n",
        "?",
    ),
    Mutation(
        "fee kept when a fork undid it",
        FORK,
        "    state.ledger.transfer(fee, SOL, FEES, book.accounts.sol_float)\n",
        "",
        "?",
    ),
    Mutation(
        "debt of a fork without quarantine",
        DECIDE,
        "    if book.in_suspense:\n",
        "    if book.in_suspense and not book.wallet.id:\n",
        "?",
    ),
)

# May a wallet take it, and which.
ENTRIES: Final = (
    Mutation(
        "position limit off by one",
        GATE,
        "if used + notional > limits.position_max_micros",
        "if used + notional > limits.position_max_micros + 1",
        "?",
    ),
    Mutation(
        "trades per day off by one",
        GATE,
        "book.trades_today + book.entries_open >= limits.trades_per_day_max",
        "book.trades_today + book.entries_open > limits.trades_per_day_max",
        "?",
    ),
    Mutation(
        "daily loss refused at its edge, too early",
        GATE,
        "ask) > limits.daily_loss_max_micros",
        "ask) >= limits.daily_loss_max_micros",
        "?",
    ),
    Mutation(
        "exposure ignores held buys",
        GATE,
        "book.positions_micros + book.entries_micros + notional >",
        "book.positions_micros + notional >",
        "?",
    ),
    Mutation(
        "reserve float not kept",
        GATE,
        "rent_lamports(desk, book, mint) + desk.reserve_float_lamports",
        "rent_lamports(desk, book, mint)",
        "?",
    ),
    Mutation(
        "stale price accepted",
        GATE,
        "at_ns - min(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        "at_ns - max(mark.at_ns, sol_mark.at_ns) > desk.mark_age_max_ns",
        "?",
    ),
    Mutation(
        "notional rounded down",
        "core/entries/request.py",
        "return value_micros_up(base_units(signal.quantity",
        "return value_micros(base_units(signal.quantity",
        "?",
    ),
    Mutation(
        "gate skipped on failover",
        DECIDE,
        "    if not signal_may_enter(state, ask, at_ns, received_at_ns):\n",
        "    if failed is None and not signal_may_enter(state, ask, at_ns, received_at_ns):\n",
        "?",
    ),
    Mutation(
        "failover to a wallet already tried",
        DECIDE,
        "    choice = index.choose(ask, at_ns, tried)\n",
        "    choice = index.choose(ask, at_ns, ())\n",
        "?",
    ),
    Mutation(
        "failover after a market cause",
        DECIDE,
        "(isinstance(outcome, Rejected) and outcome.cause.of_wallet)",
        "isinstance(outcome, Rejected)",
        "?",
    ),
    Mutation(
        "one attempt too many",
        DECIDE,
        "if order.attempt + 1 >= state.settings.attempts_max or",
        "if order.attempt >= state.settings.attempts_max or",
        "?",
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
        "?",
    ),
    Mutation(
        "signal answered before it is durable",
        ENGINE,
        "        await self._until_durable(self._state.seq)\n        return CommandAnswer(",
        "        return CommandAnswer(",
        "?",
    ),
    Mutation(
        "command answered before it is durable",
        ENGINE,
        "            raise\n        await self._until_durable(self._state.seq)\n        return events\n",
        "            raise\n        return events\n",
        "?",
    ),
    Mutation(
        "feed published before it is durable",
        ENGINE,
        "        await self._journal.append(batch)\n        self._durable_seq = batch[-1].seq\n"
        "        for feed in self._feeds:\n            feed.publish(batch)\n",
        "        for feed in self._feeds:\n            feed.publish(batch)\n"
        "        await self._journal.append(batch)\n        self._durable_seq = batch[-1].seq\n",
        "?",
    ),
    Mutation(
        "group commit answers those of the next batch",
        ENGINE,
        "        self._durable_seq = batch[-1].seq\n",
        "        self._durable_seq = self._state.seq\n",
        "?",
    ),
    Mutation(
        "snapshot under load named one entry early",
        ENGINE,
        "        snapshot = Snapshot(self._state.seq, encode_state(self._state))\n        self._snapshot_seq",
        "        snapshot = Snapshot(self._state.seq - 1, encode_state(self._state))\n        self._snapshot_seq",
        "?",
    ),
    Mutation(
        "recovery reads one entry too few",
        ENGINE,
        "for entry in journal.read(after=state.seq):",
        "for entry in list(journal.read(after=state.seq))[:-1]:",
        "?",
    ),
    Mutation(
        "known id with other content accepted",
        ENGINE,
        "        if not same_content(events[0].signal, signal):\n",
        "        if not same_content(signal, signal):\n",
        "?",
    ),
    Mutation(
        "old duplicate not looked up in the index",
        ENGINE,
        "return self._journal.find(signal_id) if len(decided) < self._state.signals else None",
        "return None",
        "?",
    ),
    Mutation(
        "journal's time runs backwards",
        ENGINE,
        "at_ns = max(self._clock.now_ns(), state.at_ns)",
        "at_ns = self._clock.now_ns()",
        "?",
    ),
    Mutation("quote not checked", EXECUTOR, "return rejected if rejected is not None else await", "return await", "?"),
    Mutation(
        "one wallet too many at work",
        EXECUTOR,
        "len(self._active) < self._wallets_max",
        "len(self._active) <= self._wallets_max",
        "?",
    ),
    Mutation(
        "wallet slot never given back",
        EXECUTOR,
        "        finally:\n            self._slots.release(work.wallet_id)\n",
        "        finally:\n            pass\n",
        "?",
    ),
    Mutation(
        "sent although a stop came after the ticket",
        EXECUTOR,
        "        if isinstance(verdict, Over):\n            return verdict  # Nobody",
        "        if isinstance(verdict, Over):\n            verdict = Send()\n        if isinstance(verdict, Over):\n"
        "            return verdict  # Nobody",
        "?",
    ),
    Mutation(
        "resent after an emergency stop",
        EXECUTOR,
        "            if self._may_send(work):\n                sent_ns",
        "            if True:\n                sent_ns",
        "?",
    ),
    Mutation(
        "STOP file not looked for", SENDING, "    return STOP_FILE if stop_file else None\n", "    return None\n", "?"
    ),
    Mutation(
        "exit blocked by a stop",
        SENDING,
        "            return SEND\n        case Order():\n",
        "            return _stopped(state, work, stop_file) or SEND\n        case Order():\n",
        "?",
    ),
    Mutation(
        "open moves not taken up after a restart",
        EXECUTOR,
        "for work_id in [*state.open_orders, *state.open_moves]:",
        "for work_id in [*state.open_orders]:",
        "?",
    ),
    Mutation(
        "provisional outcomes not resumed",
        EXECUTOR,
        "for work_id in [*state.provisional, *state.provisional_moves]:",
        "for work_id in [*state.provisional_moves]:",
        "?",
    ),
)

# The chain and whoever offers a transaction.
CHAIN: Final = (
    Mutation(
        "history not searched before an expiry",
        VENUE,
        "            if status is not None:\n                return status\n        # A node",
        "        # A node",
        "?",
    ),
    Mutation(
        "final already at `confirmed`",
        VENUE,
        "            if status is None or not status.finalized:\n",
        "            if status is None or not status.confirmed:\n",
        "?",
    ),
    Mutation(
        "effects of a dead branch made final",
        VENUE,
        " and outcome.slot == status.slot\n",
        "\n",
        "?",
    ),
    Mutation("expiry believed of one witness", VENUE, "absent >= min(WITNESSES, len(answers))", "absent >= 1", "?"),
    Mutation(
        "firewall: unknown program",
        FIREWALL,
        'raise FirewallRefusal(f"the program {program} is not on the list")',
        "pass",
        "?",
    ),
    Mutation(
        "firewall: spends more than was ordered",
        FIREWALL,
        "        if not 0 < self._leaves <= order.spend.units:\n",
        "        if not 0 < self._leaves:\n",
        "?",
    ),
    Mutation(
        "firewall: brings less than was ordered",
        FIREWALL,
        "        if self._comes < order.received_min:\n",
        "        if self._comes < 0:\n",
        "?",
    ),
    Mutation(
        "firewall: any account closed",
        FIREWALL,
        "        if (target, authority) != (self._intent.owner, self._intent.owner):\n",
        "        if authority != self._intent.owner:\n",
        "?",
    ),
    Mutation(
        "firewall: nonce instructions",
        FIREWALL,
        '            raise FirewallRefusal(f"instruction {index} of the system program")\n',
        "            return\n",
        "?",
    ),
    Mutation(
        "firewall: no compute limit",
        FIREWALL,
        "        if self._unit_limit is None:\n",
        "        if self._unit_limit is None:\n            return\n        if self._unit_limit < 0:\n",
        "?",
    ),
    Mutation(
        "firewall: fee above the reservation",
        FIREWALL,
        "        if fee > fee_max_lamports:\n",
        "        if fee > 1_000 * fee_max_lamports:\n",
        "?",
    ),
    Mutation(
        "firewall: signature of the maker missing",
        FIREWALL,
        "        if unsigned := transaction.unsigned():\n",
        "        if (unsigned := transaction.unsigned()) and not owner:\n",
        "?",
    ),
)

# Moves of capital.
CAPITAL: Final = (
    Mutation(
        "fee and rent of a move not held",
        MOVES,
        "    ledger.transfer(_costs_max(move), SOL, accounts.sol_float, accounts.sol_float_held)\n",
        "",
        "?",
    ),
    Mutation(
        "move booked into the giver",
        MOVES,
        "    receiver = state.wallets[move.to_wallet]\n    take_back(state, book",
        "    receiver = book\n    take_back(state, book",
        "?",
    ),
    Mutation(
        "withdrawal to any address",
        WITHDRAWALS,
        "    if command.to_address not in desk.withdraw_addresses:\n",
        "    if not command.to_address:\n",
        "?",
    ),
    Mutation(
        "withdrawal begun before its time",
        SENDING,
        "    if now_ns < move.not_before_ns:\n",
        "    if now_ns < 0:\n",
        "?",
    ),
    Mutation(
        "request of a withdrawal forgotten",
        WITHDRAWALS,
        "    known = state.withdrawals.get(command.request_id)\n",
        "    known = None\n",
        "?",
    ),
    Mutation(
        "cap given back before a fork has decided",
        MOVES,
        "    if not provisional:\n        _end(state, move, outcome)\n",
        "    _end(state, move, outcome)\n",
        "?",
    ),
    Mutation(
        "debt of the receiver without quarantine",
        DECIDE,
        "    for wallet_id in work.wallets:\n        book",
        "    for wallet_id in (work.wallet_id,):\n        book",
        "?",
    ),
)

MUTATIONS: Final = (*BOOKS, *ENTRIES, *DURABILITY, *CHAIN, *CAPITAL)
