"""`report`, `compare`, `stats --by` and `trades --round-trips`: what they print, write and refuse."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind
from tests.support.journals import journal_of

from overmind.cli.performance.plots import bar, sparkline

DAY = "wait 86400000; mark sol 100"
TRADED = (
    f"w1; w2; buy eth $1000 id a; fill fee 5000; mark eth 2200; sell eth all id b; fill; {DAY}; mark eth 2000;"
    " buy eth $500 by arbitrage id c; fill; mark eth 1900; sell eth all id d; fill"
)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk's own journal, and one of another desk with other settings."""
    folder = tmp_path_factory.mktemp("traded")
    journal_of(TRADED, folder / "data")
    journal_of(f"desk attempts 1; {TRADED}", folder / "other")
    return folder


def test_the_report_as_json_is_all_of_it(traded: Path) -> None:
    told = as_json(overmind(traded, "report", "--json"))
    assert [Decimal(row["pnl_usd"]) for row in told["trades"]] == [Decimal("99.9995"), Decimal(-25)]
    assert sum(Decimal(row["usd"]) for row in told["bridge"][:-1]) == Decimal(told["bridge"][-1]["usd"])
    portfolio = as_json(overmind(traded, "portfolio", "--json"))
    assert told["overall"]["equity_end_usd"] == portfolio["total_value_usd"]
    assert len(told["days"]) == 2
    assert told == as_json(overmind(traded, "report", "data", "--json"))
    assert told == as_json(overmind(traded, "report", "data/overmind.db", "--json"))


def test_the_report_in_the_terminal_has_plots_and_assumptions(traded: Path) -> None:
    shown = overmind(traded, "report").stdout
    for expected in ("Total return", "equity   █▁", "buy and hold ETH", "MomentumTrading", "This desk traded on paper"):
        assert expected in shown


def test_a_part_of_the_time(traded: Path) -> None:
    told = as_json(overmind(traded, "report", "--from", "2024-10-05", "--json"))
    assert [row["strategy"] for row in told["trades"]] == ["Arbitrage"]
    first = as_json(overmind(traded, "report", "--to", "2024-10-05", "--json"))
    assert first["bridge"][-1]["usd"] == told["bridge"][0]["usd"]


