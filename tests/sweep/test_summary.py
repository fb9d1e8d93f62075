"""What the runs of a sweep say together: order, means, heat, and what choosing by the past was worth."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sweep.files import write_sweep

from overmind.report.chart_code import ChartCode, chart_code, installed_file
from overmind.sweep.files import write_files
from overmind.sweep.page import page_of
from overmind.sweep.plan import Plan, read_plan
from overmind.sweep.ranks import rank_correlation, ranks_of
from overmind.sweep.summary import summary_of
from overmind.sweep.tasks import tasks_of
from overmind.sweep.told import Figures, Result, Sweep, Task

NAME = "OVERMIND_ASSET_MAX_PERCENT"
# The return of each value of the setting, in each of three parts.
RETURNS = {"10": (0.01, 0.04, 0.01), "20": (0.02, 0.03, 0.02), "30": (0.03, 0.02, 0.03), "40": (0.04, 0.01, 0.04)}


def figures(total: float) -> Figures:
    return Figures(total, None, None, None, None, None, -0.1, 1.0, 1.0, 1, None, None, None, None, 2.0, 1, 0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return read_plan(write_sweep(tmp_path, "parts = 3", f"[vary]\n{NAME} = [10, 20, 30, 40]"))


def result(task: Task, total: float | None) -> Result:
    times = f"2025-04-0{6 + task.part}T00:00:00+00:00", f"2025-04-0{7 + task.part}T00:00:00+00:00"
    growth = ((task.part, 1.0), (task.part + 1, 1.0 + (total or 0.0)))
    return Result(task, *times, None if total is None else figures(total), growth, "" if total is not None else "broke")


def swept(plan: Plan, broken: str = "") -> Sweep:
    return summary_of(
        plan,
        [
            result(task, None if task.settings[NAME] == broken else RETURNS[task.settings[NAME]][task.part])
            for task in reversed(tasks_of(plan, "x"))
        ],
    )


def test_the_best_come_first_with_their_parts(plan: Plan) -> None:
    found = swept(plan)
    assert [row.settings[NAME] for row in found.settings] == ["40", "30", "20", "10"]
    assert found.settings[0].by_part == (0.04, 0.01, 0.04)
    assert found.settings[0].chosen_by == pytest.approx(0.03)
    assert (found.settings[0].trades, found.settings[0].costs_usd) == (3, 6.0)


def test_a_run_that_failed_is_a_row_at_the_end(plan: Plan) -> None:
    found = swept(plan, broken="40")
    assert (found.runs, found.failed) == (12, 3)
    assert found.settings[-1].settings[NAME] == "40"
    assert (found.settings[-1].chosen_by, found.settings[-1].errors) == (None, ("broke",))


def test_what_was_chosen_is_told_by_the_next_part(plan: Plan) -> None:
    """The order of the settings turns round from each part to the next: the past tells the opposite."""
    walk = swept(plan).walk_forward
    assert walk is not None
    assert [(step.settings[NAME], step.chosen, step.next, step.next_rank) for step in walk.steps] == [
        ("40", 0.04, 0.01, 4),
        ("10", 0.04, 0.01, 4),
    ]
    assert walk.rank_correlation == pytest.approx(-1)
    assert (walk.chosen, walk.next, walk.next_median) == pytest.approx((0.04, 0.01, 0.025))


def test_a_curve_goes_on_from_part_to_part(plan: Plan) -> None:
    assert [(at_s, round(grown, 6)) for at_s, grown in swept(plan).curves[0].points] == [
        (0, 1.0),
        (1, 1.04),
        (2, 1.0504),
        (3, 1.092416),
    ]


def test_a_heat_map_of_many_numbers_has_bins(tmp_path: Path) -> None:
    vary = f"[vary]\n{NAME} = {{ from = 1, to = 100 }}\nOVERMIND_DUST_USD = [1, 2]"
    plan = read_plan(write_sweep(tmp_path, "draws = 40", vary))
    found = summary_of(plan, [result(task, 0.01) for task in tasks_of(plan, "x")])
    (heat,) = found.heat
    assert (heat.across, heat.rows, len(heat.columns)) == (NAME, ("1", "2"), 8)
    assert sum(cell.runs for line in heat.cells for cell in line) == 40


@pytest.mark.parametrize("charts", [True, False])
def test_the_page_lets_only_its_own_code_run(plan: Plan, charts: bool) -> None:
    code = chart_code(installed_file()) if charts else ChartCode(None, "the package is not installed")
    page = page_of(swept(plan), code)
    assert page == page_of(swept(plan), code)
    assert "default-src &#39;none&#39;" in page
    assert ("the package is not installed" in page) is not charts
    for expected in ("Walk forward", "Heat maps", "Rank correlation", "\u22121.00", "ASSET_MAX_PERCENT"):
        assert expected in page
    told = Addresses()
    told.feed(page)
    assert told.found == []


class Addresses(HTMLParser):
    """What a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            str(value) for name, value in attrs if name in ("src", "href") and not str(value).startswith("#")
        ]


def test_the_files_have_every_setting_and_every_step(plan: Plan, tmp_path: Path) -> None:
    write_files(tmp_path / "csv", swept(plan))
    settings = (tmp_path / "csv" / "settings.csv").read_text().splitlines()
    assert settings[0].startswith(f"{NAME},chosen_by,total_return")
    assert len(settings) == 5
    assert len((tmp_path / "csv" / "walk_forward.csv").read_text().splitlines()) == 3


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30))
def test_the_rank_correlation_is_that_of_the_ranks(pairs: list[tuple[int, int]]) -> None:
    one, other = ([float(pair[side]) for pair in pairs] for side in (0, 1))
    found = rank_correlation(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
        return
    expected = np.corrcoef(ranks_of(one), ranks_of(other))[0, 1]
    assert found == pytest.approx(expected)


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks_of([3.0, 1.0, 3.0, 2.0]) == [3.5, 1.0, 3.5, 2.0]
    assert rank_correlation([1.0, 2.0], [1.0, 2.0]) is None
