"""The proxy of docs/hooks.md, as it stands there, before a service: hooks get through, and nothing else.

nginx is that of Debian's package; `make ship` unpacks it.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Final

import pytest
from tests.support.certificates import make_certificate
from tests.support.hooked import BOT, CHART, SECRET, TO_CHART
from tests.support.processes import wait_until
from tests.support.service import Service, serving

from overmind.clock.clocks import SystemClock
from overmind.clock.instants import iso_seconds
from overmind.desk.sources.store import write_sources

ROOT: Final = Path(__file__).parents[2]
NGINX: Final = ROOT / ".venv" / "nginx" / "usr" / "sbin" / "nginx"
DOCUMENT: Final = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")


class Proxied:
    def __init__(self, service: Service, port: int, certificate: Path, log: Path) -> None:
        self.service = service
        self.log = log
        self._port = port
        self._context = ssl.create_default_context(cafile=str(certificate))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        client = HTTPSConnection("127.0.0.1", self._port, context=self._context)
        client.request(method, path, body, headers)
        status = client.getresponse().status
        client.close()
        return status


@pytest.fixture(name="proxied", scope="module")
def _proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    assert NGINX.exists(), "there is no nginx: `make ship` unpacks it"
    folder = tmp_path_factory.mktemp("proxied")
    (folder / "data").mkdir(mode=0o700)
    write_sources(folder / "data", {"chart": CHART, "bot": BOT})
    certificate, key = make_certificate(folder)
    with serving(folder, OVERMIND_TRUSTED_PROXY="127.0.0.1") as service, socket.create_server(("127.0.0.1", 0)) as free:
        port, log = free.getsockname()[1], folder / "nginx.log"
        free.close()
        (folder / "nginx.conf").write_text(configuration(folder, service.port, port, certificate, key, log))
        words = [NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", log]
        with subprocess.Popen(words) as process:
            try:
                wait_until(lambda: process.poll() is not None or _listens(port), "the proxy listens")
                yield Proxied(service, port, certificate, log)
            finally:
                process.terminate()


def configuration(folder: Path, to: int, port: int, certificate: Path, key: Path, log: Path) -> str:
    """The server of the document, with places of this machine, within what Debian's own configuration has around it."""
    (server,) = re.findall(r"```nginx\n(.*?)```", DOCUMENT, re.DOTALL)
    for written, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/desk.pem", str(certificate)),
        ("/etc/ssl/desk.key", str(key)),
        ("/var/log/nginx/desk.log", str(log)),
        ("127.0.0.1:8080", f"127.0.0.1:{to}"),
    ):
        assert written in server, written
        server = server.replace(written, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    return f"daemon off; pid {folder / 'nginx.pid'}; events {{}} http {{ {places} {server} }}"


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def alert() -> bytes:
    fired_at = iso_seconds(SystemClock().now_ns())
    return json.dumps({"ticker": "SOLUSDC", "action": "buy", "position": "long", "fired_at": fired_at}).encode()


def test_an_alert_gets_through_and_its_secret_is_logged_nowhere(proxied: Proxied) -> None:
    assert proxied.ask("POST", TO_CHART, alert()) == 202
    assert proxied.ask("POST", f"{TO_CHART}x", alert()) == 404
    assert proxied.ask("POST", TO_CHART, b"x" * 20_000) == 413
    logs = (proxied.service.folder / "logs").iterdir()
    told = proxied.log.read_text() + "".join(path.read_text() for path in logs) + proxied.service.child.complaints
    assert SECRET not in told


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1/portfolio"),
        ("POST", "/v1/signals"),
        ("POST", "/v1/emergency-stop"),
        ("GET", "/v1/hooks"),
        ("POST", "/v1/hooks"),
        ("POST", "/v1/hooks/chart/rotate"),
        ("GET", "/metrics"),
        ("POST", "/v1/hooks/tradingview/a/../../../signals"),
        ("POST", "/v1/hooks/tradingview/a/%2e%2e/%2e%2e/%2e%2e/signals"),
        ("POST", "/v1/signals/../hooks/tradingview/a/b"),
        ("GET", TO_CHART),
    ],
)
def test_nothing_else_gets_through_with_any_token(proxied: Proxied, method: str, path: str) -> None:
    token = f"Bearer {proxied.service.token}"
    assert proxied.ask(method, path, b"{}" if method == "POST" else b"", authorization=token) in (403, 404)