def test_page_and_files(traded: Path) -> None:
    done = overmind(traded, "report", "--out", "report.html", "--csv", "files")
    assert (done.returncode, done.stdout.count("wrote ")) == (0, 1 + len(list((traded / "files").iterdir())))
    assert (traded / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    told = overmind(traded, "report", "--out", "again.html", "--json")
    assert as_json(told)["trades"]
    assert (traded / "again.html").read_bytes() == (traded / "report.html").read_bytes()


def test_round_trips_by_what_they_have_in_common(traded: Path) -> None:
    rows = as_json(overmind(traded, "stats", "--by", "strategy", "--json"))
    assert [(row["name"], row["trades"], row["win_rate"]) for row in rows] == [
        ("MomentumTrading", 1, 1.0),
        ("Arbitrage", 1, 0.0),
    ]
    assert [row["name"] for row in as_json(overmind(traded, "stats", "--by", "token", "--json"))] == ["ETH"]
    assert [row["name"] for row in as_json(overmind(traded, "stats", "--by", "hour", "--json"))] == ["12:00"]
    assert sum(row["trades"] for row in as_json(overmind(traded, "stats", "--by", "wallet", "--json"))) == 2
    assert "█" in overmind(traded, "stats", "--by", "strategy").stdout


@pytest.mark.parametrize(
    ("words", "orders"),
    [
        ((), ["b.0.0", "d.0.0"]),
        (("--last", "1"), ["d.0.0"]),
        (("--token", "ETH"), ["b.0.0", "d.0.0"]),
        (("--token", "BTC"), []),
        (("--signal", "a"), ["b.0.0"]),
        (("--signal", "d"), ["d.0.0"]),
        (("--from", "2024-10-05"), ["d.0.0"]),
        (("--to", "2024-10-05"), ["b.0.0"]),
    ],
)
def test_round_trips_one_by_one(traded: Path, words: tuple[str, ...], orders: list[str]) -> None:
    rows = as_json(overmind(traded, "trades", "--round-trips", *words, "--json"))
    assert [row["exit_order"] for row in rows] == orders


def test_round_trips_and_trades_end_with_their_sum_and_a_plot(traded: Path) -> None:
    assert "sum of these 2: $75.00  █▁" in overmind(traded, "trades", "--round-trips").stdout
    assert "realized by these 4: $75.00  ▁██▆" in overmind(traded, "trades").stdout


def test_runs_side_by_side(traded: Path) -> None:
    told = as_json(overmind(traded, "compare", "data", "other", "--json"))
    assert told["differences"] == {"desk.attempts_max": ["3", "1"]}
    assert [run["trades"]["trades"] for run in told["runs"]] == [2, 2]
    shown = overmind(traded, "compare", "data", "other").stdout
    assert "desk.attempts_max" in shown
    assert "Settings that differ: none" in overmind(traded, "compare", "data", "data").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "--from", "2024-10-06", "--to", "2024-10-05"), "--from 2024-10-06 is not before --to 2024-10-05"),
        (("report", "--from", "2200-01-01"), "nothing happened in this time"),
        (("report", "--out", "report.pdf"), "is no name for a page"),
        (("report", "--out", "nowhere/report.html"), "is no name for a page"),
        (("report", "--csv", "data/overmind.db"), "name a folder that can be written with --csv"),
        (("report", "nowhere"), "no journal at"),
        (("report", "."), "no journal at"),
        (("compare", "data"), "1 journals cannot be compared"),
        (("compare", "data", "nowhere"), "no journal at"),
        (("stats", "--by", "luck"), "'luck' is not one of"),
    ],
)
def test_bad_input(traded: Path, words: tuple[str, ...], said: str) -> None:
    done = overmind(traded, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_backtest_writes_its_page_too(tmp_path: Path) -> None:
    candles = [
        f"2025-04-06 {minute // 60:02}:{minute % 60:02}:00+00:00,100,101,99,100,5000" for minute in range(0, 300, 5)
    ]
    tape, signals = tmp_path / "SOLUSDT_5m.csv", tmp_path / "signals.jsonl"
    tape.write_text("\n".join(["timestamp,open,high,low,close,volume", *candles]))
    signals.write_text(
        '{"signal_id": "a", "strategy_type": "MomentumTrading", "action": "Buy", "symbol": "SOL", "notional_usd": 100,'
        ' "timestamp": "2025-04-06T01:02:00+00:00"}\n'
    )
    words = ("backtest", str(tape), "--signals", str(signals))
    done = overmind(tmp_path, *words, "--report", "report.html", "--json")
    assert as_json(done)["filled"] == 1
    assert "wrote" in done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for line in (
        "Prices are candles of 5 minutes from 2025-04-06T00:00 to 2025-04-06T05:00 UTC, with no gap.",
        "fills at the first opening price after it.",
        "Costs are those of normal: depth follows the volume of a rolling time",
        "Assumptions about SOL (class sol), with no fills behind them: pool fee bps 2, spread bps 2,",
    ):
        assert line in page
    plain = as_json(overmind(tmp_path, *words, "--costs", "plain", "--json"))
    assert plain["assumptions"][-1] == "No part of this market was fitted to fills: its numbers are assumptions."
    wrong = overmind(tmp_path, *words, "--costs", "cheap")
    assert (wrong.returncode, "--costs cheap: cannot be read" in wrong.stderr) == (2, True)
    refused = overmind(tmp_path, *words, "--report", "nowhere/report.html")
    assert (refused.returncode, "is no name for a page" in refused.stderr) == (2, True)


@pytest.mark.parametrize(
    ("values", "shown"),
    [([], ""), ([1.0], "▁"), ([2, 2, 2], "▁▁▁"), ([0, 7], "▁█"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█")],
)
def test_sparkline(values: list[float], shown: str) -> None:
    assert sparkline(values) == shown


def test_a_long_sparkline_ends_with_the_last_value() -> None:
    assert sparkline([*range(1_000)], 8) == "▁▂▃▄▅▆▇█"


def test_bars_say_their_sign() -> None:
    assert (bar(2, 2, 2), bar(-1, 2, 2), bar(0, 2, 2), bar(0.001, 2, 2)) == ("+██", "-█", "", "+▏")
