"""The smaller operator commands, on a desk without a service."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import as_json, copy_of, overmind

from overmind.cli.offline import command_on_disk
from overmind.core.model.commands import AddHold
from overmind.core.model.controls import CLOCK, Scope
from overmind.core.model.events import CloseCancelled, CloseOrdered, PriceAccepted
from overmind.journal.sqlite import SqliteJournal

BUY = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 500}


def submitted(folder: Path, signal_id: str) -> dict[str, object]:
    answer: dict[str, object] = as_json(
        overmind(folder, "submit", "-", given=json.dumps({**BUY, "signal_id": signal_id}))
    )
    return answer


@pytest.fixture(name="once", scope="module")
def _once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with open positions, whatever the paper venue did with single orders."""
    folder = tmp_path_factory.mktemp("once")
    for number in range(3):
        assert submitted(folder, f"first-{number}")["status"] == "placed"
    return folder


@pytest.fixture(name="traded")
def _traded(once: Path, tmp_path: Path) -> Path:
    return copy_of(once, tmp_path)


def test_a_position_is_closed_by_name(traded: Path) -> None:
    for row in as_json(overmind(traded, "positions", "--json")):
        name = f"{row['wallet_id']}:sol"
        closed = as_json(overmind(traded, "close", name, "--json"))
        assert closed["position"] == name
        assert closed["order_id"].startswith(f"close:{row['wallet_id']}:")
    orders = as_json(overmind(traded, "orders", "--json"))
    assert any(row["order_id"].startswith("close:") and row["state"] == "filled" for row in orders)


def test_a_close_that_cannot_sell_stays_ordered_and_can_be_cancelled(traded: Path) -> None:
    (row, *_) = as_json(overmind(traded, "positions", "--json"))
    name = f"{row['wallet_id']}:SOL"
    dear = {"OVERMIND_COST_FEE_MAX_LAMPORTS": "1000000000"}  # more than the rest of the float
    said = overmind(traded, "close", name, "--reason", "looks bad", **dear).stdout
    assert "can be sold now: INSUFFICIENT_SOL" in said
    assert "tries again until the position is sold" in said
    assert as_json(overmind(traded, "positions", "--json"))[0]["closing"] == "looks bad"
    assert "closing: looks bad" in overmind(traded, "positions").stdout
    kept = as_json(overmind(traded, "close", name, "--cancel", "--reason", "fine again", "--json", **dear))
    assert (kept["closing"], kept["order_id"]) == (False, None)
    assert kept["left_quantity"] == pytest.approx(row["quantity"])
    assert overmind(traded, "close", name, "--reason", " ").returncode == 2
    journal = SqliteJournal.open_read_only(traded / "data" / "overmind.db")
    events = [entry.event for entry in journal.read()]
    journal.close()
    assert [one.reason for one in events if isinstance(one, CloseOrdered | CloseCancelled)] == [
        "looks bad",
        "fine again",
    ]


def test_a_time_is_accepted_on_a_desk_that_does_not_run(traded: Path) -> None:
    assert overmind(traded, "accept-time", "--reason", "x").returncode == 3
    command_on_disk(traded / "data", AddHold(Scope(), CLOCK, "the clock jumped"))
    assert any("the clock jumped" in one for one in as_json(overmind(traded, "risk", "--json"))["alarms"])
    resumed = overmind(traded, "resume", "portfolio", "--hold", "clock", "--reason", "x")
    assert (resumed.returncode, "accept-time" in resumed.stderr) == (3, True)
    assert overmind(traded, "accept-time", "--reason", " ").returncode == 2
    assert as_json(overmind(traded, "accept-time", "--reason", "I looked", "--json"))["reason"] == "I looked"
    assert as_json(overmind(traded, "risk", "--json"))["holds"] == []
    assert submitted(traded, "again")["status"] == "placed"


