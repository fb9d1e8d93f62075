"""A real service on a terminal, with TLS: its link, its certificate, and who may do what while it runs."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.certificates import make_certificate
from tests.support.command import overmind
from tests.support.command_process import COMMAND, environment
from tests.support.door import PASSWORD
from tests.support.service import command

from overmind.core.model.events import OperatorActed
from overmind.http.access.records import TOKENS_FILE, USERS_FILE
from overmind.http.files import last_service
from overmind.journal.sqlite import SqliteJournal

LINK = re.compile(r"(https://\S+/welcome/\S+)")
NEW_PASSWORD = "a sentence that is long enough"


class OnTerminal:
    """`overmind run`, which takes what it writes to for a terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cert, key = make_certificate(folder)
        tls = {"OVERMIND_TLS_CERT": str(self.cert), "OVERMIND_TLS_KEY": str(key), "SNIPER_SERVER_PORT": "0"}
        self.env = environment(folder, **tls)
        master, slave = os.openpty()
        words = [sys.executable, *COMMAND[1:], "run"]
        self.process = subprocess.Popen(words, env=self.env, cwd=folder, stdout=slave, stderr=slave)
        os.close(slave)
        self._terminal = os.fdopen(master, "rb", buffering=0)
        self.shown = ""

    def read_until(self, wanted: re.Pattern[str]) -> str:
        while (found := wanted.search(self.shown)) is None:
            self.shown += self._terminal.read(4_096).decode()
        return found[1]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._terminal.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnTerminal]:
    service = OnTerminal(tmp_path_factory.mktemp("desk"))
    yield service
    service.close()


@pytest.mark.soak
def test_a_desk_with_tls_is_opened_by_its_link_and_run_by_its_users(service: OnTerminal) -> None:
    link, folder = service.read_until(LINK), service.folder
    _follow(link, service.cert)
    log = (folder / "logs" / "overmind.log").read_text()
    assert link.rpartition("/")[2] not in log, "the link is for the terminal alone"
    assert command(folder, "users", "list")[0]["name"] == "ann"
    stopped = command(folder, "stop", "--reason", "drill")
    assert "recorded by the running service" in stopped["how"], "which it knows by its certificate"
    added = overmind(folder, "users", "add", "bob", "--role", "read", "--password-file", "-", given=f"{PASSWORD}\n")
    assert (added.returncode, PASSWORD in added.stdout + added.stderr) == (0, False)
    made = command(folder, "tokens", "add", "bot", "--role", "read")
    assert _look(service, made["secret"]) == 200
    assert command(folder, "tokens", "revoke", "bot") == {"name": "bot"}
    assert _look(service, made["secret"]) == 401
    journal = SqliteJournal.open_read_only(folder / "data" / "overmind.db")
    acted = [entry.event for entry in journal.read() if isinstance(entry.event, OperatorActed)]
    journal.close()
    assert [(one.by, one.action) for one in acted] == [
        ("link:terminal", "AddUser"),
        ("token:api_token", "EmergencyStop"),
        ("token:api_token", "AddUser"),
        ("token:api_token", "AddToken"),
        ("token:api_token", "RevokeToken"),
    ]
    everything = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    for secret in (NEW_PASSWORD, PASSWORD, made["secret"], link.rpartition("/")[2]):
        assert secret.encode() not in everything
    assert {(folder / "data" / name).stat().st_mode & 0o777 for name in (USERS_FILE, TOKENS_FILE)} == {0o600}


def _follow(link: str, cert: Path) -> None:
    """As a browser that trusts the certificate."""
    place, _, secret = link.removeprefix("https://").partition("/welcome/")
    browser = HTTPSConnection(place, context=ssl.create_default_context(cafile=str(cert)))
    form = urlencode({"username": "ann", "password": NEW_PASSWORD, "again": NEW_PASSWORD})
    browser.request("POST", f"/welcome/{secret}", form, {"content-type": "application/x-www-form-urlencoded"})
    said = browser.getresponse()
    said.read()
    told = said.headers["set-cookie"]
    assert (said.status, told.startswith("__Host-overmind-"), "; secure" in told.lower()) == (303, True, True)
    for path, status in ((f"/welcome/{secret}", 404), ("/v1/portfolio", 200)):
        browser.request("GET", path, headers={"cookie": told.partition(";")[0]})
        said = browser.getresponse()
        said.read()
        assert (path, said.status) == (path, status)
    browser.close()


