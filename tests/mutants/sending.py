"""Bugs in sending: recorded before it is sent, stopped by a stop, followed until it is final."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

EXECUTOR: Final = "desk/executor.py"
SENDING: Final = "core/control/sending.py"
SENDING_TEST: Final = "tests/core/control/test_sending.py::test_what_may_be_sent"
STOP_TEST: Final = "tests/desk/test_executor.py::test_a_stop_and_the_end_of_its_time_end_sending_and_not_following"
TICKET_TEST: Final = "tests/desk/test_durable_first.py::test_nothing_is_sent_before_its_ticket_is_durable"

SENDING_BUGS: Final = (
    Mutation(
        "ticket sent before it is recorded",
        EXECUTOR,
        "        await self._engine.handle(RecordTicket(work.id, prepared))\n",
        "        await self._send(work, prepared)\n"
        "        await self._engine.handle(RecordTicket(work.id, prepared))\n",
        TICKET_TEST,
        world="plain",
    ),
    Mutation(
        "ticket sent before it is durable",
        EXECUTOR,
        "        await self._engine.handle(RecordTicket(work.id, prepared))\n",
        "        self._engine.post(RecordTicket(work.id, prepared))\n",
        TICKET_TEST,
        world="plain",
    ),
    Mutation(
        "order closed on a timeout",
        EXECUTOR,
        "            await self._venue.wait(ticket, POLL_S)\n",
        "            await self._venue.wait(ticket, POLL_S)\n"
        "            if self._clock.now_ns() >= work.expires_at_ns:\n"
        "                return Rejected(Cause.SIGNAL_EXPIRED)\n",
        STOP_TEST,
        world="chain",
    ),
    Mutation(
        "a send that failed ends the order",
        EXECUTOR,
        '            log.warning("send not answered", signature=ticket.signature, why=str(silent))\n',
        "            raise RuntimeError from silent\n",
        "tests/desk/test_executor.py::test_a_send_that_is_not_answered_is_no_outcome",
        world="plain",
    ),
    Mutation(
        "one wallet too many at work",
        EXECUTOR,
        "len(self._active) < self._wallets_max",
        "len(self._active) <= self._wallets_max",
        "tests/desk/test_wallet_slots.py::test_first_come_first_served_and_one_wallet_needs_one_slot",
        world="plain",
    ),
    Mutation(
        "wallet slot never given back",
        EXECUTOR,
        "        finally:\n            self._slots.release(work.wallet_id)\n",
        "        finally:\n            pass\n",
        "tests/desk/test_wallet_slots.py::test_an_order_gives_its_slot_back_and_only_then_the_next_is_signed",
        world="plain",
    ),
    Mutation(
        "closed order heard of late",
        EXECUTOR,
        "        if known is not None and work_id not in self._running:\n",
        "        assert known is not None\n        if work_id not in self._running:\n",
        "tests/desk/test_durable_first.py::test_work_that_closed_before_it_was_heard_of_is_skipped",
    ),
    Mutation(
        "sent although a stop came after the ticket",
        EXECUTOR,
        "        if isinstance(verdict, Over):\n            return verdict  # Nobody",
        "        if isinstance(verdict, Over):\n"
        "            verdict = Send()\n"
        "        if isinstance(verdict, Over):\n"
        "            return verdict  # Nobody",
        "tests/desk/test_durable_first.py::test_a_stop_while_the_ticket_becomes_durable_ends_the_order_unsent",
    ),
    Mutation(
        "sent although a stop came while the send waited",
        EXECUTOR,
        "lambda: self._may_send(work))",
        "lambda: True)",
        "tests/desk/test_durable_first.py::test_a_stop_ends_a_send_that_waits_for_its_turn",
    ),
    Mutation(
        "resent after an emergency stop",
        EXECUTOR,
        "            if self._may_send(work):\n                sent_ns",
        "            if True:\n                sent_ns",
        STOP_TEST,
        world="plain",
    ),
    Mutation(
        "entry sent although the portfolio is held",
        SENDING,
        "    if held:\n        return Over",
        "    if held and stop_file:\n        return Over",
        SENDING_TEST,
        world="plain",
    ),
    Mutation(
        "acted on a lifted stop before the lift is durable",
        "desk/engine.py",
        "while self._lifted_seq > self._durable_seq:",
        "while False:",
        "tests/desk/test_durable_first.py::test_nothing_is_sent_before_a_lifted_hold_is_durable",
    ),
    Mutation(
        "STOP file not looked for",
        SENDING,
        "    return STOP_FILE if stop_file else None\n",
        "    return None\n",
        SENDING_TEST,
    ),
    Mutation(
        "exit blocked by a stop",
        SENDING,
        "            return SEND if knows_history(state) else HISTORY_UNKNOWN\n",
        "            return _stopped(state, work, stop_file) or SEND if knows_history(state) else HISTORY_UNKNOWN\n",
        SENDING_TEST,
        world="plain",
    ),
    Mutation(
        "emergency stop skips wallets that are held already",
        "core/control/breakers.py",
        "    for wallet_id in state.wallets:\n        yield from add_hold",
        "    for wallet_id in [one for one, book in state.wallets.items() if not book.holds]:\n"
        "        yield from add_hold",
        "tests/core/control/test_holds.py::test_the_status_derives_from_the_holds",
    ),
    Mutation(
        "tickets not resumed, signed again instead",
        EXECUTOR,
        "self._execute(tasks, known.work, known.ticket)",
        "self._execute(tasks, known.work, None)",
        "tests/desk/test_executor.py::test_a_restart_follows_what_was_signed_and_signs_nothing_again",
        world="plain",
    ),
    Mutation(
        "open moves not taken up after a restart",
        EXECUTOR,
        "(tasks, [*orders, *(known.move for known in state.open_moves.values())])",
        "(tasks, orders)",
        "tests/desk/test_paying.py::test_a_restart_does_not_decide_the_outcome_of_a_ticket",
        world="plain",
    ),
    Mutation(
        "provisional outcomes not resumed",
        EXECUTOR,
        "enumerate([*state.provisional, *state.provisional_moves], 1):",
        "enumerate([*state.provisional_moves], 1):",
        "tests/desk/test_executor.py::test_a_restart_takes_up_what_is_not_final",
        world="chain",
    ),
    Mutation(
        "provisional moves not followed after a restart",
        EXECUTOR,
        "enumerate([*state.provisional, *state.provisional_moves], 1):",
        "enumerate([*state.provisional], 1):",
        "tests/desk/test_durable_first.py::test_a_restart_follows_a_move_that_is_not_final",
        world="chain",
    ),
    Mutation(
        "rollback ignored",
        EXECUTOR,
        "self._engine.post(RecordFinal(work.id, final))",
        "self._engine.post(RecordFinal(work.id, known.outcome))",
        "tests/desk/test_executor.py::test_an_outcome_that_a_fork_undid_is_rolled_back",
        world="chain",
    ),
)
