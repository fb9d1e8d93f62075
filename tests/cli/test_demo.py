"""What the demo shows to a person, and what it leaves."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.support.command import CommandResult, overmind

COLUMNS = 80
STRATEGIES = ("AIDecision", "Arbitrage", "AxiomMemeCoin", "DeveloperTracking", "MeteoraDAMM", "MomentumTrading")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CommandResult]:
    folder = tmp_path_factory.mktemp("shown")
    return folder, overmind(folder, "demo", "--paper", "--signals", "46", "--journal-dir", "kept")


def test_it_fits_a_terminal(shown: tuple[Path, CommandResult]) -> None:
    folder, done = shown
    assert done.returncode == 0, done.stderr
    lines = done.stdout.replace(str(folder), "").splitlines()
    assert [line for line in lines if len(line.rstrip()) > COLUMNS] == []
    for strategy in STRATEGIES:
        assert re.search(rf"^ {strategy} ", done.stdout, re.MULTILINE)


def test_signals_lead_to_orders_line_by_line(shown: tuple[Path, CommandResult]) -> None:
    text = shown[1].stdout.partition("From signals to orders")[2]
    rows = re.findall(r"^ (\D.*?) +(\d+) *$", text.partition("Limits that worked")[0], re.MULTILINE)
    counts = {name: int(count) for name, count in rows}
    less = sum(count for name, count in counts.items() if name.startswith("- "))
    more = sum(count for name, count in counts.items() if name.startswith("+ "))
    assert counts["signals"] == 46 == counts["= signals that became orders"] + less
    assert counts["= orders"] == counts["= signals that became orders"] + more
    ended = list(counts.values())[list(counts).index("= orders") + 1 :]
    assert sum(ended) == counts["= orders"]


def test_what_it_says_next_works(shown: tuple[Path, CommandResult]) -> None:
    folder, done = shown
    page = re.search(r"open (\S+) in a browser", done.stdout)
    assert page is not None
    assert "BONK and WIF have invented prices" in Path(page[1]).read_text(encoding="utf-8")
    explain = re.search(r"explain (demo-\d+ --data-dir .*)", done.stdout)
    assert explain is not None
    assert "refused" in overmind(folder, "explain", *shlex.split(explain[1])).stdout