def _look(service: OnTerminal, token: str) -> int:
    """The status of an answer to a program that trusts the certificate."""
    running = last_service(service.folder / "data")
    assert running is not None
    place = running.url.removeprefix("https://")
    client = HTTPSConnection(place, context=ssl.create_default_context(cafile=str(service.cert)))
    client.request("GET", "/v1/portfolio", headers={"authorization": f"Bearer {token}"})
    status = client.getresponse().status
    client.close()
    return status


def test_users_and_tokens_of_a_desk_that_does_not_run(tmp_path: Path) -> None:
    given = tmp_path / "password"
    given.write_text(f"{PASSWORD}\n")
    for words in (
        ("users", "add", "ann", "--role", "Admin", "--password-file", str(given)),
        ("users", "role", "ann", "operate"),
        ("tokens", "add", "bot", "--role", "signal"),
        ("users", "list"),
        ("tokens", "list"),
    ):
        done = overmind(tmp_path, *words)
        assert done.returncode == 0, done
    assert command(tmp_path, "users", "list")[0]["role"] == "operate"
    (token,) = command(tmp_path, "tokens", "list")
    assert (token["name"], token["last_used_at"]) == ("bot", None)
    assert PASSWORD not in (tmp_path / "data" / USERS_FILE).read_text()


@pytest.mark.parametrize(
    ("words", "given", "code", "told"),
    [
        (("users", "add", "a b", "--role", "read", "--password-file", "-"), PASSWORD, 2, "a name"),
        (("users", "add", "ann", "--role", "boss", "--password-file", "-"), PASSWORD, 2, "one of read, signal"),
        (("users", "add", "ann", "--role", "read", "--password-file", "-"), "short", 2, "12 to 256"),
        (("users", "add", "ann", "--role", "read"), "", 2, "--password-file"),
        (("users", "add", "ann", "--role", "read", "--password-file", "nothing"), "", 2, "does not exist"),
        (("users", "remove", "nobody"), "", 3, "no user 'nobody'"),
        (("users", "role", "nobody", "read"), "", 3, "no user 'nobody'"),
        (("tokens", "revoke", "nobody"), "", 3, "no token 'nobody'"),
        (("tokens", "add", "api_token", "--role", "read"), "", 3, "already"),
        (("tokens", "add", "bot", "--role", "read", "--reason", " "), "", 2, "a blank reason"),
    ],
)
def test_a_command_that_cannot_be_done_says_what_would_be_right(
    words: tuple[str, ...], given: str, code: int, told: str, tmp_path: Path
) -> None:
    done = overmind(tmp_path, *words, given=given)
    assert (done.returncode, told in done.stderr) == (code, True), done
    assert not given or given not in done.stderr


def test_a_change_on_disk_is_journaled_where_there_is_a_journal(tmp_path: Path) -> None:
    signal = {"signal_id": "one", "strategy_type": "TokenSniping", "action": "Hold", "symbol": "SOL", "notional_usd": 5}
    assert overmind(tmp_path, "submit", "-", given=json.dumps(signal)).returncode == 0
    assert overmind(tmp_path, "tokens", "add", "bot", "--role", "read", "--reason", "charts").returncode == 0
    assert overmind(tmp_path, "pause", "portfolio", "--reason", "look").returncode == 0
    journal = SqliteJournal.open_read_only(tmp_path / "data" / "overmind.db")
    acted = [entry.event for entry in journal.read() if isinstance(entry.event, OperatorActed)]
    journal.close()
    assert [(one.action, one.about, one.reason) for one in acted] == [
        ("AddToken", "bot, read", "charts"),
        ("AddHold", "operator", "look"),
    ]
    assert {one.by.partition(":")[0] for one in acted} == {"cli"}
