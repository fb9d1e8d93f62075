"""The command for operators and programs: real processes, their output, their exit codes."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support import command_process
from tests.support.command import as_json, overmind
from tests.support.command_process import environment, start

from overmind.cli import main
from overmind.core.model.events import HoldAdded
from overmind.journal.sqlite import SqliteJournal
from overmind.prices.candles import shipped_tape_path

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}
TAPE = "timestamp,open,high,low,close,volume\n"


def lines(*signals: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in signals)


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with placed, refused, recorded and repeated signals; read-only commands may share it."""
    folder = tmp_path_factory.mktemp("traded")
    signals = (
        BUY,
        {**BUY, "signal_id": "large", "notional_usd": 99_999},
        {**BUY, "signal_id": "wait", "action": "Hold"},
        BUY,
        {**BUY, "notional_usd": 501},
    )
    done = overmind(folder, "submit", "-", given=lines(*signals))
    assert done.returncode == 2, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["status"] for answer in answers] == ["placed", "refused", "recorded", "duplicate", "invalid"]
    assert answers[3]["orders"] == answers[0]["orders"]
    assert [one["order_id"] for one in answers[0]["orders"]] == ["one.0.0"]
    assert "known with other content" in answers[4]["problems"][0]["problem"]
    return folder


def test_submit_settles_before_it_exits(traded: Path) -> None:
    stats = as_json(overmind(traded, "stats", "--json"))
    assert stats["total_executions"] >= 1
    assert stats["open_executions"] == 0
    assert stats["signals"], stats["signals_refused"] == (3, 1)


def test_prices_are_shown_with_their_time(traded: Path) -> None:
    shown = as_json(overmind(traded, "prices", "--json"))
    assert {row["symbol"]: row["price_usd"] for row in shown} == {"BTC": "90000", "ETH": "2000", "SOL": "150"}
    assert all(row["at_ns"] > 0 and not row["doubted"] for row in shown)
    assert "90,000" in overmind(traded, "prices").stdout


def test_what_was_bought_is_shown(traded: Path) -> None:
    portfolio = as_json(overmind(traded, "portfolio", "--json"))
    wallets = as_json(overmind(traded, "wallets", "--json"))
    positions = as_json(overmind(traded, "positions", "--json"))
    orders = as_json(overmind(traded, "orders", "--json"))
    assert portfolio["total_wallets"] == len(wallets) == 4
    assert portfolio["deposited_usd"] == "100000"
    assert sum(Decimal(row["value_usd"]) for row in positions) == Decimal(portfolio["positions_usd"])
    assert sum(Decimal(row["total_value_usd"]) for row in wallets) == Decimal(portfolio["total_value_usd"])
    assert orders[0]["order_id"] == "one.0.0"
    assert orders[0]["state"] in ("filled", "failed", "expired", "rejected")


def test_risk_is_read_at_a_glance_and_by_programs(traded: Path) -> None:
    found = as_json(overmind(traded, "risk", "--json", OVERMIND_STRESS_PERCENT="25"))
    assert found["stress"][0]["what"] == "every price -25 %"
    stress = {name: Decimal(found["stress"][0][name]) for name in ("equity_usd", "loss_usd")}
    assert stress["equity_usd"] == Decimal(found["equity_usd"]) - stress["loss_usd"]
    shown = overmind(traded, "risk").stdout
    for words in ("Portfolio limits", "Stress", "every price -50 %", "Strategies", "Wallet limits", "hft_wallet"):
        assert words in shown
    without = overmind(traded, "risk", OVERMIND_RISK_AGGREGATION_ENABLED="false").stdout
    assert "left out" in without
    assert "Stress" not in without
    assert "Wallet limits" in without
    assert overmind(traded, "risk", OVERMIND_STRESS_PERCENT="x").returncode == 2


def test_tables_are_plain_text_in_a_pipe(traded: Path) -> None:
    shown = overmind(traded, "wallets").stdout
    assert "conservative_wallet" in shown
    assert "│" not in shown
    assert "\x1b" not in shown


def test_explain_names_every_wallet_and_what_came_of_it(traded: Path) -> None:
    explained = as_json(overmind(traded, "explain", "one", "--json"))
    assert {row["wallet_id"] for row in explained["candidates"]} == {
        "primary_wallet",
        "hft_wallet",
        "conservative_wallet",
        "experimental_wallet",
    }
    losers = [row for row in explained["candidates"] if not row["eligible"]]
    assert {row["refusals"][0]["code"] for row in losers} == {"STRATEGY_NOT_ENABLED"}
    assert explained["decision"]["status"] == "placed"
    assert "OrderClosed" in overmind(traded, "explain", "one").stdout


