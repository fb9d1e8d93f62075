"""Bugs of reports: a figure that flatters, or a page that lets others in."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

GROWTH: Final = "tests/views/performance/test_growth.py"
RECORD: Final = "tests/views/performance/test_record.py"
PAGE: Final = "tests/report/test_page.py"

REPORT_BUGS: Final = (
    Mutation(
        "report: a deposit is a gain",
        "views/performance/growth.py",
        "self._grow_to(equity_micros - flow_micros)",
        "self._grow_to(equity_micros)",
        f"{GROWTH}::test_flows_alone_grow_nothing",
    ),
    Mutation(
        "report: a sale that a fork undid stays a trade",
        "views/performance/round_trips.py",
        "for trip in self.sold.pop(order.id, ()):",
        "for trip in self.sold.get(order.id, ()):",
        f"{RECORD}::test_round_trips",
    ),
    Mutation(
        "report: round trips bear no costs of their entry",
        "views/performance/round_trips.py",
        "fees_micros=entry_costs + exit_costs",
        "fees_micros=exit_costs",
        f"{RECORD}::test_round_trips",
    ),
    Mutation(
        "report: text of the journal ends the page's script",
        "report/page.py",
        '.replace("<", "\\\\u003c")',
        "",
        f"{PAGE}::test_text_from_outside_stays_text",
    ),
    Mutation(
        "report: the page's policy lets any code run",
        "report/page.py",
        "script-src {allowed}; base-uri",
        "script-src {allowed} 'unsafe-inline'; base-uri",
        f"{PAGE}::test_only_its_own_code_and_style_run",
    ),
    Mutation(
        "report: a cell is a formula",
        "report/files.py",
        "isinstance(value, str) and value.startswith(FORMULA_BEGINS)",
        'isinstance(value, str) and value.startswith("=")',
        "tests/report/test_files.py::test_no_cell_is_a_formula",
    ),
    Mutation(
        "report: a refused buy is held beyond its stop",
        "views/performance/refused.py",
        "if stops:\n",
        "if not stops:\n",
        "tests/views/performance/test_refused.py::test_refused_buys",
    ),
    Mutation(
        "report: a refused buy costs nothing to trade",
        "views/performance/report.py",
        "- round(rate * (one.sold_micros + one.bought_micros))",
        "",
        "tests/views/performance/test_refused.py::test_the_desk_s_mean_costs_are_paid_on_both_sides",
    ),
)
