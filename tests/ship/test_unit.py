"""The units are valid and leave a service little that it may do, and the program works with what is left."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.command_process import COMMAND, environment
from tests.support.processes import Child

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "deploy"
SERVICES = ("overmind.service", "overmind-backup.service")
EXPOSURE_MAX = 15  # tenths, of 100
HARDENED = Path(__file__).parent / "hardened.py"
SIGNAL = {"strategy_type": "TokenSniping", "action": "Buy", "symbol": "SOL", "notional_usd": 50}
PROGRAM = "/opt/overmind/bin/overmind"  # where the units expect it


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which("systemd-analyze"), "these tests need systemd-analyze: as root, run  apt-get install systemd"
    return subprocess.run(["systemd-analyze", "--no-pager", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_left_little_that_it_may_do(name: str) -> None:
    done = analyzed("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(UNITS / name))
    assert done.returncode == 0, done.stdout + done.stderr
    level = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
    assert level, done.stdout
    assert float(level[1]) <= EXPOSURE_MAX / 10


def test_the_measure_notices_a_service_that_may_do_much(tmp_path: Path) -> None:
    text = (UNITS / "overmind.service").read_text(encoding="utf-8")
    (tmp_path / "overmind.service").write_text(text.replace("ProtectSystem=strict\n", "").replace("User=", "#"))
    done = analyzed("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(tmp_path / "overmind.service"))
    assert done.returncode != 0


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """With programs that are there in the place of those that an installation has."""
    for path in UNITS.glob("overmind*"):
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8").replace(PROGRAM, shutil.which("true") or ""))
    done = analyzed("verify", *map(str, sorted(tmp_path.iterdir())))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_of_a_unit_is_there(name: str) -> None:
    found = re.findall(rf"{PROGRAM} (\w+)", (UNITS / name).read_text(encoding="utf-8"))
    assert found == [name.removesuffix(".service").partition("-")[2] or "run"]


def test_systemd_is_told_by_the_desk_alone() -> None:
    """And it waits for what it is told: ready, alive, stopping."""
    lines = (UNITS / "overmind.service").read_text(encoding="utf-8").splitlines()
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=60", "Restart=on-failure"} <= set(lines)


def hardened(unit: str, *words: str) -> list[str]:
    """The words after Python's own."""
    return [str(HARDENED), str(UNITS / unit), sys.executable, *words]


def run(words: list[str], env: dict[str, str], folder: Path) -> bytes:
    done = subprocess.run([sys.executable, *words], env=env, cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_the_filter_refuses_what_a_unit_leaves_out() -> None:
    words = hardened("overmind.service", "-c", "import os; os.setuid(os.getuid())")
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr


def test_a_desk_trades_seals_and_is_backed_up_under_the_filters_of_its_units(tmp_path: Path) -> None:
    signals, journal = tmp_path / "signals.jsonl", tmp_path / "data" / "overmind.db"
    signals.write_text("".join(json.dumps({**SIGNAL, "signal_id": f"s{n}"}) + "\n" for n in range(50)))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(120)
        env = environment(tmp_path, SNIPER_SERVER_PORT="0", NOTIFY_SOCKET=str(tmp_path / "notify"))
        with Child(hardened("overmind.service", *COMMAND[1:], "run", "--json"), env, tmp_path, "service") as child:
            child.ready()
            while b"READY=1" not in listener.recv(4_096):
                pass
            placed = run([*COMMAND[1:], "submit", str(signals), "--json"], env, tmp_path)
            assert placed.count(b'"status":"placed"') > 0
            made = run(hardened("overmind-backup.service", *COMMAND[1:], "backup", "copy", "--json"), env, tmp_path)
            entry = str(json.loads(made)["entries"])
            keeper = ("-m", "overmind.journal.segments.keeper_process", str(journal), "state", entry)
            assert len(run(hardened("overmind.service", *keeper), env, ROOT)) > 1_000
            child.process.terminate()
            assert child.end() == 0, child.complaints
