"""What the budget compares, and when it says no. The counting itself is `make budget`."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import budget
from bench.budget import DECISION, PARENT, SETTLEMENT, compared, known_rows, with_row

HERE, ELSEWHERE = "cpython-3.11.7 x86_64 this processor", "cpython-3.11.7 x86_64 another processor"
ROWS = {HERE: {DECISION: 100_000, SETTLEMENT: 50_000}}


@pytest.mark.parametrize(
    ("decision", "settlement", "over"),
    [
        (100_000, 50_000, []),
        (101_900, 50_950, []),
        (102_100, 50_000, [DECISION]),
        (100_000, 51_050, [SETTLEMENT]),
        (102_100, 51_050, [DECISION, SETTLEMENT]),
        (50_000, 51_050, [SETTLEMENT]),  # What one saves, the other may not spend.
    ],
)
def test_a_rise_by_more_than_two_percent_is_over(decision: int, settlement: int, over: list[str]) -> None:
    report = compared(ROWS, HERE, {DECISION: decision, SETTLEMENT: settlement}, None, "")
    assert [rise.partition(":")[0] for rise in report.over] == over
    assert report.against == "bench/budget.json"


def test_an_overrun_names_the_work_and_by_how_much_it_rose() -> None:
    report = compared(ROWS, HERE, {DECISION: 102_100}, None, "")
    assert report.over == ["a ranked decision: 100,000 → 102,100 instructions (+2.10%)"]


def test_without_a_row_the_parent_commit_counts() -> None:
    counts, parent = {DECISION: 102_100}, {DECISION: 102_000}
    assert compared(ROWS, ELSEWHERE, counts, parent, PARENT).over == []
    report = compared(ROWS, ELSEWHERE, counts, {DECISION: 100_000}, PARENT)
    assert (len(report.over), report.against) == (1, "the parent commit")


def test_work_that_is_new_has_nothing_to_exceed() -> None:
    assert compared(ROWS, HERE, {DECISION: 100_000, "a new kind of work": 10**9}, None, "").over == []


def test_updating_writes_one_row_and_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "budget.json"
    path.write_bytes(with_row(known_rows(path), ELSEWHERE, {DECISION: 1}))
    path.write_bytes(with_row(known_rows(path), HERE, {DECISION: 2}))
    path.write_bytes(with_row(known_rows(path), HERE, {DECISION: 3}))
    assert known_rows(path) == {ELSEWHERE: {DECISION: 1}, HERE: {DECISION: 3}}


def test_the_exit_code_says_whether_it_fits(tmp_path: Path) -> None:
    path, parent = tmp_path / "budget.json", {DECISION: 90_000}

    def run(count: int, *arguments: str) -> int:
        return budget.main(arguments, path, lambda tree: {DECISION: count}, lambda commit: parent)

    assert run(100_000) == 1  # No row yet, and the parent took less.
    assert run(91_000) == 0
    assert run(100_000, "--update") == 0
    assert run(101_900) == 0
    assert run(102_100, "--json") == 1
    assert run(102_100, "--update") == 0
    assert run(102_100) == 0
    assert run(102_100, "--against", "HEAD^") == 1  # Then the row does not count.


def test_a_machine_without_valgrind_is_told_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert budget.main(["--update"]) == 2
    assert "apt-get install valgrind" in capsys.readouterr().err
