"""`overmind export` for accountants: files whose sums are the desk's, or an error and no file."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind

from overmind.journal.sqlite import SqliteJournal
from overmind.views.statement import exact, statement_in

FILES = ("gains.csv", "costs.csv", "transfers.csv", "summary.csv")


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of prices, from 2025-04-06 on; read-only commands may share it."""
    folder = tmp_path_factory.mktemp("traded")
    assert overmind(folder, "demo", "--paper", "--signals", "150", "--journal-dir", "data").returncode == 0
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def test_the_files_add_up_to_the_desk(traded: Path) -> None:
    told = as_json(overmind(traded, "export", "--out", "all", "--json"))
    gains, costs, transfers, summary = (table(traded / "all" / name) for name in FILES)
    portfolio = as_json(overmind(traded, "portfolio", "--json"))
    realised = total(gains, "gain_usd") - total(costs, "cost_usd")
    assert told["sums_equal_journal"] is True
    assert told["files"] == dict(zip(FILES, map(len, (gains, costs, transfers, summary)), strict=True))
    assert len(gains) > 10
    assert realised == Decimal(portfolio["realized_pnl"])
    assert total(transfers, "value_usd") == Decimal(portfolio["deposited_usd"])
    assert total(gains, "proceeds_usd") - total(gains, "cost_usd") == total(gains, "gain_usd")
    assert Decimal(told["totals"]["realised_usd"]) == realised
    assert told["totals"]["fee_lamports"] == total(costs, "fee_lamports")
    *parts, everything = summary
    assert everything["wallet"] == "(total)"
    for column in (
        "proceeds_usd",
        "cost_usd",
        "gain_usd",
        "costs_usd",
        "realised_usd",
        "transfers_usd",
        "fee_lamports",
    ):
        assert total(parts, column) == Decimal(everything[column]), column
    wallets = {row["wallet_id"]: row for row in as_json(overmind(traded, "wallets", "--json"))}
    assert {row["wallet"] for row in transfers} == set(wallets)


def test_days_put_together_are_the_whole(traded: Path) -> None:
    as_json(overmind(traded, "export", "--out", "all", "--json"))
    edges = ("2025-04-06", "2025-04-08T12:00:00+02:00", "2025-04-14")
    for number in range(2):
        period = ("--from", edges[number], "--to", edges[number + 1])
        assert overmind(traded, "export", *period, "--out", f"part{number}").returncode == 0
    for name in FILES[:3]:
        parts = [row for number in range(2) for row in table(traded / f"part{number}" / name)]
        assert parts == table(traded / "all" / name)


def test_a_wallet_alone_and_an_empty_period(traded: Path) -> None:
    done = overmind(traded, "export", "--wallet", "hft_wallet", "--out", "hft")
    assert (done.returncode, "sums_equal_journal: true" in done.stdout) == (0, True)
    assert {row["wallet"] for row in table(traded / "hft" / "costs.csv")} == {"hft_wallet"}
    empty = as_json(overmind(traded, "export", "--from", "2024-01-01", "--to", "2024-01-01", "--out", "none", "--json"))
    assert empty["files"] == {"gains.csv": 0, "costs.csv": 0, "transfers.csv": 0, "summary.csv": 1}
    assert (traded / "none" / "gains.csv").read_text().startswith("disposed_at,acquired_at,wallet,strategy,asset,mint,")


def test_beside_the_owner_of_the_journal(traded: Path) -> None:
    journal = SqliteJournal.open(traded / "data" / "overmind.db")
    try:
        assert overmind(traded, "export", "--out", "beside").returncode == 0
    finally:
        journal.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "2025-13-08"), "--from: '2025-13-08' is not an ISO 8601 time"),
        (("--to", "20250408"), "--to: '20250408' is neither a day nor an ISO 8601 time"),
        (("--from", "2025-04-08T12:00"), "has no offset from UTC"),
        (("--to", "2999-01-01"), "is not between the years 1970 and 2262"),
        (("--from", "yesterday"), "--from: 'yesterday' is neither a day"),
        (("--from", "2025-04-09", "--to", "2025-04-08"), "--from 2025-04-09 is after --to 2025-04-08"),
        (("--wallet", "nobody"), "no wallet 'nobody' in the journal"),
        (("--out", "data/overmind.db"), "name a folder that can be written"),
        (("--data-dir", "nowhere"), "no journal at"),
    ],
)
def test_bad_input_writes_nothing(words: tuple[str, ...], said: str, traded: Path) -> None:
    done = overmind(traded, "export", "--out", "refused", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (traded / "refused").exists()


def test_half_a_statement_is_none(tmp_path: Path) -> None:
    with statement_in(tmp_path):
        assert len(list(tmp_path.iterdir())) == len(FILES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("units", "decimals", "expected"),
    [
        (1, 6, "0.000001"),
        (-1_500_000, 6, "-1.500000"),
        (0, 9, "0.000000000"),
        (7, 0, "7"),
        (2**90, 9, "1237940039285380274.899124224"),
    ],
)
def test_every_digit_is_there(units: int, decimals: int, expected: str) -> None:
    assert exact(units, decimals) == expected
