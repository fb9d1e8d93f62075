"""CSV files: all of the report, exact, or no file at all."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.report.test_page import TRADED
from tests.support.core_desk import CoreDesk
from tests.views.performance.test_record import record_of

from overmind.report.files import write_files, write_text
from overmind.views.performance.report import report_of
from overmind.views.performance.told import Report


@pytest.fixture(scope="module")
def traded() -> Report:
    return report_of(record_of(CoreDesk(TRADED).entries))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_have_all_of_the_report(traded: Report, tmp_path: Path) -> None:
    files = {path.stem: rows(path) for path in write_files(tmp_path / "new", traded)}
    trades = files["trades"]
    assert len(trades) == len(traded.trades) == 2
    assert [Decimal(row["pnl_usd"]) for row in trades] == [Decimal(row.pnl_usd.exact) for row in traded.trades]
    assert sum(Decimal(row["usd"]) for row in files["bridge"][:-1]) == Decimal(files["bridge"][-1]["usd"])
    assert {row["by"] for row in files["groups"]} == {"all", "strategy", "wallet", "token", "hour"}
    assert len(files["limits_by_day"]) > len(files["limits"]) > 0
    assert {row["name"]: row["value"] for row in files["settings"]} == {
        name: f"'{value}" if value.startswith("-") else value for name, value in traded.settings.items()
    }
    told = {row["name"]: row["value"] for row in files["figures"]}
    assert told["sharpe"] == str(traded.overall.returns.sharpe)
    assert told["equity_end_usd"] == traded.overall.equity_end_usd.exact
    for name, listed in files.items():
        assert listed, name


def test_no_cell_is_a_formula(traded: Report, tmp_path: Path) -> None:
    row = msgspec.structs.replace(traded.trades[0], symbol='=HYPERLINK("http://x")', reason_in="@x")
    write_files(tmp_path, msgspec.structs.replace(traded, trades=(row,)))
    (read,) = rows(tmp_path / "trades.csv")
    assert (read["symbol"], read["reason_in"]) == ('\'=HYPERLINK("http://x")', "'@x")
    assert Decimal(read["pnl_usd"]) == Decimal(row.pnl_usd.exact)  # A negative number stays one.


def test_half_a_report_is_none(traded: Report, tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text("kept")
    (tmp_path / "settings.csv.partial").mkdir()  # The last file cannot be written.
    with pytest.raises(OSError, match=r"settings\.csv"):
        write_files(tmp_path, traded)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["settings.csv.partial", "trades.csv"]
    assert (tmp_path / "trades.csv").read_text() == "kept"


def test_a_page_replaces_an_older_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_text(path, "one")
    write_text(path, "two")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert path.read_text() == "two"
