"""Capital by command, on a desk that nobody else runs, and on a running service."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import as_json, copy_of, overmind
from tests.support.command_process import WALLETS
from tests.support.service import serving

from overmind.desk.app import DRAIN_S

ADDRESS = "So11111111111111111111111111111111111111112"
OTHER = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
HOLD = {"signal_id": "h", "strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL", "notional_usd": 1}
LISTED = {"OVERMIND_WITHDRAW_ADDRESSES": ADDRESS, "OVERMIND_WITHDRAW_DAY_MAX_USD": "500"}
WITHOUT_IT = {"OVERMIND_MANAGED_WALLETS": WALLETS.partition(",")[2], "OVERMIND_DEFAULT_WALLET": "hft_wallet"}
OUT = ("primary_wallet", "250.5", "USDC", "--to", ADDRESS, "--reason", "pay")


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The withdrawal is open and its amount is held."""
    folder = tmp_path_factory.mktemp("once")
    assert overmind(folder, "submit", "-", given=json.dumps(HOLD), **LISTED).returncode == 0
    return folder


@pytest.fixture(name="desk")
def _desk(once: Path, tmp_path: Path) -> Path:
    return copy_of(once, tmp_path)


def cash(folder: Path) -> float:
    rows: list[dict[str, Any]] = as_json(overmind(folder, "wallets", "--json"))
    return float(next(row["token_balances"]["USDC"] for row in rows if row["wallet_id"] == "primary_wallet"))


def test_a_dry_run_shows_the_plan_and_moves_nothing(desk: Path) -> None:
    plan = as_json(overmind(desk, "rebalance", "--dry-run", "--json"))
    assert (plan["dry_run"], plan["moves"]) == (True, [])
    assert {row["wallet_id"] for row in plan["plan"]["wallets"]} >= {"primary_wallet", "hft_wallet"}
    shown = overmind(desk, "rebalance", "--dry-run").stdout
    assert "a dry run: nothing was moved" in shown
    assert "target" in shown


def test_a_new_allocation_moves_capital(desk: Path) -> None:
    """The allocations in the files changed: wallets above their target send to those below."""
    before = cash(desk)
    shares = WALLETS.replace(":0.4", ":0.2").replace(":0.3", ":0.5")
    moved = as_json(overmind(desk, "rebalance", "--json", OVERMIND_MANAGED_WALLETS=shares))
    (transfer,) = moved["plan"]["transfers"]
    assert (transfer["wallet_id"], transfer["to_wallet"]) == ("primary_wallet", "hft_wallet")
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert [row["move_id"]] == moved["moves"]
    assert row["state"] != "signed"  # The command settles what it started; paper loses some transactions.
    assert cash(desk) == pytest.approx(before - (float(transfer["amount_usd"]) if row["state"] == "filled" else 0))


def test_a_withdrawal_is_held_and_can_be_cancelled(desk: Path) -> None:
    asked = as_json(overmind(desk, "withdraw", *OUT, "--json", **LISTED))
    assert (asked["known"], asked["state"]) == (False, "waits")
    assert as_json(overmind(desk, "withdraw", *OUT, "--json", **LISTED)) == {**asked, "known": True}
    assert "is known already: it waits and is not paid yet" in overmind(desk, "withdraw", *OUT, **LISTED).stdout
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert (row["move_id"], row["amount"], row["symbol"], row["state"]) == (asked["move_id"], "250.5", "USDC", "waits")
    assert as_json(overmind(desk, "cancel", asked["move_id"], "--reason", "no", "--json"))["cancelled"]
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert (row["state"], row["detail"]) == ("rejected", "CANCELLED no")
    assert overmind(desk, "cancel", asked["move_id"], "--reason", "no").returncode == 3
    again = overmind(desk, "withdraw", *OUT, **LISTED)
    assert (again.returncode, again.stdout) == (3, "")  # No script may take this for a success.
    assert "ended without payment (rejected, CANCELLED no): ask again with another --id" in again.stderr
    assert as_json(overmind(desk, "withdraw", *OUT, "--json", "--id", "anew", **LISTED))["known"] is False


def test_a_hold_makes_a_withdrawal_wait_and_no_command_waits_with_it(desk: Path) -> None:
    at_once = {**LISTED, "OVERMIND_WITHDRAW_DELAY_SEC": "1"}
    assert overmind(desk, "withdraw", *OUT, **at_once).returncode == 0
    assert overmind(desk, "pause", "portfolio", "--reason", "lunch").returncode == 0
    time.sleep(1)
    began = time.monotonic()
    assert overmind(desk, "submit", "-", given=json.dumps({**HOLD, "signal_id": "h2"}), **at_once).returncode == 0
    assert time.monotonic() - began < DRAIN_S
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert (row["state"], row["detail"]) == ("waits", "held by portfolio: operator")
    assert overmind(desk, "resume", "portfolio", "--reason", "back").returncode == 0
    assert overmind(desk, "submit", "-", given=json.dumps({**HOLD, "signal_id": "h3"}), **at_once).returncode == 0
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert row["state"] in ("filled", "failed", "expired")  # Paper loses some transactions.


