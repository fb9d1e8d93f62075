"""Limits and mint lists that an operator changes, on a desk that nobody else runs; the next start keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import as_json, copy_of, overmind
from tests.support.command_process import WALLETS

BUY = {"signal_id": "one", "strategy_type": "Momentum", "action": "Buy", "symbol": "SOL", "notional_usd": 400}
ONLY = {"OVERMIND_MULTI_WALLET_ENABLED": "false", "OVERMIND_DEFAULT_WALLET": "conservative_wallet"}
WALLET = "conservative_wallet"  # by its files: $100 a day, positions of $1,000, a stop loss of 2 %


def submitted(folder: Path, signal_id: str, **env: str) -> Any:
    return as_json(overmind(folder, "submit", "-", given=json.dumps({**BUY, "signal_id": signal_id}), **ONLY, **env))


def row(folder: Path, name: str, **env: str) -> Any:
    (shown,) = as_json(overmind(folder, "limits", "--wallet", WALLET, "--json", **env))
    return next(one for one in shown["limits"] if one["name"] == name)


def put(folder: Path, *words: str) -> Any:
    return overmind(folder, "limits", "set", WALLET, *words, "--reason", "calm", "--by", "ann", "--json")


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("once")
    assert submitted(folder, "first")["status"] == "placed"
    return folder


@pytest.fixture(name="traded")
def _traded(once: Path, tmp_path: Path) -> Path:
    return copy_of(once, tmp_path)


def test_limits_change_at_once_and_a_restart_keeps_them(traded: Path) -> None:
    done = put(traded, "max_position_size=300", "stop_loss_threshold=1.5", "Momentum.share=60")
    assert done.returncode == 0, done.stderr
    assert as_json(done)["differs"] is True
    answered = overmind(traded, "submit", "-", given=json.dumps({**BUY, "signal_id": "two"}), **ONLY)
    refused = as_json(answered)
    assert (refused["refusals"][0]["code"], refused["refusals"][0]["limit"]) == ("POSITION_SIZE", "300")
    assert "limits differ" not in answered.stderr, "said above each answer, nobody reads it any more"
    changed = row(traded, "max_position_size")
    assert (changed["by_files"], changed["in_force"], changed["wanted"]) == ("1000", "300", "300")
    assert (changed["who"], changed["reason"], changed["unit"]) == ("ann", "calm", "usd")
    assert changed["since_ns"] > 0
    checked = as_json(overmind(traded, "check", "--json"))["changed"][WALLET]
    assert "max_position_size $300, files: $1,000 (ann: calm)" in checked
    assert "max_position_size $300" in overmind(traded, "check").stdout
    log = (traded / "logs" / "overmind.log").read_text()
    told = [json.loads(line) for line in log.splitlines() if "limits differ from the files" in line]
    assert [one["wallet"] for one in told] == [WALLET]
    table = overmind(traded, "limits", "--wallet", WALLET).stdout
    assert "ann, " in table
    assert ": calm" in table


def test_changes_are_taken_back_by_name_or_all(traded: Path) -> None:
    assert put(traded, "max_position_size=300", "max_daily_loss=50").returncode == 0
    words = ("limits", "reset", WALLET)
    some = as_json(overmind(traded, *words, "max_daily_loss", "--reason", "x", "--json"))
    assert {one["name"] for one in some["limits"] if one["wanted"] is not None} == {"max_position_size"}
    assert as_json(overmind(traded, *words, "--reason", "x", "--json"))["differs"] is False
    assert as_json(overmind(traded, *words, "--reason", "x", "--json"))["differs"] is False
    assert as_json(overmind(traded, "check", "--json"))["changed"] == {}


def test_a_change_lies_on_top_of_newer_files_and_under_newer_ceilings(traded: Path) -> None:
    assert put(traded, "max_daily_loss=900", "allocation=0.1").returncode == 0
    other = WALLETS.replace("conservative:low:0.2", "conservative:low:0.15")
    assert submitted(traded, "two", OVERMIND_CEILING_DAILY_LOSS_USD="300", OVERMIND_MANAGED_WALLETS=other)
    assert (row(traded, "max_daily_loss")["in_force"], row(traded, "max_daily_loss")["wanted"]) == ("300", "900")
    assert (row(traded, "allocation")["by_files"], row(traded, "allocation")["in_force"]) == (0.15, 0.1)
    assert "more than is allowed now" in overmind(traded, "limits").stdout


@pytest.mark.parametrize(
    ("words", "code", "problems"),
    [
        (["max_daily_loss=2000.01"], 3, ["$2,000.01 is too wide; at most $2,000"]),
        (["stop_loss_threshold=0"], 3, ["none is too wide; at most 5 %"]),
        (["risk_level=0.1"], 3, ["can only be raised"]),
        (["Arbitrage.share=31", "max_position_size=99999"], 3, ["would sum to 101 %", "$99,999 is too wide"]),
        (["allocation=0.21"], 3, ["would sum to 1.01"]),
        (["meteora.share=5"], 3, ["is no limit of this wallet"]),
        (["max_daily_loss"], 2, ["has no value"]),
        (["max_daily_loss=1", "max_daily_loss=2"], 2, ["is named twice"]),
        (
            ["max_daily_loss=-1", "leverage=5", "allocation=7"],
            2,
            ["out of bounds", "leverage is no", "allocation 7"],
        ),
        ([], 2, ["NAME=VALUE"]),
    ],
)
def test_what_is_no_limit_or_too_wide(words: list[str], code: int, problems: list[str], traded: Path) -> None:
    done = put(traded, *words)
    assert done.returncode == code, done.stderr
    assert [one for one in problems if one not in done.stderr] == [], done.stderr
    assert as_json(overmind(traded, "check", "--json"))["changed"] == {}


def test_who_is_not_known_and_why_is_not_said(traded: Path) -> None:
    nobody = overmind(traded, "limits", "set", "nobody", "max_daily_loss=1", "--reason", "x")
    blank = overmind(traded, "limits", "set", WALLET, "max_daily_loss=1", "--reason", " ")
    shown = overmind(traded, "limits", "--wallet", "nobody")
    assert (nobody.returncode, "no wallet 'nobody'" in nobody.stderr) == (3, True)
    assert (blank.returncode, "blank reason" in blank.stderr) == (2, True)
    assert (shown.returncode, "no wallet 'nobody'" in shown.stderr) == (3, True)


def test_without_a_journal_there_is_nothing_to_change(tmp_path: Path) -> None:
    done = put(tmp_path, "max_daily_loss=1")
    assert (done.returncode, "no journal" in done.stderr) == (3, True)
    assert as_json(overmind(tmp_path, "check", "--json"))["changed"] == {}


def test_tokens_are_blocked_with_a_reason_that_refusals_tell(traded: Path) -> None:
    blocked = as_json(overmind(traded, "mints", "block", "sol", "--reason", "drained", "--by", "ann", "--json"))
    assert [(one["symbol"], one["who"], one["reason"]) for one in blocked["blocked"]] == [("SOL", "ann", "drained")]
    refused = submitted(traded, "two")["refusals"][0]
    assert (refused["code"], refused["actual"]) == ("MINT_BLOCKED", "blocked by ann: drained")
    assert "MINT_BLOCKED: blocked by ann: drained (needs: not blocked)" in overmind(traded, "explain", "two").stdout
    sold = overmind(traded, "close", f"{WALLET}:SOL", **ONLY)
    assert sold.returncode == 0, sold.stderr
    assert as_json(overmind(traded, "mints", "unblock", "SOL", "--reason", "safe", "--json"))["blocked"] == []


def test_an_allow_list_lets_nothing_else_in(traded: Path) -> None:
    listed = as_json(overmind(traded, "mints", "allow", "ETH", "--reason", "only", "--json"))
    assert [one["symbol"] for one in listed["allowed"]] == ["ETH"]
    assert submitted(traded, "two")["refusals"][0]["code"] == "MINT_BLOCKED"
    assert as_json(overmind(traded, "mints", "disallow", "ETH", "--reason", "x", "--json"))["allowed"] == []
    assert "Allowed, and no others: none" in overmind(traded, "mints").stdout
    assert as_json(overmind(traded, "mints", "allow-all", "--reason", "x", "--json"))["allowed"] is None
    assert submitted(traded, "three")["status"] == "placed"
    unknown = overmind(traded, "mints", "block", "NOPE", "--reason", "x")
    assert (unknown.returncode, "neither a mint nor the symbol" in unknown.stderr) == (3, True)


def test_the_learner_has_the_mode_that_an_operator_said_last(traded: Path) -> None:
    assert as_json(overmind(traded, "learn", "--json"))["mode"] == "shadow"
    said = overmind(traded, "learn", "mode", "on", "--reason", "the report allows it", "--by", "ann", "--json")
    assert (as_json(said)["mode"], as_json(said)["who"]) == ("on", "ann")
    assert submitted(traded, "two")["status"] == "placed", "another run of the same configuration changes nothing"
    shown = as_json(overmind(traded, "learn", "--json"))
    assert (shown["mode"], shown["configured"], shown["cause"]) == ("on", "shadow", "operator")
    assert shown["exploring"]["share_max_percent"] == 0
    table = overmind(traded, "learn").stdout
    assert "The learner is on (ann, " in table
    refused = overmind(traded, "learn", "mode", "off", "--reason", " ")
    assert refused.returncode == 2


def test_the_report_of_the_learner_concludes_nothing_from_a_few_entries(traded: Path) -> None:
    found = as_json(overmind(traded, "learn", "report", "--json"))
    assert (found["entries"], found["off_policy"]["doubly_robust"]) == (1, None)
    assert "shadow" in found["off_policy"]["why_not"]
    told = overmind(traded, "learn", "report").stdout
    assert "1 finished entries with a forecast" in told
    assert "Nothing is concluded of what it would have gained" in told
    assert "Nothing is concluded of the canary" in told
    assert "3,000 finished entries" in told