def test_only_dust_is_written_off(traded: Path) -> None:
    (row, *others) = as_json(overmind(traded, "positions", "--json"))
    name, worthless = f"{row['wallet_id']}:SOL", {"OVERMIND_DUST_USD": "1000"}
    refused = overmind(traded, "write-off", name, "--reason", "small")
    assert (refused.returncode, "only less than 0.5 USD is written off" in refused.stderr) == (3, True), refused.stderr
    sale = json.dumps({**BUY, "signal_id": "less", "action": "Sell", "notional_usd": 900})
    assert overmind(traded, "submit", "-", given=sale).returncode == 0
    hold = json.dumps({**BUY, "signal_id": "look", "action": "Hold", "comment": "ignored below"})
    assert overmind(traded, "submit", "-", given=hold).returncode == 2
    worthless["OVERMIND_SIGNAL_FIELDS_IGNORED"] = "comment"
    assert overmind(traded, "submit", "-", given=hold, **worthless).returncode == 0  # Journals the new bound.
    assert "dust" in overmind(traded, "positions").stdout
    done = overmind(traded, "write-off", name, "--reason", "small")
    assert (done.returncode, "stay in the wallet" in done.stdout) == (0, True), done.stderr
    assert [one["wallet_id"] for one in as_json(overmind(traded, "positions", "--json"))] == [
        one["wallet_id"] for one in others
    ]


@pytest.mark.parametrize(
    ("position", "code", "problem"),
    [
        ("primary_wallet", 2, "is no position"),
        ("nobody:SOL", 3, "no wallet 'nobody'"),
        ("primary_wallet:NOPE", 3, "holds no 'NOPE'"),
    ],
)
def test_what_is_no_position_is_refused(position: str, code: int, problem: str, traded: Path) -> None:
    done = overmind(traded, "close", position)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize("target", ["portfolio", "TokenSniping", "tokensniping"])
def test_entries_pause_and_come_back(target: str, traded: Path) -> None:
    paused = as_json(overmind(traded, "pause", target, "--reason", "lunch", "--json"))
    assert (paused["target"], paused["holds"]) == (target, ["operator"])
    assert submitted(traded, "two")["status"] == "refused"
    assert as_json(overmind(traded, "resume", target, "--reason", "back", "--json"))["holds"] == []
    assert submitted(traded, "three")["status"] == "placed"


def test_a_paused_wallet_keeps_its_other_holds(traded: Path) -> None:
    assert overmind(traded, "stop", "--reason", "drill").returncode == 0
    paused = as_json(overmind(traded, "pause", "primary_wallet", "--reason", "look", "--json"))
    assert paused["holds"] == ["emergency", "operator"]
    resumed = overmind(traded, "resume", "primary_wallet", "--reason", "seen", "--json")
    assert (resumed.returncode, json.loads(resumed.stdout)["holds"]) == (3, ["emergency"])


def test_what_a_breaker_holds_is_lifted_by_its_name(traded: Path) -> None:
    """`resume` lists the holds that remain, until when, and how to lift them."""
    first = {"OVERMIND_DAY_TRADES_MAX": "1"}
    given = json.dumps({**BUY, "signal_id": "late"})
    assert overmind(traded, "submit", "-", given=given, **first).returncode == 3  # Held as soon as a price arrives.
    vain = overmind(traded, "resume", "portfolio", "--reason", "looked")
    assert (vain.returncode, "portfolio is not held by 'operator'; it is held by day_trades until" in vain.stderr) == (
        3,
        True,
    )
    assert "`overmind resume portfolio --hold day_trades --reason …`" in vain.stderr
    misspelt = overmind(traded, "resume", "portfolio", "--reason", "looked", "--hold", "day_trade")
    assert (misspelt.returncode, "held by 'day_trade'; it is held by day_trades" in misspelt.stderr) == (3, True)
    assert overmind(traded, "pause", "portfolio", "--reason", "lunch").returncode == 0
    left = overmind(traded, "resume", "portfolio", "--reason", "back")
    assert (left.returncode, "portfolio is still held:\n  day_trades until" in left.stdout) == (3, True)
    done = overmind(traded, "resume", "portfolio", "--reason", "looked", "--hold", "day_trades")
    assert (done.returncode, done.stdout) == (0, "portfolio: no hold is left on it\n")
    assert submitted(traded, "two")["status"] == "placed"
    # An absent hold is not an error.
    assert overmind(traded, "resume", "portfolio", "--reason", "again").returncode == 0
    again = overmind(traded, "resume", "portfolio", "--reason", "again", "--hold", "day_trades")
    assert (again.returncode, "nothing holds it" in again.stderr) == (3, True)


