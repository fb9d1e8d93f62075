"""Disks that hang and readers that do not read, in a real service: trades, stops and the API go on, and it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import IO, Any

import pytest
from tests.support.command import overmind
from tests.support.command_process import start
from tests.support.hanging import hang, serving_unread, starting, until_hung
from tests.support.processes import wait_until
from tests.support.service import BUY, Service, command

from overmind.cli.exit_codes import BAD_INPUT, INTERRUPTED, UNREACHABLE
from overmind.core.books.state import State
from overmind.desk.engine import recover
from overmind.desk.log.file import LOG_FILE
from overmind.journal.errors import JournalUnusable
from overmind.journal.sqlite import SqliteJournal

SELL = {**BUY, "signal_id": "sold", "action": "Sell", "notional_usd": 20, "scope": "desk"}
APPEND = "overmind.journal.writer:Writer.append"
LOG, FILES, STOP_FILE = (
    "overmind.desk.log.file:LogFile.emit",
    "overmind.journal.place:Place.gone",
    "overmind.desk.watches.timers:StopFile.exists",
)
JOURNAL_ENDS_S = 60.0  # 20 s for the last entries, 10 s for the file, and as above
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
        assert any("has not been written" in alarm for alarm in command(tmp_path, "risk")["alarms"])
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
    for word in ("check", "run"):
        done = overmind(tmp_path, word, SNIPER_SERVER_PORT="0")
        assert done.returncode == BAD_INPUT
        assert f"{tmp_path / 'logs' / LOG_FILE}: is a named pipe" in done.stderr
        assert "OVERMIND_LOGS_DIR" in done.stderr


@pytest.mark.soak
def test_a_service_whose_journal_hangs_answers_and_ends(tmp_path: Path) -> None:
    with serving_unread(tmp_path, (APPEND,)) as service:
        hang(tmp_path, "append")
        until_hung(tmp_path, "append")  # with the next prices
        wait_until(lambda: service.get("/readyz").status == 503, "it is not ready")
        assert any("did not become durable" in reason for reason in service.get("/readyz").json["reasons"])
        assert service.get("/healthz").status == 200
        stopped = service.post("/v1/emergency-stop", {"reason": "the disk hangs"})
        assert (stopped.status, "the stop holds" in stopped.json["error"]) == (503, True)
        for _ in range(2):
            service.child.process.send_signal(signal.SIGTERM)
            time.sleep(1)
        began = time.monotonic()
        assert service.child.end() == UNREACHABLE
        assert time.monotonic() - began < JOURNAL_ENDS_S
    last = log_lines(tmp_path)[-1]
    assert (last["event"], "has not answered within" in last["why"][0]) == ("service ended", True)


@pytest.mark.soak
def test_a_reader_of_answers_that_does_not_read_stops_no_trading(tmp_path: Path) -> None:
    """More answers than a pipe holds: the desk still heeds a STOP file, and books it."""
    with contextlib.suppress(BrokenPipeError), start(tmp_path, ["submit", "-"]) as desk:
        assert desk.stdin is not None
        writing = threading.Thread(target=write_signals, args=(desk.stdin,), daemon=True)
        writing.start()
        journal = tmp_path / "data" / "overmind.db"
        wait_until(lambda: decided(journal) > 1_000, "its pipe is full")
        (tmp_path / "data" / "STOP").touch()
        wait_until(lambda: is_stopped(journal), "the stop is journaled")
        assert desk.poll() is None
        desk.kill()


def write_signals(to: IO[str]) -> None:
    with contextlib.suppress(OSError):
        for number in range(5_000):
            to.write(json.dumps({**BUY, "signal_id": f"signal-{number}"}) + "\n")
            to.flush()


def decided(journal: Path) -> int:
    return state_of(journal).signals


def is_stopped(journal: Path) -> bool:
    return any("emergency" in book.holds for book in state_of(journal).wallets.values())


def state_of(journal: Path) -> State:
    if not journal.exists():
        return State()
    try:
        with contextlib.closing(SqliteJournal.open_read_only(journal)) as opened:
            return recover(opened)
    except JournalUnusable:  # It is being made.
        return State()