def test_explain_of_an_unknown_signal(traded: Path) -> None:
    done = overmind(traded, "explain", "nobody")
    assert done.returncode == 2
    assert "knows no signal 'nobody'" in done.stderr


def test_verify_a_sound_journal_and_a_changed_one(traded: Path, tmp_path: Path) -> None:
    sound = as_json(overmind(traded, "verify", "data/overmind.db", "--json"))
    assert sound["ok"] is True
    changed = tmp_path / "overmind.db"
    changed.write_bytes((traded / "data" / "overmind.db").read_bytes())
    with sqlite3.connect(changed) as db:
        db.execute("UPDATE journal SET at_ns = at_ns + 1 WHERE seq = 5")
    db.close()
    done = overmind(traded, "verify", str(changed), "--json")
    assert done.returncode == 2
    assert as_json(done)["ok"] is False
    assert as_json(done)["problems"]


def test_route_explains_and_records_nothing(traded: Path) -> None:
    before = as_json(overmind(traded, "stats", "--json"))
    done = overmind(traded, "route", "--strategy", "Arbitrage", "--amount", "100", "--prefer", "HFT", "--json")
    found = as_json(done)
    assert (done.returncode, found["wallet_id"]) == (0, "hft_wallet")
    assert found["candidates"][1]["terms"]["preference"] < 0
    nobody = overmind(traded, "route", "--strategy", "Arbitrage", "--amount", "90000", "--json")
    assert (nobody.returncode, as_json(nobody)["wallet_id"]) == (3, None)
    assert as_json(nobody)["refusals"][0]["code"]
    nowhere = overmind(traded, "route", "--strategy", "Arbitrage", "--amount", "100", "--exclude", "hft_wallett")
    assert (nowhere.returncode, "no wallet 'hft_wallett'" in nowhere.stderr) == (2, True)
    assert as_json(overmind(traded, "stats", "--json")) == before


def test_route_shows_the_plan_of_a_divided_buy_beforehand(traded: Path) -> None:
    asked = ("route", "--strategy", "Arbitrage", "--amount", "90000", "--split", "partial", "--parts", "2")
    found = as_json(overmind(traded, *asked, "--json"))
    parts = [(one["order_id"], one["wallet_id"]) for one in found["orders"]]
    assert [order_id for order_id, _ in parts] == ["route.0.0", "route.1.0"]
    assert len({wallet_id for _, wallet_id in parts}) == 2
    assert found["split"]["best_single_wallet_id"] is None
    shown = overmind(traded, *asked)
    assert all(wallet_id in shown.stdout for _, wallet_id in parts)
    bad = overmind(traded, "route", "--strategy", "Arbitrage", "--amount", "90", "--split", "some")
    assert (bad.returncode, "split: unknown 'some'" in bad.stderr) == (2, True)


def test_route_sizes_a_risk_budget_and_says_how(traded: Path) -> None:
    asked = ("route", "--strategy", "Arbitrage", "--risk-budget", "0.01%", "--stop-loss", "4", "--json")
    sizing = as_json(overmind(traded, *asked))["sizing"]
    assert sizing["wanted_usd"] == str(Decimal(sizing["risk_budget_usd"]) * 25)
    assert {one["code"] for one in sizing["caps"]} >= {"POSITION_SIZE", "ASSET_CONCENTRATION"}
    assert Decimal(sizing["notional_usd"]) <= min(Decimal(one["usd"]) for one in sizing["caps"])
    both = overmind(traded, "route", "--strategy", "Arbitrage", "--risk-budget", "5", "--amount", "5")
    assert both.returncode == 2
    assert "a second amount" in both.stderr


@pytest.mark.parametrize("command", ["portfolio", "wallets", "positions", "risk", "orders", "stats"])
def test_no_journal_yet(command: str, tmp_path: Path) -> None:
    done = overmind(tmp_path, command)
    assert done.returncode == 2
    assert "no journal at" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_shows_all_errors_at_once(tmp_path: Path) -> None:
    wrong = {
        "OVERMIND_MANAGED_WALLETS": "a b:env:NO_KEY:primary:medium:0.4,x:env:NO_KEY:whale:medium:7",
        "OVERMIND_DEFAULT_WALLET": "nobody",
        "SNIPER_TRADING_MODE": "papier",
        "OVERMIND_MAX_CONCURRENT_WALLETS": "-3",
    }
    done = overmind(tmp_path, "check", "--json", **wrong)
    assert done.returncode == 2
    errors = as_json(done)["errors"]
    assert len(errors) >= 5
    assert all(error["where"] and error["problem"] and error["fix"] for error in errors)
    told = overmind(tmp_path, "check", **wrong)
    assert told.returncode == 2
    assert told.stderr.count("fix:") == len(errors)


