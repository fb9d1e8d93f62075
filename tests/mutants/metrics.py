"""Bugs in what monitoring is told of the desk."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

MACHINE: Final = "http/metrics/machine.py"
JOURNAL_TIMES: Final = "http/metrics/journal_times.py"
METRICS_TEST: Final = "tests/http/metrics/test_metrics.py::"
SCRAPE_TEST: Final = "tests/http/metrics/test_scrape.py::"

METRICS: Final = (
    Mutation(
        "metrics: a journal that hangs hides the whole scrape",
        "http/metrics/scrape.py",
        "        except (TimeoutError, EngineStopped):\n            return None\n",
        "        except EngineStopped:\n            return None\n",
        f"{SCRAPE_TEST}test_a_journal_that_hangs_hides_the_books_and_nothing_else",
    ),
    Mutation(
        "metrics: a desk with one reason against it is ready",
        MACHINE,
        "sheet.add(table.READY, not any(machine.faults.values()))",
        "sheet.add(table.READY, not all(machine.faults.values()))",
        f"{SCRAPE_TEST}test_a_journal_that_hangs_hides_the_books_and_nothing_else",
    ),
    Mutation(
        "metrics: two nodes of one host are one series",
        MACHINE,
        "        while other in told:\n",
        "        while other is told:\n",
        f"{METRICS_TEST}test_two_servers_of_one_host_are_two_series",
    ),
    Mutation(
        "metrics: holds that say which wallet they are about make a series each",
        "http/metrics/families.py",
        'return cause.partition(":")[0]',
        "return cause",
        f"{METRICS_TEST}test_no_series_comes_twice",
    ),
    Mutation(
        "metrics: an alarm of the books is left out",
        "views/alarms.py",
        "    Alarm.LANDING: landing_alarms,\n",
        "",
        f"{SCRAPE_TEST}test_the_table_of_alarms_has_every_alarm_of_the_books",
    ),
    Mutation(
        "metrics: a repeated send counts as the first",
        JOURNAL_TIMES,
        " and not known.is_sent:",
        ":",
        f"{METRICS_TEST}test_steps_of_an_order_are_timed_from_the_journal",
    ),
    Mutation(
        "metrics: a price that is doubted looks like any other",
        "http/metrics/samples.py",
        "                is_doubted=mint in doubted,\n",
        "                is_doubted=False,\n",
        f"{METRICS_TEST}test_a_price_that_is_doubted_says_so",
    ),
)
