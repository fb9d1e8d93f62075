"""Logging in and out, the waits after wrong passwords, and the link that makes the first admin, in virtual time.

See specification §13.4.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from threading import Event

import pytest
from structlog.testing import capture_logs
from tests.support.door import API_TOKEN, PASSWORD, Answer, Door, Line, bearer

from overmind.core.model.commands import Command, RecordAction
from overmind.http.access.logins import OF_PEER_MAX, Logins
from overmind.http.access.records import read_users
from overmind.http.access.waits import FREE
from overmind.http.access.welcomes import GOOD_S, WHO, Welcomes
from overmind.http.endpoints import Role

PORT = 8080
ELSEWHERE = Line("203.0.113.5")


class Journal:
    """In place of the engine."""

    def __init__(self) -> None:
        self.commands: list[Command] = []

    async def handle(self, command: Command) -> tuple[object, ...]:
        self.commands.append(command)
        return ()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with closing(Door(tmp_path)) as door:
        door.user("ann", Role.OPERATE)
        door.serve(Logins(door.access, PORT).routes())
        yield door


def log_in(door: Door, password: str = PASSWORD, name: str = "ann", line: Line | None = None, **more: str) -> Answer:
    return door.ask("POST", "/login", {}, {"username": name, "password": password, **more}, line)


def cookie(said: Answer) -> dict[str, str]:
    return {"cookie": said.headers["set-cookie"].partition(";")[0]}


def test_a_login_begins_a_session(door: Door) -> None:
    said = log_in(door, next="/desk/wallets?x=1")
    assert (said.status, said.headers["location"]) == (303, "/desk/wallets?x=1")
    told = said.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    assert "secure" not in told, "a browser would not send it over http"
    assert PASSWORD not in str(said)
    assert door.access.session_user(cookie(said)["cookie"].partition("=")[2]) is not None


def test_a_login_leads_nowhere_else(door: Door) -> None:
    assert log_in(door, next="//evil.example").headers["location"] == "/"
    assert log_in(door, "wrong", next="https://evil.example").headers["location"] == "/login?why=wrong&next=%2F"


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "wrong"), ("ann", ""), ("nobody", PASSWORD), ("", ""), ("Ann", PASSWORD)]
)
def test_a_wrong_login_does_not_say_what_was_wrong(name: str, password: str, door: Door) -> None:
    said = log_in(door, password, name)
    assert (said.status, said.headers["location"]) == (303, "/login?why=wrong&next=%2F")
    assert "set-cookie" not in said.headers


def test_a_logout_ends_the_session(door: Door) -> None:
    session = cookie(log_in(door))
    csrf = door.csrf(session)
    assert door.ask("POST", "/logout", session).status == 403, "another page cannot log anybody out"
    said = door.ask("POST", "/logout", session, {"csrf": csrf})
    assert (said.status, said.headers["location"]) == (303, "/login")
    assert "max-age=0" in said.headers["set-cookie"].lower()
    assert door.ask("POST", "/logout", session, {"csrf": csrf}).headers["location"] == "/login?why=again"


@pytest.mark.parametrize("body", [b"username=ann&username=bob", b"{}", b"username"])
def test_a_login_that_is_no_form_says_so_on_a_page(body: bytes, door: Door) -> None:
    said = door.ask("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, body)
    assert said.status == 400
    assert said.headers["content-type"].startswith("text/html")


def test_wrong_passwords_make_the_next_attempt_wait(door: Door) -> None:
    for _ in range(FREE):
        assert "why=wrong" in log_in(door, "wrong").headers["location"]
    waits = log_in(door)
    assert waits.headers["location"] == "/login?why=wait&seconds=1&next=%2F", "even with the right password"
    assert log_in(door, line=ELSEWHERE).headers["location"] == "/", "from elsewhere nobody waits"
    door.now_s = 1.0
    assert "why=wrong" in log_in(door, "wrong").headers["location"]
    door.now_s = 2.5
    assert "seconds=1&" in log_in(door).headers["location"], "the second wait is 2 s"
    door.now_s = 3.0
    assert log_in(door).headers["location"] == "/"
    assert "why=wrong" in log_in(door, "wrong").headers["location"], "the right one ended the count"


def test_an_attempt_that_is_not_checked_does_not_make_the_wait_longer(door: Door) -> None:
    for _ in range(FREE):
        log_in(door, "wrong")
    for _ in range(50):
        log_in(door, "wrong")
    door.now_s = 1.0
    assert log_in(door).headers["location"] == "/"


def test_neither_tokens_nor_sessions_ever_wait(door: Door) -> None:
    session = cookie(log_in(door))
    for _ in range(FREE + 3):
        log_in(door, "wrong")
    assert "why=wait" in log_in(door).headers["location"]
    assert door.ask("POST", "/v1/emergency-stop", bearer(API_TOKEN)).status == 404, "it came through the door"
    headers = {**session, "x-csrf-token": door.csrf(session)}
    assert door.ask("POST", "/v1/emergency-stop", headers).status == 404


def test_one_address_cannot_take_all_the_places_where_passwords_are_checked(door: Door) -> None:
    free = Event()

    async def crowd() -> list[Answer]:
        """Its attempts wait behind a slow one."""
        loop = asyncio.get_running_loop()
        door.access.hashing.submit(free.wait)
        asked = [loop.create_task(door.login_of(f"user{number}", ELSEWHERE)) for number in range(OF_PEER_MAX + 3)]
        for refused in islice(asyncio.as_completed(asked), 3):
            await refused
        honest = loop.create_task(door.login_of("ann", Line()))
        await asyncio.sleep(0)
        free.set()
        return [*await asyncio.gather(*asked), await honest]

    *crowded, honest = [answer.headers["location"] for answer in door.runner.run(crowd())]
    assert sum("why=busy" in place for place in crowded) == 3
    assert honest == "/"


def test_who_comes_and_goes_is_logged_without_a_secret(door: Door) -> None:
    """People type passwords into the field for the name, so the name of nobody is not told either."""
    with capture_logs() as told:
        log_in(door, "my password, typed wrong", "hunter2 instead of a name")
        log_in(door, "my password, typed wrong", "ann")
        session = cookie(log_in(door))
        form = {"csrf": door.csrf(session)}
        for _ in range(2):  # The second time the session is over.
            door.ask("POST", "/logout", session, form)
    peer = Line().peer
    assert [(one["event"], one["user"], one["peer"]) for one in told] == [
        ("a login failed", "unknown", peer),
        ("a login failed", "ann", peer),
        ("login", "ann", peer),
        ("logout", "ann", peer),
    ]
    assert not any(secret in str(told) for secret in ("typed wrong", "hunter2", PASSWORD))


# The link of the terminal


class Welcomed:
    def __init__(self, folder: Path) -> None:
        self.door, self.journal = Door(folder), Journal()
        logins = Logins(self.door.access, PORT)
        self.welcomes = Welcomes(self.door.access, logins, self.journal)
        self.door.serve(logins.routes(), self.welcomes.routes())
        self.path = self.welcomes.offer() or ""

    def post(self, **fields: str) -> Answer:
        return self.door.ask(
            "POST", self.path, {}, {"username": "ann", "password": PASSWORD, "again": PASSWORD, **fields}
        )


@pytest.fixture
def welcomed(tmp_path: Path) -> Iterator[Welcomed]:
    welcomed = Welcomed(tmp_path)
    with closing(welcomed.door):
        yield welcomed


def test_the_link_makes_one_admin_who_is_logged_in(welcomed: Welcomed) -> None:
    shown = welcomed.door.ask("GET", welcomed.path)
    assert (shown.status, b"<form" in shown.body, b"style=" in shown.body) == (200, True, False)
    said = welcomed.post()
    assert (said.status, said.headers["location"]) == (303, "/")
    assert read_users(welcomed.door.folder)["ann"].rank is Role.ADMIN
    assert welcomed.journal.commands == [RecordAction(WHO, "AddUser", "ann, admin", "the first admin")]
    assert welcomed.door.access.session_user(cookie(said)["cookie"].partition("=")[2]) is not None
    assert welcomed.post(username="bob").status == 404, "it is good once"
    assert welcomed.door.ask("GET", welcomed.path).status == 404
    assert welcomed.welcomes.offer() is None


def test_the_link_is_good_for_ten_minutes(welcomed: Welcomed) -> None:
    welcomed.door.now_s = GOOD_S - 1
    assert welcomed.door.ask("GET", welcomed.path).status == 200
    welcomed.door.now_s = GOOD_S
    assert welcomed.door.ask("GET", welcomed.path).status == 404
    assert welcomed.post().status == 404
    assert read_users(welcomed.door.folder) == {}


def test_a_new_link_ends_the_one_before(welcomed: Welcomed) -> None:
    old, new = welcomed.path, welcomed.welcomes.offer()
    assert new is not None
    assert [welcomed.door.ask("GET", path).status for path in (old, new)] == [404, 200]


@pytest.mark.parametrize("secret", ["", "x", "ovm_", "<script>alert(1)</script>"])
def test_another_link_is_not_good(secret: str, welcomed: Welcomed) -> None:
    said = welcomed.door.ask("GET", f"/welcome/{secret}")
    assert said.status in (303, 404)
    assert b"<script" not in said.body


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"password": "short", "again": "short"}, b"a password that cannot be used|A password that cannot be used"),
        ({"again": "another horse"}, b"(?i)the two passwords differ"),
        ({"username": "<b>"}, b"(?i)a name that cannot be used"),
    ],
)
def test_a_form_that_is_filled_wrong_may_be_filled_again(
    fields: dict[str, str], problem: bytes, welcomed: Welcomed
) -> None:
    said = welcomed.post(**fields)
    assert (said.status, bool(re.search(problem, said.body))) == (400, True)
    assert b"<b>" not in said.body
    assert welcomed.post().status == 303


def test_another_site_cannot_send_the_form(welcomed: Welcomed) -> None:
    form = {"username": "eve", "password": PASSWORD}
    assert welcomed.door.ask("POST", welcomed.path, {"origin": "https://evil.example"}, form).status == 403


def test_the_link_makes_nobody_beside_a_user_who_came_meanwhile(welcomed: Welcomed) -> None:
    welcomed.door.user("bob", Role.READ)
    assert welcomed.post().status == 404
    assert set(read_users(welcomed.door.folder)) == {"bob"}
