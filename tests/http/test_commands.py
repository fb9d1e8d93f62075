"""Commands while a service owns the journal: writing commands go through it, reading commands open the journal."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.support.command import overmind
from tests.support.command_process import start
from tests.support.service import BUY, Service, command, serving

from overmind.cli.operate import STOP_ANSWER_S
from overmind.core.model.events import HoldAdded, HoldLifted
from overmind.desk.watches.timers import STOP_FILE, STOP_REASON
from overmind.journal.sqlite import SqliteJournal


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("desk")) as service:
        yield service


def test_stop_and_reactivate(service: Service) -> None:
    folder = service.folder
    stopped = command(folder, "stop", "--reason", "drill")
    assert "recorded by the running service" in stopped["how"]
    assert not (folder / "data" / STOP_FILE).exists()
    assert {wallet["status"] for wallet in service.get("/v1/wallets").json} == {"Emergency"}
    unknown = service.post("/v1/signals", {**BUY, "signal_id": "no", "exclude_wallets": ["nobody"]})
    assert (unknown.status, unknown.json["problems"][0]["field"]) == (400, "exclude_wallets")
    refused = service.post("/v1/signals", {**BUY, "signal_id": "late"}).json
    assert refused["refusals"][0]["code"] == "PORTFOLIO_STOPPED"
    (folder / "data" / STOP_FILE).touch()
    assert service.post("/v1/wallets/hft_wallet/reactivate", {"reason": "x"}).status == 409
    (folder / "data" / STOP_FILE).unlink()
    for wallet in ("primary_wallet", "hft_wallet"):
        assert command(folder, "reactivate", wallet, "--reason", "drill over") == {
            "wallet_id": wallet,
            "status": "Active",
        }
    unknown = overmind(folder, "reactivate", "nobody", "--reason", "x")
    paper = overmind(folder, "accept", "primary_wallet", "--reason", "x")
    assert (unknown.returncode, "no wallet 'nobody'" in unknown.stderr) == (3, True)
    assert (paper.returncode, "paper has no chain" in paper.stderr) == (3, True)
    clock = overmind(folder, "accept-time", "--reason", "x")
    assert (clock.returncode, "the clock is believed already" in clock.stderr) == (3, True)
    assert service.post("/v1/clock/accept", {"reason": "x"}).status == 409
    assert service.get("/readyz").json["clock_ahead_seconds"] is None
    journal = SqliteJournal.open_read_only(service.journal)
    events = [entry.event for entry in journal.read()]
    journal.close()
    stops = {event.hold.reason for event in events if isinstance(event, HoldAdded)}
    assert {reason.removeprefix(f"{STOP_REASON}: ") for reason in stops} == {"drill"}, (
        "the file may have been seen first"
    )
    assert {event.reason for event in events if isinstance(event, HoldLifted)} == {"drill over"}


def test_submit_goes_through_the_service_and_settles(service: Service) -> None:
    signals = [{**BUY, "signal_id": f"s{number}", "notional_usd": 1} for number in range(700)]
    lines = "".join(json.dumps(signal) + "\n\n" for signal in signals) + "broken\n" + "x" * 70_000 + "\n"
    done = overmind(service.folder, "submit", "-", given=lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2, done.stderr
    assert [answer["signal_id"] for answer in answers] == [*(signal["signal_id"] for signal in signals), None, None]
    assert answers[-1]["status"] == "invalid"
    assert service.get("/v1/orders?open=true").json == []
    assert service.get("/v1/stats").json["signals"] >= 700


def test_signals_can_be_piped_to_the_service(service: Service) -> None:
    client = start(service.folder, ["submit", "-"])
    assert client.stdin
    assert client.stdout
    for number in range(3):
        client.stdin.write(json.dumps({**BUY, "signal_id": f"p{number}"}) + "\n")
        client.stdin.flush()
        assert json.loads(client.stdout.readline())["signal_id"] == f"p{number}"
    client.communicate(timeout=130)
    assert client.returncode in (0, 3)


def test_a_wrong_token_is_named(service: Service) -> None:
    done = overmind(service.folder, "reactivate", "hft_wallet", "--reason", "x", OVERMIND_API_TOKEN="w" * 20)
    assert (done.returncode, "OVERMIND_API_TOKEN" in done.stderr) == (2, True)


@contextlib.contextmanager
def named_at(service: Service, port: int) -> Iterator[None]:
    """The file that names the service has another port meanwhile."""
    path = service.folder / "data" / "service.json"
    named = path.read_text()
    path.write_text(named.replace(str(service.port), str(port)))
    try:
        yield
    finally:
        path.write_text(named)
        (service.folder / "data" / STOP_FILE).unlink(missing_ok=True)


def test_a_service_that_hangs(service: Service) -> None:
    """The service is named and owns the journal, but nobody listens on its port."""
    with named_at(service, 1):
        silent = overmind(service.folder, "submit", "-", given=json.dumps(BUY))
        assert (silent.returncode, "cannot be reached" in silent.stderr) == (4, True)
        assert "no entry is sent" in command(service.folder, "stop", "--reason", "x")["how"]
        done = overmind(service.folder, "stop", "--reason", "x", "--liquidate")
        assert (done.returncode, "not known whether" in done.stderr) == (4, True)
        assert (service.folder / "data" / STOP_FILE).exists()
        assert "Traceback" not in silent.stderr


def test_stop_beside_a_service_that_hangs_says_so_at_once(service: Service) -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, named_at(service, deaf.getsockname()[1]):
        begun = time.monotonic()
        client = start(service.folder, ["stop", "--reason", "hangs", "--json"])
        assert client.stderr
        stop_file = service.folder / "data" / STOP_FILE
        assert client.stderr.readline() == f"STOP written: {stop_file}; no entry is sent from now on\n"
        told, _ = client.communicate(timeout=60)
        assert (client.returncode, "has not journaled it yet" in json.loads(told)["how"]) == (0, True)
        assert time.monotonic() - begun < 5 * STOP_ANSWER_S  # a client of the service waits 30 s


def test_a_service_that_does_not_answer_may_still_have_acted(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, named_at(service, deaf.getsockname()[1]):
        closing = threading.Thread(target=lambda: deaf.accept()[0].close())
        closing.start()
        silent = overmind(service.folder, "pause", "portfolio", "--reason", "x")
        closing.join()
    assert (silent.returncode, "may still carry it out" in silent.stderr) == (4, True)