def test_check_and_show_config_leak_nothing(tmp_path: Path) -> None:
    checked = as_json(overmind(tmp_path, "check", "--json"))
    assert checked["ok"] is True
    assert [wallet["limits"]["max_position_size"] for wallet in checked["wallets"]] == ["10000", "20000", "1000", "500"]
    shown = overmind(tmp_path, "show-config", "--json")
    assert shown.returncode == 0
    for number in range(1, 5):
        assert environment(tmp_path)[f"WALLET{number}_KEY"] not in shown.stdout + shown.stderr


def test_stop_outlives_the_process_and_wallets_come_back_one_by_one(tmp_path: Path) -> None:
    assert overmind(tmp_path, "submit", "-", given=lines(BUY)).returncode == 0
    assert overmind(tmp_path, "stop", "--reason", "drill").returncode == 0
    done = overmind(tmp_path, "submit", "-", given=lines({**BUY, "signal_id": "two"}))
    assert done.returncode == 3
    assert as_json(done)["refusals"][0]["code"] == "PORTFOLIO_STOPPED"
    leave = {"signal_id": "out", "strategy_type": "TokenSniping", "action": "Sell", "symbol": "SOL", "quantity": "all"}
    assert as_json(overmind(tmp_path, "submit", "-", given=lines(leave)))["status"] == "placed"
    assert overmind(tmp_path, "reactivate", "primary_wallet", "--reason", "drill over").returncode == 0
    back = as_json(overmind(tmp_path, "submit", "-", given=lines({**BUY, "signal_id": "three"})))
    assert (back["status"], back["wallet_id"]) == ("placed", "primary_wallet")
    unknown = overmind(tmp_path, "reactivate", "nobody", "--reason", "x")
    assert (unknown.returncode, "no wallet 'nobody'" in unknown.stderr) == (3, True)


def test_a_stop_file_stops_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "STOP").touch()
    done = overmind(tmp_path, "submit", "-", given=lines(BUY))
    assert done.returncode == 3
    assert as_json(done)["refusals"][0]["code"] == "PORTFOLIO_STOPPED"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"not json", ""),
        (b'{"signal_id":"a","strategy_type":"\xff\xfe"}', ""),
        (b"[1,2]", ""),
        (json.dumps({**BUY, "notional_usd": "NaN"}).encode(), "notional_usd"),
        (json.dumps({**BUY, "notional_usd": -5}).encode(), "notional_usd"),
        (json.dumps({**BUY, "symbol": "NOPE"}).encode(), "symbol"),
        (json.dumps({**BUY, "signal_id": "stop:1"}).encode(), "signal_id"),
        (json.dumps({**BUY, "strategy_type": "Guessing"}).encode(), "strategy_type"),
        (b'{"pad":"' + b"x" * 70_000 + b'"}', ""),
    ],
)
def test_a_bad_line_is_answered_and_the_next_one_traded(line: bytes, field: str, tmp_path: Path) -> None:
    signals = tmp_path / "signals.jsonl"
    signals.write_bytes(line + b"\n" + json.dumps(BUY).encode() + b"\n")
    done = overmind(tmp_path, "submit", str(signals))
    bad, good = (json.loads(answer) for answer in done.stdout.splitlines())
    assert (done.returncode, bad["status"], good["status"]) == (2, "invalid", "placed")
    assert bad["problems"]
    assert not field or field in {problem["field"] for problem in bad["problems"]}


def test_the_demo_is_the_same_journal_for_the_same_seed(tmp_path: Path) -> None:
    first, second, other = (
        as_json(overmind(tmp_path, "demo", "--paper", "--signals", "60", "--seed", seed, "--json"))
        for seed in ("7", "7", "8")
    )
    assert first["journal_hash"] == second["journal_hash"] != other["journal_hash"]
    assert first["state_hash"] == second["state_hash"]
    assert not Path(first["journal"]).exists(), "for programs it leaves nothing"
    assert first["report"] is None
    assert first["account"]["signals"] == first["signals"] == 60
    assert sum(story["signals"] for story in first["stories"]) == first["refused"]
    assert first["orders"] == first["filled"] + first["failed"] + first["expired"] + first["rejected"]
    assert first["orders"] >= first["signals"] - first["refused"] - first["recorded"] > 0
    assert first["books_equal_chain"] is True
    assert first["verified"]["ok"] is True
    assert float(first["portfolio"]["deposited_usd"]) == pytest.approx(100_000, abs=0.01)


