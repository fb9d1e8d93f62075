"""The documents that lead a newcomer run as they are written, as far as this machine can.

The first hour runs whole. On the way to a server all of overmind and of the shell runs. What only a server can do is
pretended, and each such program checks what it is asked against the files of deploy/.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from tests.ship import pretended
from tests.support.command_process import outside_environment, still_tape

from overmind.config import describe
from overmind.http.endpoints import ENDPOINTS

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
BLOCK: Final = re.compile(r"^```(?:ba)?sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_SERVER: Final = re.compile(r"(?<![\w/.])/(opt|var|etc)/")
SIGNAL: Final = '{"signal_id":"one","strategy_type":"TokenSniping","action":"Buy","symbol":"SOL","notional_usd":50}'


def blocks(name: str) -> list[str]:
    return BLOCK.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))


def shell(script: str, folder: Path, env: dict[str, str]) -> str:
    """What it says. Each command must end well, and wait for nobody."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n{done.stdout[-2_000:]}\n{done.stderr[-2_000:]}"
    return done.stdout


def test_the_first_hour_runs_as_it_is_written(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(BIN.parent)
    said = [shell(block, tmp_path, outside_environment()) for block in blocks("first-hour.md")]
    assert "ok: 4 wallets" in said[0]
    assert "hour" in said[0]
    assert len(said) == 3
    assert (tmp_path / "again" / "overmind.db").exists()


class Server:
    """A folder that stands for the root of one, and the programs that only a server has."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "server"
        self.checkout = folder / "checkout"
        for name in ("bin", "etc/systemd/system", "var/lib", "var/backups", "var/log", "opt"):
            (self.root / name).mkdir(parents=True)
        self.checkout.mkdir()
        for name in ("deploy", "Makefile", "pyproject.toml", "requirements-run.lock"):
            (self.checkout / name).symlink_to(ROOT / name)
        for name in pretended.PROGRAMS:
            program = self.root / "bin" / name
            words = shlex.join([sys.executable, str(ROOT / "tests" / "ship" / "pretended.py"), name])
            program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
            program.chmod(0o755)

    @property
    def home(self) -> Path:
        return self.root / "var" / "lib" / "overmind"

    def translated(self, text: str) -> str:
        """Paths of the server begin in its folder."""
        return OF_SERVER.sub(rf"{self.root}/\1/", text)

    def run(self, block: str) -> str:
        env = {**outside_environment(), "SERVER": str(self.root), "CHECKOUT": str(ROOT)}
        return shell(
            self.translated(block), self.checkout, {**env, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        )

    def unit(self, name: str, setting: str) -> list[str]:
        text = (self.root / "etc" / "systemd" / "system" / name).read_text(encoding="utf-8")
        return [self.translated(one) for one in re.findall(rf"^{setting}=(.+)$", text, re.MULTILINE)]

    def as_systemd(self, words: list[str], given: str = "") -> None:
        """In the folder of the service, with its variables and its credential."""
        pairs = (pair.split("=", 1) for line in self.unit("overmind.service", "Environment") for pair in line.split())
        env = {name: value.replace("/run/", f"{self.root}/run/") for name, value in pairs}
        more = {
            "CREDENTIALS_DIRECTORY": str(self.root / "etc" / "credstore.encrypted"),
            "OVERMIND_PRICE_TAPE": str(still_tape(self.root)),
        }
        done = subprocess.run(
            words, cwd=self.home, env=outside_environment() | env | more, input=given, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_way_to_a_server_holds(tmp_path: Path) -> None:
    server = Server(tmp_path)
    install, found, enable, look, restore, container = blocks("deploying.md")
    for block in (install, found, enable):
        server.run(block)
    assert (server.home / ".env").exists()
    assert "argon2" in (server.home / "wallets" / "hft_wallet.json").read_text(), "the keys are encrypted"
    (program,) = server.unit("overmind.service", "ExecStart")
    server.as_systemd([program.split()[0], "submit", "-"], SIGNAL)
    assert "hft_wallet" in server.run(look)

    (start,) = server.unit("overmind-backup.service", "ExecStart")
    server.as_systemd(shlex.split(start.replace("%%", "%")))
    (made,) = (server.root / "var" / "backups" / "overmind").iterdir()
    (named,) = re.findall(r"/var/backups/overmind/(\S+)", restore)
    assert re.sub(r"\d", "0", made.name) == re.sub(r"\d", "0", named), "the timer names its backups otherwise"
    made.rename(made.with_name(named))
    server.run(restore)
    assert (server.home / "data" / "restored.json").exists()
    assert (server.home / "data.before" / "overmind.db").exists()
    server.run(container)


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("systemctl enable --now overmind.servce", "overmind.servce"),
        ("make weel", "no target"),
        ("docker compose --file deploy/compose.yml up --build --detach", "AssertionError"),
        ("useradd --home-dir /var/lib/other overmind", "at home elsewhere"),
    ],
)
def test_a_command_that_is_wrong_is_found(tmp_path: Path, block: str, problem: str) -> None:
    with pytest.raises(AssertionError, match=problem):
        Server(tmp_path).run(block)


def test_every_word_of_the_way_is_run_or_pretended() -> None:
    """A program that is in neither list would run on this machine as it is."""
    lines = "".join(blocks("deploying.md")).replace("\\\n", " ").splitlines()
    firsts = {Path(part.split()[0]).name for line in lines for part in line.split("|")}
    assert firsts <= pretended.PROGRAMS.keys() | {"cd", "cp", "ln", "mv", "overmind"}


def test_the_proxy_of_hooks_lets_them_through_and_nothing_else() -> None:
    (text,) = re.findall(r"^```nginx\n(.*?)^```$", (ROOT / "docs" / "hooks.md").read_text(), re.MULTILINE | re.DOTALL)
    assert text.count("{") == text.count("}")
    assert all(line.endswith((";", "{", "}")) for line in text.split("\n") if line), "each line is one statement"
    ((path, block),) = re.findall(r"location ~ (\S+) \{(.*?)\n    \}", text, re.DOTALL)
    open_to_all = [one for one in ENDPOINTS if one.role is None and one.path.startswith("/v1/")]
    passed = [one for one in ENDPOINTS if re.search(path, one.path)]
    assert passed == open_to_all, "and what asks for a token is not reached at all"
    assert len(passed) == 2
    assert {one.method for one in passed} == {"POST"}
    assert "limit_except POST { deny all; }" in block
    port = next(row.default for row in describe() if row.name == "SNIPER_SERVER_PORT")
    assert re.findall(r"127\.0\.0\.1:(\d+)", block) == [port] * 2
    assert "location / { return 404; }" in text
    assert "access_log off;" in text, "a path holds a secret"
