"""`overmind submit` on a terminal and in a pipe."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.command_process import environment

from overmind.cli import main
from overmind.views.refusals import in_words

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(name="signals")
def _signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with one signal of each outcome, on a desk without a journal."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
    signals: list[Mapping[str, object]] = [
        BUY,
        BUY,
        {**BUY, "signal_id": "large", "notional_usd": 99_999},
        {**BUY, "signal_id": "wait", "action": "Hold"},
        {**BUY, "signal_id": "wrong", "symbol": "NOPE"},
    ]
    path = tmp_path / "signals.jsonl"
    path.write_text("".join(json.dumps(signal) + "\n" for signal in signals) + "nonsense\n")
    return path


def on_terminal(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    terminal = Terminal()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", terminal)
        code = main(words)
    return code, terminal.getvalue()


def test_a_terminal_shows_sentences_and_outcomes(signals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, shown = on_terminal(["submit", str(signals)], monkeypatch)
    assert code == 2
    placed, known, refused, *_ = lines = shown.splitlines()
    assert placed.startswith("one: placed with ")
    assert ", order one.0.0; " in placed
    assert known.startswith("one: known already; its first decision stands: placed with ")
    assert refused.startswith("large: refused; no wallet may take it: ")
    assert any("hft_wallet" in line.partition(": ")[0] and "(limit $" in line for line in lines)
    assert any(line.startswith("wait: no order; ") for line in lines)
    assert "wrong: invalid" in lines
    assert "a line: invalid" in lines
    assert lines[-1].startswith("one.0.")
    assert not any(line.startswith("{") for line in lines)


def test_json_on_a_terminal_is_what_a_pipe_gets(
    signals: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", str(signals)]) == 2
    piped = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["status"] for one in piped] == ["placed", "duplicate", "refused", "recorded", "invalid", "invalid"]
    code, shown = on_terminal(["submit", str(signals), "--json"], monkeypatch)
    again = [json.loads(line) for line in shown.splitlines()]
    assert (code, [one["signal_id"] for one in again]) == (2, [one["signal_id"] for one in piped])


def test_an_absent_file_is_named_in_full(signals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "absent.jsonl"]) == 2
    assert f"error: {signals.parent / 'absent.jsonl'}: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("POSITION_SIZE", 20000.0, 500100.0, "usd"), "POSITION_SIZE $500,100.00 (limit $20,000.00)"),
        (("WALLET_EXPOSURE", 90.0, 1668.6785, "percent"), "WALLET_EXPOSURE 1668.68% (limit 90%)"),
        (("RISK_LEVEL", 0.7, 0.9, "ratio"), "RISK_LEVEL 0.9 (limit 0.7)"),
        (("TRADES_TODAY", 10, 10, "count"), "TRADES_TODAY 10 (limit 10)"),
        (("PRICE_IMPACT", 100, 909, "bps"), "PRICE_IMPACT 909 bps (limit 100 bps)"),
        (("PORTFOLIO_STOPPED", "running", "emergency", "text"), "PORTFOLIO_STOPPED: emergency (needs: running)"),
        (
            ("WALLET_STATUS", "Active", "Suspended: day_loss, operator", "text"),
            "WALLET_STATUS: Suspended, held by day_loss, operator (needs: Active)",
        ),
    ],
)
def test_a_refusal_has_its_unit(row: tuple[Any, ...], told: str) -> None:
    assert in_words(dict(zip(("code", "limit", "actual", "unit"), row, strict=True))) == told
