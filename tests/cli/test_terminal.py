"""What an operator looks at in the terminal: signals with their answers, trades, the screen, events as they come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}
SIGNALS = (
    BUY,
    {**BUY, "signal_id": "large", "notional_usd": 99_999},
    {**BUY, "signal_id": "wait", "strategy_type": "Arbitrage", "action": "Hold"},
)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with a placed, a refused and a recorded signal."""
    folder = tmp_path_factory.mktemp("terminal")
    given = "".join(json.dumps(one) + "\n" for one in SIGNALS)
    assert overmind(folder, "submit", "-", given=given).returncode == 3
    return folder


def test_signals_are_shown_with_their_answers(traded: Path) -> None:
    rows = as_json(overmind(traded, "signals", "--json"))
    assert [(row["signal_id"], row["status"]) for row in rows] == [
        ("one", "placed"),
        ("large", "refused"),
        ("wait", "recorded"),
    ]
    assert rows[0]["wallet_id"] in rows[0]["why"] or "expected cost" in rows[0]["why"]
    shown = overmind(traded, "signals").stdout
    for words in ("Buy SOL $500.00", "refused", "Hold is recorded", "more: `overmind explain large`"):
        assert words in shown


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--refused"], ["large"]),
        (["--code", "DAILY_LOSS_HEADROOM"], ["large"]),
        (["--code", "RATE_LIMIT"], []),
        (["--strategy", "arbitrage"], ["wait"]),
        (["--strategy", "Arbitrage", "--refused"], []),
        (["--last", "1"], ["wait"]),
        (["--to", "2020-01-01"], []),
    ],
)
def test_signals_are_filtered(traded: Path, options: list[str], expected: list[str]) -> None:
    assert [row["signal_id"] for row in as_json(overmind(traded, "signals", *options, "--json"))] == expected


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["signals", "--strategy", "Guessing"], "no strategy 'Guessing'"),
        (["signals", "--code", "NONSENSE"], "no code 'NONSENSE'"),
        (["trades", "--wallet", "nobody"], "no wallet 'nobody'"),
        (["trades", "--from", "yesterday"], "--from"),
    ],
)
def test_a_filter_that_names_nothing_is_refused(traded: Path, words: list[str], problem: str) -> None:
    done = overmind(traded, *words)
    assert (done.returncode, problem in done.stderr, "fix: " in done.stderr) == (2, True, True)


def test_trades_are_what_was_filled(traded: Path) -> None:
    filled = [row for row in as_json(overmind(traded, "orders", "--json")) if row["state"] == "filled"]
    rows = as_json(overmind(traded, "trades", "--json"))
    assert [row["order_id"] for row in rows] == [row["order_id"] for row in filled]
    assert as_json(overmind(traded, "trades", "--signal", "nobody", "--json")) == []
    shown = overmind(traded, "trades").stdout
    assert ("realized by these" in shown) == bool(rows)