def test_what_somebody_must_look_at_is_not_resumed(traded: Path) -> None:
    assert overmind(traded, "stop", "--reason", "drill").returncode == 0
    done = overmind(traded, "resume", "primary_wallet", "--reason", "x", "--hold", "emergency")
    assert done.returncode == 3
    assert "only `overmind reactivate primary_wallet --reason …` lifts emergency" in done.stderr


def test_what_is_neither_wallet_nor_strategy_is_refused(traded: Path) -> None:
    done = overmind(traded, "pause", "nobody", "--reason", "x")
    assert (done.returncode, "no wallet and no strategy" in done.stderr) == (3, True)
    assert overmind(traded, "pause", "portfolio", "--reason", " ").returncode == 2


def test_a_stop_that_liquidates_is_carried_out_by_the_next_start(traded: Path) -> None:
    assert as_json(overmind(traded, "positions", "--json"))
    done = overmind(traded, "stop", "--liquidate")  # The reason is optional.
    assert (done.returncode, "is sold by the next `overmind run`" in done.stdout) == (0, True)
    assert str(traded / "data") in done.stdout
    assert submitted(traded, "two")["status"] == "refused"  # Runs the desk and settles its sales.
    orders = as_json(overmind(traded, "orders", "--json"))
    assert any(row["order_id"].startswith("liquidate:") for row in orders)


def test_a_stop_that_sweeps_says_when_there_is_nowhere_to_sweep_to(traded: Path) -> None:
    done = overmind(traded, "stop", "--reason", "leave", "--sweep")
    assert (done.returncode, done.stdout.startswith("stopped: every wallet")) == (0, True)
    assert "nothing will be swept: no wallet of the type Emergency is configured" in done.stderr
    assert as_json(overmind(traded, "stop", "--reason", "leave", "--json"))["not_swept"] == ""


def test_an_operators_price_is_journaled_exactly(traded: Path) -> None:
    said = overmind(traded, "accept-price", "sol", "147.123456789012", "--reason", "two exchanges say so")
    assert said.stdout == "SOL: new prices are measured against 147.123456789012 USD from now on\n"
    journal = SqliteJournal.open_read_only(traded / "data" / "overmind.db")
    (accepted,) = [entry.event for entry in journal.read() if isinstance(entry.event, PriceAccepted)]
    journal.close()
    assert (accepted.price_pico, accepted.reason) == (147_123_456_789_012, "two exchanges say so")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (("SOL", "abc", "--reason", "x"), 2, "'abc'"),
        (("SOL", "0", "--reason", "x"), 2, "out of bounds"),
        (("SOL", "1e999999999", "--reason", "x"), 2, "1e999999999"),
        (("SOL", "1", "--reason", " "), 2, "a blank reason"),
        (("NOPE", "1", "--reason", "x"), 3, "neither a mint nor the symbol"),
        (("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263", "1", "--reason", "x"), 3, "never priced"),
    ],
)
def test_a_price_that_is_none_is_refused(words: tuple[str, ...], code: int, problem: str, traded: Path) -> None:
    done = overmind(traded, "accept-price", *words)
    assert (done.returncode, problem in done.stderr) == (code, True), done.stderr


def test_a_reactivation_names_every_hold_that_is_left(traded: Path) -> None:
    assert overmind(traded, "stop", "--reason", "drill").returncode == 0
    assert overmind(traded, "pause", "hft_wallet", "--reason", "look").returncode == 0
    assert overmind(traded, "pause", "portfolio", "--reason", "lunch").returncode == 0
    told = as_json(overmind(traded, "reactivate", "hft_wallet", "--reason", "over", "--json"))
    assert told["status"] == "Suspended"
    assert [line.partition(" until")[0] for line in told["still_held"]] == [
        "operator",
        "the portfolio is held by operator",
    ]
    shown = overmind(traded, "reactivate", "primary_wallet", "--reason", "over").stdout
    assert shown.startswith("primary_wallet: Active\n  the portfolio is held by operator until it is lifted (lunch)")