@pytest.mark.parametrize(
    ("candles", "complaint"),
    [
        ("", "empty"),
        ("nonsense\n", "no column"),
        (TAPE + "2025-04-06 00:00:00+00:00,1,2\n", "line 2"),
        (TAPE + "2025-04-06 00:00:00+00:00,100,101,99,nan,5\n", "line 2"),
        (TAPE + "2025-04-06 00:00:00+00:00,100,90,99,100,5\n", "line 2"),
    ],
)
def test_a_bad_tape_is_refused_by_line(candles: str, complaint: str, tmp_path: Path) -> None:
    tape, signals = tmp_path / "SOLUSDT_5m.csv", tmp_path / "signals.jsonl"
    tape.write_text(candles)
    signals.write_text("")
    done = overmind(tmp_path, "backtest", str(tape), "--signals", str(signals))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_backtest_names_every_bad_line(tmp_path: Path) -> None:
    signals = tmp_path / "signals.jsonl"
    signals.write_text(lines(BUY, {**BUY, "signal_id": "b", "timestamp": "2031-01-01T00:00:00+00:00"}) + "broken\n")
    done = overmind(tmp_path, "backtest", str(shipped_tape_path()), "--signals", str(signals))
    assert done.returncode == 2
    for number, what in ((1, "timestamp: missing"), (2, "outside the tape"), (3, "line 3")):
        assert f"line {number}" in done.stderr
        assert what in done.stderr


def test_backtest_tells_of_times_that_are_opening_times_and_audits_them(tmp_path: Path) -> None:
    tape, signals = tmp_path / "SOLUSDT_5m.csv", tmp_path / "signals.jsonl"
    rows = [
        f"{1_743_867_600 + 300 * number},{number},{number + 1},{number},{number + 1},1e6" for number in range(100, 110)
    ]
    tape.write_text(TAPE + "\n".join(rows))
    signals.write_text(lines({**BUY, "timestamp": "2025-04-06T00:10:00+00:00"}))
    told = overmind(tmp_path, "backtest", str(tape), "--signals", str(signals), "--audit", "--json")
    found = as_json(told)
    assert "--stamps open" in told.stderr
    assert [(one["delay_s"], one["filled"]) for one in found["audit"]] == [(0, 1), (1, 1), (300, 1)]
    assert len(found["warnings"]) == 1
    wrong = overmind(tmp_path, "backtest", str(tape), "--signals", str(signals), "--stamps", "closed")
    assert wrong.returncode == 2


def test_two_owners_are_one_too_many(tmp_path: Path) -> None:
    first = start(tmp_path, ["submit", "-"])
    assert first.stdin
    assert first.stdout
    first.stdin.write(lines(BUY))
    first.stdin.flush()
    assert json.loads(first.stdout.readline())["status"] == "placed"
    second = overmind(tmp_path, "submit", "-", given=lines(BUY))
    assert second.returncode == 4
    assert str(first.pid) in second.stderr
    assert as_json(overmind(tmp_path, "stats", "--json"))["signals"] == 1
    first.communicate(timeout=130)
    assert first.returncode == 0


def test_a_stop_is_kept_where_no_wallet_is_known_yet(tmp_path: Path) -> None:
    """A failed first start leaves a journal without wallets; a stop must survive that too."""
    (tmp_path / "tape").mkdir()
    failed = overmind(tmp_path, "submit", "-", given=lines(BUY), OVERMIND_PRICE_TAPE=str(tmp_path / "tape"))
    assert failed.returncode == 2
    assert overmind(tmp_path, "stop", "--reason", "drill").returncode == 0
    done = overmind(tmp_path, "submit", "-", given=lines(BUY))
    assert (done.returncode, as_json(done)["refusals"][0]["code"]) == (3, "PORTFOLIO_STOPPED")


