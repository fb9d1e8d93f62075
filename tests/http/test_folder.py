"""The running service when its folder vanishes, when its journal is locked, and what the log's last line says."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.foreign_lock import locked
from tests.support.processes import wait_until
from tests.support.service import BUY, command, serving

from overmind.cli.exit_codes import UNREACHABLE
from overmind.desk.log.file import LOG_FILE

ENDED_S = 5.0  # The folder is looked at twice a second.


def log_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "logs" / LOG_FILE).read_text().splitlines()]


def _deleted(folder: Path) -> bool:
    """Deletes it. The service may write a file meanwhile, which the next try deletes too."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def test_a_deleted_folder_ends_the_service_with_a_last_line(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        service.post("/v1/signals", BUY)
        wait_until(lambda: _deleted(tmp_path / "data"), "the folder is gone")
        began = time.monotonic()
        assert service.child.end() == UNREACHABLE
        assert time.monotonic() - began < ENDED_S
    last = log_lines(tmp_path)[-1]
    assert (last["event"], last["level"]) == ("service ended", "critical")
    assert "deleted, moved or replaced" in last["why"][0]


def test_a_service_whose_folder_was_replaced_leaves_the_new_one_alone(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        (tmp_path / "data").rename(tmp_path / "elsewhere")
        shutil.copytree(tmp_path / "elsewhere", tmp_path / "data")
        (tmp_path / "data" / "service.json").write_text('{"url":"http://127.0.0.1:1","pid":1}\n')
        assert service.child.end() == UNREACHABLE
    assert json.loads((tmp_path / "data" / "service.json").read_text())["pid"] == 1


def test_a_lock_by_another_program_is_not_ready_and_a_stop_is_told_soon(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        with locked(service.journal):
            wait_until(lambda: service.get("/readyz").status == 503, "it is not ready")
            assert any("another program keeps" in reason for reason in service.get("/readyz").json["reasons"])
            stopped = service.post("/v1/emergency-stop", {"reason": "locked"})
            assert stopped.status == 503
            assert "the stop holds" in stopped.json["error"]
        wait_until(lambda: service.get("/readyz").status == 200, "it is ready again")
        service.child.process.send_signal(signal.SIGTERM)
        assert service.child.end() == 0, service.child.complaints
    assert all("emergency" in wallet["holds"] for wallet in command(tmp_path, "wallets"))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_each_signal_that_ends_the_service_leaves_a_last_line(tmp_path: Path, sent: signal.Signals) -> None:
    with serving(tmp_path) as service:
        service.child.process.send_signal(sent)
        assert service.child.end() == 0, service.child.complaints
    assert log_lines(tmp_path)[-1]["event"] == "service ended"


def test_the_start_after_a_kill_says_that_there_was_one(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        killed = service.child.process.pid
        service.child.kill()
    with serving(tmp_path) as service:
        service.child.process.send_signal(signal.SIGTERM)
        assert service.child.end() == 0
    assert [line["pid"] for line in log_lines(tmp_path) if "killed" in line["event"]] == [killed]


def test_a_service_cannot_be_dumped_and_its_files_are_its_own(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        assert resource.prlimit(service.child.process.pid, resource.RLIMIT_CORE) == (0, 0)
        folders = (tmp_path / "data", tmp_path / "logs")
        assert [path.stat().st_mode & 0o777 for path in folders] == [0o700, 0o700]
        for file in (file for folder in folders for file in folder.iterdir()):
            assert file.stat().st_mode & 0o777 == 0o600, file
