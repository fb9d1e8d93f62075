"""From where the service may be reached: nothing that is not encrypted leaves the machine unnoticed.

See specification §13.4.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.certificates import make_certificate
from tests.support.desk_on_disk import DeskOnDisk

from overmind.config.door import DoorSettings
from overmind.http.access.callers import front_of, url_of

PROXY = {"OVERMIND_TRUSTED_PROXY": "10.0.0.9"}


def tls(folder: Path) -> dict[str, str]:
    cert, key = make_certificate(folder)
    return {"OVERMIND_TLS_CERT": str(cert), "OVERMIND_TLS_KEY": str(key)}


def test_the_service_listens_on_the_loopback_by_itself(desk: DeskOnDisk) -> None:
    assert desk.load().door == DoorSettings()


@pytest.mark.parametrize("bind", ["0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "10.0.0.1"])
def test_another_address_needs_tls_or_a_proxy(bind: str, desk: DeskOnDisk) -> None:
    (problem,) = desk.problems(OVERMIND_BIND=bind)
    assert problem.where == "OVERMIND_BIND"
    assert "not encrypted" in problem.problem
    assert "OVERMIND_TLS_CERT" in problem.fix
    assert desk.load(OVERMIND_BIND=bind, **PROXY).door.proxies == ("10.0.0.9",)
    assert desk.load(OVERMIND_BIND=bind, **tls(desk.folder)).door.tls is not None


@pytest.mark.parametrize("bind", ["127.0.0.1", "127.0.0.2", "::1"])
def test_an_address_of_the_loopback_needs_nothing(bind: str, desk: DeskOnDisk) -> None:
    assert desk.load(OVERMIND_BIND=bind).door.is_loopback


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OVERMIND_BIND", "localhost"),
        ("OVERMIND_BIND", "256.0.0.1"),
        ("OVERMIND_BIND", "127.0.0.1:8080"),
        ("OVERMIND_TRUSTED_PROXY", "10.0.0.9,proxy"),
        ("OVERMIND_TRUSTED_PROXY", "10.0.0.0/8"),
        ("OVERMIND_ALLOWED_HOSTS", "https://desk.example"),
        ("OVERMIND_ALLOWED_HOSTS", "desk.example/path"),
        ("OVERMIND_ALLOWED_HOSTS", "*"),
        ("OVERMIND_SESSION_IDLE_SEC", "59"),
        ("OVERMIND_SESSION_MAX_SEC", "604801"),
    ],
)
def test_what_cannot_be_meant_is_refused(variable: str, value: str, desk: DeskOnDisk) -> None:
    assert [problem.where for problem in desk.problems(**{variable: value})] == [variable]


def test_a_certificate_needs_its_key(desk: DeskOnDisk) -> None:
    both = tls(desk.folder)
    for alone in both:
        (problem,) = desk.problems(**{alone: both[alone]})
        assert "is not set" in problem.problem
    other = make_certificate(desk.folder, "other.example")[1]
    (problem,) = desk.problems(**{**both, "OVERMIND_TLS_KEY": str(other)})
    assert "no certificate with this key" in problem.problem
    (problem,) = desk.problems(**{**both, "OVERMIND_TLS_CERT": str(desk.folder / "nothing.crt")})
    assert "cannot be read" in problem.problem
    (problem,) = desk.problems(OVERMIND_BIND="0.0.0.0", **{**both, "OVERMIND_TLS_KEY": str(other)})
    assert problem.where.startswith("OVERMIND_TLS_CERT"), "one cause has one problem"


def test_a_key_that_others_can_read_is_a_warning_on_paper(desk: DeskOnDisk) -> None:
    both = tls(desk.folder)
    Path(both["OVERMIND_TLS_KEY"]).chmod(0o644)
    (warning,) = desk.load(**both).warnings
    assert "others can read the key" in warning.problem


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
        ("192.0.2.1", "http://192.0.2.1:80"),
    ],
)
def test_where_the_commands_of_the_machine_find_it(bind: str, url: str) -> None:
    door = DoorSettings(bind)
    assert url_of(door, 80) == url
    assert url.removeprefix("http://").encode() in front_of(door, 80).hosts, "and may call it so"
