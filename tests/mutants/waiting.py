"""Bugs that let the event loop wait, or that hide what was lost because it did not."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

OUTLET: Final = "desk/log/outlet.py"
OUTLET_TEST: Final = "tests/desk/log/test_outlet.py::"
LOOK: Final = "desk/watches/stop_file_watch.py"
LOOK_TEST: Final = "tests/desk/watches/test_stop_file_watch.py::"
LINE: Final = "desk/log/line.py"
RESOLVER_TEST: Final = "tests/solana/test_resolver.py::"

WAITING: Final = (
    Mutation(
        "waiting: a host is forgotten while its name server hangs",
        "solana/resolver.py",
        "            if known is None:\n",
        "            if known is not None or known is None:\n",
        f"{RESOLVER_TEST}test_a_host_keeps_its_last_address_while_the_name_server_hangs_or_forgets_it",
    ),
    Mutation(
        "waiting: the process does not end while a look-up hangs",
        "solana/resolver.py",
        "daemon=True",
        "daemon=False",
        f"{RESOLVER_TEST}test_a_process_ends_while_a_look_up_hangs",
    ),
    Mutation(
        "waiting: outcomes that come together are booked in one turn of the loop",
        "desk/executor.py",
        "            await self._turn(work)\n            self._engine.post(RecordOutcome",
        "            self._engine.post(RecordOutcome",
        "tests/desk/test_executor.py::test_outcomes_that_come_together_are_booked_a_few_in_a_turn",
    ),
    Mutation(
        "waiting: entries go before exits where work waits for a turn of the loop",
        "desk/crowd.py",
        "in (self._urgent, self._others)",
        "in (self._others, self._urgent)",
        "tests/desk/test_crowd.py::test_more_pass_turn_by_turn_and_the_urgent_first",
    ),
    Mutation(
        "waiting: the log's queue has no bound",
        OUTLET,
        "        if self._queue.qsize() < self._most - spare:\n",
        "        if self._queue.qsize() < 10**9 - spare:\n",
        f"{OUTLET_TEST}test_a_disk_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted",
    ),
    Mutation(
        "waiting: lost lines are not counted",
        OUTLET,
        "            self._lose(1)\n",
        "            pass\n",
        f"{OUTLET_TEST}test_a_disk_that_hangs_holds_nobody_up_and_what_does_not_fit_is_counted",
    ),
    Mutation(
        "waiting: lines that the disk refuses are not counted",
        OUTLET,
        "                    self._lose(len(items))\n",
        "                    pass\n",
        f"{OUTLET_TEST}test_what_could_not_be_written_is_lost_and_counted",
    ),
    Mutation(
        "waiting: no room is kept for warnings",
        OUTLET,
        "self._most - spare:\n",
        "self._most:\n",
        f"{OUTLET_TEST}test_spare_places_are_left_to_what_matters_more",
    ),
    Mutation(
        "waiting: the log does not say what it lost",
        "desk/log/output.py",
        '            texts.append(_notice(logging.ERROR, "lines of the log were lost", lost - self._told_lost))\n',
        "            pass\n",
        "tests/desk/log/test_file.py::test_an_unwritable_log_is_one_warning_until_it_is_written_again",
    ),
    Mutation(
        "waiting: a line shows values of later",
        LINE,
        "            return [_held(one) for one in value]\n",
        "            return value\n",
        "tests/desk/log/test_line.py::test_later_changes_of_values_change_no_line",
    ),
    Mutation(
        "waiting: a pipe as the log is opened",
        "desk/log/setup.py",
        "        if (found := obstacle(path)) is not None:\n",
        "        if (found := obstacle(path)) is not None and False:\n",
        "tests/desk/log/test_file.py::test_what_is_no_regular_file_is_refused_at_the_start",
    ),
    Mutation(
        "waiting: a look that hangs counts as no STOP file",
        LOOK,
        "        return last.found or uptime_ns()",
        "        return last.found or 0 * uptime_ns()",
        f"{LOOK_TEST}test_while_a_look_hangs_nothing_is_sent_that_a_stop_forbids",
    ),
    Mutation(
        "waiting: a look at once relies on the last one",
        LOOK,
        "            await self._aside.run(self._look, self._look_max_s)\n",
        "            pass\n",
        f"{LOOK_TEST}test_a_look_at_once_does_not_rely_on_an_earlier_one",
    ),
)
