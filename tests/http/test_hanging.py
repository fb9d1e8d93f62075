"""Disks that hang and readers that do not read, in a real service: trades, stops and the API go on, and it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import overmind
from tests.support.hanging import hang, serving_unread, starting, until_hung
from tests.support.processes import wait_until
from tests.support.service import BUY, Service

from overmind.cli.exit_codes import BAD_INPUT, INTERRUPTED
from overmind.desk.log_file import LOG_FILE

SELL = {**BUY, "signal_id": "sold", "action": "Sell", "notional_usd": 20, "scope": "desk"}
LOG, FILES, STOP_FILE = (
    "overmind.desk.log_file:LogFile.emit",
    "overmind.journal.place:Place.gone",
    "overmind.desk.watch:StopFile.exists",
)
ENDS_S = 20.0  # the drain of nothing, two seconds each for the log and the terminal, and a slow machine


def test_trades_stops_and_health_go_on_while_everything_hangs(tmp_path: Path) -> None:
    with serving_unread(tmp_path, (LOG, FILES, STOP_FILE)) as service:
        for function in ("emit", "gone"):
            hang(tmp_path, function)
        bought = service.post("/v1/signals", BUY)
        assert (bought.status, bought.json["status"]) == (202, "placed")
        until_hung(tmp_path, "emit")
        wait_until(lambda: "filled" in states(service), "the order is filled")
        hang(tmp_path, "exists")
        until_hung(tmp_path, "exists")
        wait_until(lambda: len(service.get("/readyz").json["reasons"]) == 2, "the folder and the log are told")
        reasons = service.get("/readyz").json["reasons"]
        assert any("disk of the data folder" in reason for reason in reasons)
        assert any("has not been written" in reason for reason in reasons)
        assert service.get("/healthz").status == 200
        assert service.post("/v1/emergency-stop", {"reason": "it hangs"}).status == 200
        assert service.post("/v1/signals", SELL).json["status"] == "placed"
        wait_until(lambda: states(service).count("filled") == 2, "the sale is filled")
        assert any("has not been written" in alarm for alarm in service.get("/v1/risk").json["alarms"])
        began = time.monotonic()
        service.child.process.send_signal(signal.SIGTERM)
        assert service.child.end() == 0
        assert time.monotonic() - began < ENDS_S


def states(service: Service) -> list[str]:
    return [order["state"] for order in service.get("/v1/orders").json]


IN_THE_LOOP, BEFORE_IT = "overmind.desk.engine:recover", "overmind.journal.sqlite:connect_reader"


@pytest.mark.parametrize("function", [IN_THE_LOOP, pytest.param(BEFORE_IT, marks=pytest.mark.soak)])
def test_a_signal_ends_a_start_that_hangs(tmp_path: Path, function: str) -> None:
    name = function.rpartition(":")[2]
    hang(tmp_path, name)
    with starting(tmp_path, (function,)) as child:
        until_hung(tmp_path, name)
        child.process.send_signal(signal.SIGTERM)
        assert child.end() == INTERRUPTED
    assert log_lines(tmp_path)[-1]["event"] == "service ended"


def log_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "logs" / LOG_FILE).read_text().splitlines()]


def test_a_log_that_is_no_file_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    os.mkfifo(tmp_path / "logs" / LOG_FILE)
    done = overmind(tmp_path, "run", SNIPER_SERVER_PORT="0")
    assert done.returncode == BAD_INPUT
    assert f"{tmp_path / 'logs' / LOG_FILE}: is a named pipe" in done.stderr
    assert "OVERMIND_LOGS_DIR" in done.stderr