def test_stop_looks_where_the_configuration_looks(tmp_path: Path) -> None:
    assert overmind(tmp_path, "submit", "-", given=lines(BUY), OVERMIND_DATA_DIR="~/desk", HOME=str(tmp_path))
    done = overmind(tmp_path, "stop", "--reason", "drill", "--json", OVERMIND_DATA_DIR="~/desk", HOME=str(tmp_path))
    assert "recorded in" in as_json(done)["how"]
    nowhere = overmind(tmp_path, "stop", "--reason", "drill", OVERMIND_DATA_DIR="~no-such-user/desk")
    assert (nowhere.returncode, "OVERMIND_DATA_DIR" in nowhere.stderr) == (2, True)


def test_stop_works_without_a_data_directory(tmp_path: Path) -> None:
    done = overmind(tmp_path, "stop", "--reason", "drill", OVERMIND_DATA_DIR="a/desk")
    stop_file = tmp_path / "a" / "desk" / "STOP"
    assert (done.returncode, stop_file.read_text()) == (0, "drill")
    assert f"STOP written: {stop_file}" in done.stderr
    assert "A desk that works in another one is NOT stopped" in done.stdout
    refused = overmind(tmp_path, "submit", "-", given=lines(BUY), OVERMIND_DATA_DIR="a/desk")
    assert as_json(refused)["refusals"][0]["code"] == "PORTFOLIO_STOPPED"


def test_stop_works_beside_a_file_of_settings_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OVERMIND_DATA_DIR", raising=False)
    (tmp_path / ".env").write_text("OVERMIND_DATA_DIR=elsewhere\n", encoding="utf-16")
    assert main(["stop", "--reason", "drill"]) == 0
    assert (tmp_path / "data" / "STOP").read_text() == "drill"
    told = capsys.readouterr().err
    assert "warning: .env: the file is UTF-16" in told
    assert f"it may name another data directory; {tmp_path / 'data'} is used" in told
    monkeypatch.setenv("OVERMIND_DATA_DIR", "data")
    assert main(["stop", "--reason", "drill"]) == 0
    assert "warning" not in capsys.readouterr().err


def test_stop_says_where_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "desk").write_text("a file, not a directory")
    done = overmind(tmp_path, "stop", "--reason", "drill", OVERMIND_DATA_DIR="desk")
    assert (done.returncode, "nothing was stopped" in done.stderr) == (3, True)
    assert "STOP written" not in done.stdout + done.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_intake_and_settles_what_was_taken(how: signal.Signals, tmp_path: Path) -> None:
    desk = start(tmp_path, ["submit", "-"])
    assert desk.stdin
    assert desk.stdout
    desk.stdin.write(lines(BUY))
    desk.stdin.flush()
    assert json.loads(desk.stdout.readline())["status"] == "placed"
    desk.send_signal(how)  # Its standard input stays open; it must not wait for another line.
    assert desk.wait(timeout=130) == 0
    assert as_json(overmind(tmp_path, "stats", "--json"))["open_executions"] == 0
    for pipe in (desk.stdin, desk.stdout, desk.stderr):
        assert pipe
        pipe.close()


def test_asserts_are_required(tmp_path: Path) -> None:
    done = command_process.overmind(tmp_path, "submit", "-", given=lines(BUY), PYTHONOPTIMIZE="1")
    assert (done.returncode, "run without -O" in done.stderr) == (3, True)


def test_a_running_service_journals_the_reason_of_a_stop_from_outside(tmp_path: Path) -> None:
    desk = start(tmp_path, ["submit", "-"])
    assert desk.stdin
    assert desk.stdout
    desk.stdin.write(lines(BUY))
    desk.stdin.flush()
    assert json.loads(desk.stdout.readline())["status"] == "placed"
    stopped = as_json(overmind(tmp_path, "stop", "--reason", "caf\udce9 closed", "--json"))  # Not valid UTF-8.
    assert "a running service was told" in stopped["how"]
    refused: list[str] = []
    for number in range(100):  # The file is looked for twenty times a second; what is placed before is not sent.
        desk.stdin.write(lines({**BUY, "signal_id": f"late{number}"}))
        desk.stdin.flush()
        refused = [one["code"] for one in json.loads(desk.stdout.readline())["refusals"]]
        if refused:
            break
        time.sleep(0.05)
    assert refused[0] == "PORTFOLIO_STOPPED"
    desk.communicate(timeout=130)
    journal = SqliteJournal.open_read_only(tmp_path / "data" / "overmind.db")
    holds = [entry.event.hold.reason for entry in journal.read() if isinstance(entry.event, HoldAdded)]
    journal.close()
    assert len(holds) == 4
    assert all(reason.endswith("caf? closed") for reason in holds)
