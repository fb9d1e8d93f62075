"""Bugs in the engine: durable before it is told, the same after a restart, and a full disk survived."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

TOLD_TEST: Final = "tests/desk/test_engine.py::test_nothing_is_told_or_published_before_it_is_durable"

ENGINE: Final = "desk/engine.py"
DUPLICATE_TEST: Final = "tests/desk/test_durable_first.py::test_a_duplicate_gets_its_first_answer_also_after_a_restart"

DURABILITY: Final = (
    Mutation(
        "signal answered before it is durable",
        ENGINE,
        "        await self._until_durable(begun.durable_seq)\n        return self.answer(",
        "        self._durable_seq = begun.durable_seq\n        return self.answer(",
        TOLD_TEST,
        world="plain",
    ),
    Mutation(
        "command answered before it is durable",
        ENGINE,
        "            raise\n        await self._until_durable(self._state.seq)\n        return events\n",
        "            raise\n        return events\n",
        "tests/desk/test_durable_first.py::test_nothing_is_sent_before_its_ticket_is_durable",
        world="plain",
    ),
    Mutation(
        "feed published before it is durable",
        ENGINE,
        "        await self._journal.append(batch)\n"
        "        self._durable_seq = batch[-1].seq\n"
        "        for feed in self._feeds:\n"
        "            feed.publish(batch)\n",
        "        for feed in self._feeds:\n"
        "            feed.publish(batch)\n"
        "        await self._journal.append(batch)\n"
        "        self._durable_seq = batch[-1].seq\n",
        TOLD_TEST,
        world="plain",
    ),
    Mutation(
        "group commit answers those of the next batch",
        ENGINE,
        "        self._durable_seq = batch[-1].seq\n",
        "        self._durable_seq = self._state.seq\n",
        "tests/desk/test_durable_first.py::test_an_answer_waits_for_its_own_batch",
        world="plain",
    ),
    Mutation(
        "journal's time runs backwards",
        ENGINE,
        "at_ns = max(now_ns, state.at_ns)",
        "at_ns = now_ns",
        "tests/desk/test_durable_first.py::test_a_clock_that_was_set_back_does_not_set_the_journal_back",
    ),
    Mutation(
        "recovery reads one entry too few",
        ENGINE,
        "for entry in journal.read(after=state.seq):",
        "for entry in list(journal.read(after=state.seq))[:-1]:",
        "tests/desk/test_executor.py::test_a_restart_takes_up_what_is_not_final",
        world="plain",
    ),
    Mutation(
        "ticket forgotten at recovery",
        ENGINE,
        "        forget_changes(state)\n    state.revalued = True\n",
        "        forget_changes(state)\n"
        "    for known in state.open_orders.values():\n"
        "        known.ticket = None\n"
        "    state.revalued = True\n",
        "tests/desk/test_executor.py::test_a_restart_follows_what_was_signed_and_signs_nothing_again",
        world="plain",
    ),
    Mutation(
        "answer of another entry repeated",
        "core/books/apply.py",
        "state.decided[signal.id] = entry.seq",
        "state.decided[signal.id] = entry.seq - 1",
        DUPLICATE_TEST,
        world="plain",
    ),
    Mutation(
        "id forgotten before the journal knows it",
        "core/books/state.py",
        "while len(decided) > kept_max and next(iter(decided.values())) <= durable_seq:",
        "while len(decided) > kept_max:",
        "tests/desk/test_durable_first.py::test_an_id_is_remembered_until_the_journal_knows_it",
    ),
    Mutation(
        "known id with other content accepted",
        ENGINE,
        "        if not same_content(answers[0].signal, signal):\n",
        "        if not same_content(signal, signal):\n",
        "tests/desk/test_engine.py::test_an_id_that_is_known_with_other_content_is_an_error",
        world="plain",
    ),
    Mutation(
        "old duplicate not looked up in the index",
        ENGINE,
        "return self._journal.find(signal_id) if len(decided) < self._state.signals else None",
        "return None",
        DUPLICATE_TEST,
    ),
    Mutation(
        "snapshot under load saved before its entries are durable",
        ENGINE,
        "        while self._durable_seq < snapshot.seq:\n            await self._commit()\n",
        "",
        "tests/sim/test_simulate.py::test_a_snapshot_taken_under_load_recovers_the_same_state",
    ),
    Mutation(
        "full disk not held",
        ENGINE,
        "if self._journal.degraded and DISK_FULL not in",
        "if self._journal.degraded and DISK_FULL in",
        "tests/desk/test_durable_first.py::test_a_full_disk_holds_all_entries",
        world="plain",
    ),
    Mutation(
        "shutdown on a full disk fails",
        ENGINE,
        " and not self._intake_closed:\n            self._decide_and_apply(AddHold",
        ":\n            self._decide_and_apply(AddHold",
        "tests/desk/test_durable_first.py::test_a_full_disk_does_not_hinder_a_shutdown",
    ),
)