@pytest.mark.parametrize(
    ("change", "code", "problem"),
    [
        ({1: "nan"}, 2, "is not a finite number"),
        ({1: "much"}, 2, "is not a number"),
        ({1: "0.0000001"}, 2, "more digits than USDC"),
        ({1: "1e-9999999999"}, 2, "an absurd exponent"),
        ({1: "500.000001"}, 3, "OVERMIND_WITHDRAW_DAY_MAX_USD"),
        ({1: "0"}, 2, "is no amount"),
        ({2: "ETH"}, 2, "cannot be withdrawn"),
        ({0: "nobody"}, 3, "no wallet 'nobody'"),
        ({4: OTHER}, 3, "is not in OVERMIND_WITHDRAW_ADDRESSES"),
        ({6: " "}, 2, "a blank reason"),
    ],
)
def test_what_may_not_leave_is_refused_with_its_reason(
    change: dict[int, str], code: int, problem: str, desk: Path
) -> None:
    words = [change.get(place, word) for place, word in enumerate(OUT)]
    done = overmind(desk, "withdraw", *words, **LISTED)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr
    assert as_json(overmind(desk, "moves", "--json")) == []


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        ({}, "is not in OVERMIND_WITHDRAW_ADDRESSES"),
        ({**LISTED, "OVERMIND_WITHDRAW_ADDRESSES": OTHER}, f"{ADDRESS} is not in OVERMIND_WITHDRAW_ADDRESSES"),
        ({**LISTED, "OVERMIND_WITHDRAW_DAY_MAX_USD": "0"}, "OVERMIND_WITHDRAW_DAY_MAX_USD allows $0.00"),
        ({**LISTED, **WITHOUT_IT}, "primary_wallet is Inactive: removed"),
    ],
)
def test_the_configuration_of_now_decides_and_not_that_of_the_last_run(
    now: dict[str, str], problem: str, desk: Path
) -> None:
    done = overmind(desk, "withdraw", *OUT, **now)
    assert (done.returncode, problem in done.stderr) == (3, True), done.stderr
    assert as_json(overmind(desk, "moves", "--json")) == []


def test_what_waits_is_not_paid_to_an_address_that_is_not_listed_any_more(desk: Path) -> None:
    at_once = {"OVERMIND_WITHDRAW_DELAY_SEC": "2"}
    assert as_json(overmind(desk, "withdraw", *OUT, "--json", **LISTED, **at_once))["known"] is False
    before = cash(desk)
    time.sleep(2)
    other = {**LISTED, "OVERMIND_WITHDRAW_ADDRESSES": OTHER}
    assert overmind(desk, "submit", "-", given=json.dumps({**HOLD, "signal_id": "h2"}), **other).returncode == 0
    (row,) = as_json(overmind(desk, "moves", "--json"))
    assert (row["state"], row["detail"]) == (
        "rejected",
        f"NOT_ALLOWED {ADDRESS} is not in OVERMIND_WITHDRAW_ADDRESSES now: list it, then ask again",
    )
    assert cash(desk) == before


def test_where_nothing_was_ever_traded_nothing_is_taken_out(tmp_path: Path) -> None:
    done = overmind(tmp_path, "withdraw", *OUT, **LISTED)
    assert (done.returncode, "no journal at" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "data" / "overmind.db").exists()


def test_the_same_by_a_running_service(tmp_path: Path) -> None:
    with serving(tmp_path, **LISTED, OVERMIND_WITHDRAW_DELAY_SEC="0") as service:
        told = as_json(overmind(tmp_path, "rebalance", "--dry-run", "--json"))
        again = service.post("/v1/rebalance", {"reason": "x", "dry_run": True}).json
        assert told["plan"]["wallets"] == again["plan"]["wallets"]
        request = {"wallet_id": "primary_wallet", "amount": 100, "token": "usdc", "to": ADDRESS, "reason": "pay"}
        asked = service.post("/v1/withdrawals", request)
        assert asked.status == 200, asked.text
        assert asked.json["known"] is False
        assert service.post("/v1/withdrawals", {**request, "amount": "x"}).status == 400
        assert service.post("/v1/withdrawals", {**request, "amount": 401}).status == 409
        assert service.post("/v1/withdrawals", {**request, "request_id": "a:b"}).status == 400
        assert service.post("/v1/moves/nothing/cancel", {"reason": "x"}).status == 409
        assert service.post("/v1/rebalance", {"reason": " "}).status == 400
        while service.get("/v1/moves?open=true").json:
            pass
        (row,) = service.get("/v1/moves").json
        assert (row["move_id"], row["to"]) == (asked.json["move_id"], ADDRESS)
        assert row["state"] in ("filled", "failed", "expired", "rejected")
        again = service.post("/v1/withdrawals", request)
        if row["state"] == "filled":
            assert (again.status, again.json) == (200, {**asked.json, "known": True, "state": "filled"})
        else:
            assert (again.status, "ask again with another --id" in again.json["error"]) == (409, True)
