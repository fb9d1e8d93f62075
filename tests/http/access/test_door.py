"""Every route with every role and with none, and what a browser of another site may make a session do.

See specification §13.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.door import API_TOKEN, HOST, IDLE_S, MOST_S, PORT, Door, Line, bearer, nothing

from overmind.config.door import DoorSettings, TlsFiles
from overmind.http.access.access import TELL_EVERY_S
from overmind.http.access.changes import Change, change_password, change_role, remove_user, revoke_token
from overmind.http.access.forms import FORM_BYTES_MAX
from overmind.http.access.records import (
    TOKENS_FILE,
    USERS_FILE,
    USES_FILE,
    change_tokens,
    change_users,
    read_uses,
)
from overmind.http.access.users import User
from overmind.http.bounds import BODY_BYTES_MAX
from overmind.http.endpoints import ENDPOINTS, Endpoint, Role

PATHS = [(row, re.sub(r"\{[^}]*\}", "x1", row.path)) for row in ENDPOINTS]
STRANGERS = ({}, bearer("wrong"), {"cookie": "overmind-8080=wrong"}, {"authorization": "Basic YTpi"})
STOP = "/v1/emergency-stop"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """With a user and a token of each role."""
    with closing(Door(tmp_path_factory.mktemp("door"))) as door:
        for role in Role:
            door.user(role.name.lower(), role)
        yield door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with closing(Door(tmp_path)) as door:
        yield door


@pytest.fixture(scope="module")
def tokens(desk: Door) -> dict[Role, str]:
    return {role: desk.token(f"{role.name.lower()}-bot", role) for role in Role}


def test_a_token_reaches_what_its_role_may(desk: Door, tokens: dict[Role, str]) -> None:
    for row, path in PATHS:
        for role, secret in tokens.items():
            said = desk.ask(row.method, path, bearer(secret))
            if row.role is None or role >= row.role:
                assert said.got_through, (row, role, said)
                assert (desk.identity.by, desk.identity.role) == (f"token:{role.name.lower()}-bot", role)
            else:
                assert (said.status, said.got_through) == (403, False), (row, role, said)
                assert row.role.name.lower() in said.body.decode().lower(), "it says which role it takes"


def test_a_session_reaches_what_its_users_role_may(desk: Door) -> None:
    for role in Role:
        session = desk.session(role.name.lower())
        headers = {**session, "x-csrf-token": desk.csrf(session)}
        for row, path in PATHS:
            said = desk.ask(row.method, path, headers)
            if row.role is None or role >= row.role:
                assert said.got_through, (row, role, said)
                assert (desk.identity.by, desk.identity.role) == (role.name.lower(), role)
            else:
                assert (said.status, said.got_through) == (403, False), (row, role, said)


@pytest.mark.parametrize("headers", STRANGERS)
def test_a_stranger_reaches_what_is_open_and_nothing_else(headers: dict[str, str], desk: Door) -> None:
    line = Line()
    for row, path in PATHS:
        said = desk.ask(row.method, path, headers, line=line)
        assert said.got_through == (row.role is None), row
        assert said.got_through or said.status in (401, 303), row
    assert not line.recognised, "it keeps the place of a stranger"


@pytest.mark.parametrize("path", ["/v1/planted", "/planted", "/v1/wallets/w1/limits\n", "/v1/portfolio/x/y"])
def test_a_route_that_the_table_lacks_is_served_to_nobody(path: str, desk: Door) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        assert desk.ask(method, path).status in (401, 303)
        said = desk.ask(method, path, bearer(API_TOKEN))
        assert (said.status, said.got_through) == (404, False)


def test_the_first_token_is_an_admin(desk: Door) -> None:
    assert desk.ask("POST", "/v1/mints", bearer(API_TOKEN)).got_through
    assert desk.identity.by == "token:api_token"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", f"bearer {API_TOKEN}", API_TOKEN, f"Bearer {API_TOKEN} "])
def test_a_token_is_given_in_one_way(given: str, desk: Door) -> None:
    assert desk.ask("GET", "/v1/portfolio", {"authorization": given}).status == 401


def test_a_wrong_token_is_not_helped_by_a_session(desk: Door) -> None:
    assert desk.ask("GET", "/v1/portfolio", {**desk.session("admin"), **bearer("wrong")}).status == 401


def test_a_browser_without_a_session_is_led_to_the_login(desk: Door) -> None:
    looked = desk.ask("GET", "/desk")
    assert (looked.status, looked.headers["location"]) == (303, "/login?next=%2Fdesk")
    sent = desk.ask("POST", "/logout")
    assert (sent.status, sent.headers["location"]) == (303, "/login?why=again"), "nothing is sent again by itself"


# What another site can make a browser do: send the cookie, a form, and JSON as text.

FORGED = """
origin                     | csrf    | as     | status
http://127.0.0.1:8080      | right   | form   | 200
http://127.0.0.1:8080      | right   | header | 200
                           | right   | form   | 200
http://127.0.0.1:8080      | none    | form   | 403
http://127.0.0.1:8080      | another | form   | 403
http://127.0.0.1:8080      | another | header | 403
http://127.0.0.1:8080      | blank   | header | 403
http://127.0.0.1:8080      | right   | json   | 403
https://evil.example       | right   | form   | 403
https://evil.example       | right   | header | 403
null                       | right   | form   | 403
http://127.0.0.1:8081      | right   | form   | 403
https://127.0.0.1:8080     | right   | form   | 403
http://localhost:8080      | right   | form   | 403
"""


def rows() -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in FORGED.strip().splitlines()[1:]]


@pytest.mark.parametrize(("origin", "csrf", "shape", "status"), rows())
def test_a_form_of_another_site_does_nothing(origin: str, csrf: str, shape: str, status: str, desk: Door) -> None:
    session, other = desk.session("operate"), desk.session("operate")
    value = {"right": desk.csrf(session), "another": desk.csrf(other), "blank": ""}.get(csrf)
    headers = {**session, **({"origin": origin} if origin else {})}
    body: dict[str, str] | bytes = {"reason": "x"}
    if shape == "header" and value is not None:
        headers["x-csrf-token"] = value
    elif shape == "form" and value is not None:
        body = {"reason": "x", "csrf": value}
    elif shape == "json":
        body = b'{"csrf": "' + (value or "").encode() + b'"}'
    said = desk.ask("POST", STOP, headers, body)
    assert (said.status, said.got_through) == (int(status), status == "200")


def test_a_login_that_another_site_sends_is_refused(desk: Door) -> None:
    form = {"username": "ann", "password": "x"}
    assert desk.ask("POST", "/login", {"origin": "https://evil.example"}, form).status == 403
    assert desk.ask("POST", "/login", {"origin": f"http://{HOST}"}, form).got_through
    assert desk.ask("POST", "/login", {}, form).got_through


def test_somebody_who_is_logged_in_may_log_in_again(desk: Door) -> None:
    """From a tab that has shown the form since before."""
    form = {"username": "ann", "password": "x"}
    session = {**desk.session("read"), "origin": f"http://{HOST}"}
    assert desk.ask("POST", "/login", session, form).got_through
    assert desk.ask("POST", "/login", {**session, "origin": "https://evil.example"}, form).status == 403


def test_a_token_needs_no_csrf_token_and_no_origin(desk: Door) -> None:
    assert desk.ask("POST", STOP, {**bearer(API_TOKEN), "origin": "https://evil.example"}).got_through


def test_what_was_sent_reaches_the_route_whole(desk: Door) -> None:
    session = desk.session("operate")
    said = desk.ask("POST", STOP, session, {"csrf": desk.csrf(session), "reason": "é & <b>"})
    assert b"reason=%C3%A9+%26+%3Cb%3E" in said.body


# Sizes


def test_a_stranger_may_send_a_small_form_and_no_more(desk: Door) -> None:
    assert desk.ask("POST", "/login", {}, b"x" * FORM_BYTES_MAX).got_through
    said = desk.ask("POST", "/login", {}, b"<script>" * FORM_BYTES_MAX)
    assert (said.status, said.headers["content-type"]) == (413, "text/html; charset=utf-8")
    assert b"<script" not in said.body
    assert desk.ask("POST", STOP, {}, b"x" * 100).status == 401
    assert desk.ask("POST", STOP, bearer(API_TOKEN), b"x" * BODY_BYTES_MAX).got_through
    assert desk.ask("POST", STOP, bearer(API_TOKEN), b"x" * (BODY_BYTES_MAX + 1)).status == 413


def test_an_oversized_form_of_a_session_says_so(desk: Door) -> None:
    session = desk.session("operate")
    body = {"csrf": desk.csrf(session), "reason": "x" * FORM_BYTES_MAX}
    assert desk.ask("POST", STOP, session, body).status == 413


# Time, and what an admin takes back


def test_a_session_that_is_over_leads_to_the_login(door: Door) -> None:
    door.user("ann", Role.OPERATE)
    session = door.session("ann")
    door.now_s = IDLE_S - 1
    assert door.ask("GET", "/desk", session).got_through
    door.now_s = 2 * IDLE_S
    assert door.ask("GET", "/desk", session).status == 303
    assert door.ask("POST", STOP, session).status == 401
    old = door.session("ann")
    for _ in range(int(MOST_S / IDLE_S * 2) - 1):
        door.now_s += IDLE_S / 2
        assert door.ask("GET", "/desk", old).got_through
    door.now_s += IDLE_S / 2
    assert door.ask("GET", "/desk", old).status == 303


def test_a_revoked_token_is_nobodys_and_its_open_answers_end(door: Door) -> None:
    secret, line = door.token("bot", Role.READ), Line()

    async def revoke() -> None:
        change_tokens(door.folder, revoke_token("bot"))
        await door.access.look()

    door.during = revoke
    assert door.ask("GET", "/v1/stream", bearer(secret), line=line).got_through
    assert line.aborted
    assert door.ask("GET", "/v1/stream", bearer(secret)).status == 401


@pytest.mark.parametrize("change", [remove_user("ann"), change_password("ann", "another", "", "")])
def test_a_user_who_is_removed_or_has_another_password_is_out(door: Door, change: Change[User]) -> None:
    door.user("ann", Role.ADMIN)
    door.user("bob", Role.ADMIN)
    session, other, line = door.session("ann"), door.session("bob"), Line()

    async def make() -> None:
        change_users(door.folder, change)
        await door.access.look()

    door.during = make
    assert door.ask("GET", "/v1/stream", session, line=line).got_through
    door.during = nothing
    assert line.aborted
    assert door.ask("GET", "/v1/stream", session).status == 401
    assert door.ask("GET", "/v1/stream", other).got_through


def test_another_role_counts_from_the_next_request_on(door: Door) -> None:
    door.user("ann", Role.ADMIN)
    session = door.session("ann")
    headers = {**session, "x-csrf-token": door.csrf(session)}
    assert door.ask("POST", "/v1/mints", headers).got_through
    change_users(door.folder, change_role("ann", "read", "", ""))
    door.look()
    assert door.ask("POST", "/v1/mints", headers).status == 403
    assert door.ask("GET", "/v1/mints", headers).got_through


@pytest.mark.parametrize(
    ("name", "content", "mode"),
    [(USERS_FILE, b"[", 0o600), (TOKENS_FILE, b'[{"name": "bot"}]', 0o600), (USERS_FILE, b"[]", 0o644)],
)
def test_a_file_that_cannot_be_trusted_lets_nobody_in(door: Door, name: str, content: bytes, mode: int) -> None:
    """The first token still works, and so does the file STOP."""
    door.user("ann", Role.ADMIN)
    secret, session = door.token("bot", Role.ADMIN), door.session("ann")
    (door.folder / name).write_bytes(content)
    (door.folder / name).chmod(mode)
    door.look()
    assert door.ask("GET", "/v1/wallets", bearer(secret)).status == 401
    assert door.ask("GET", "/v1/wallets", session).status == 401
    assert door.ask("POST", STOP, bearer(API_TOKEN)).got_through


# Proxies and TLS


PROXIED = DoorSettings(proxies=("10.0.0.9",), hosts=("desk.example",))
TOLD = {"host": "desk.example", "x-forwarded-for": "6.6.6.6, 203.0.113.5", "x-forwarded-proto": "https"}


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Door]:
    with closing(Door(tmp_path, PROXIED)) as door:
        yield door


def test_the_headers_of_a_proxy_are_believed_of_it_alone(proxied: Door) -> None:
    assert proxied.ask("POST", "/login", TOLD, line=Line("10.0.0.9")).got_through
    assert (proxied.caller.peer, proxied.caller.secure) == ("203.0.113.5", True), "the one that the proxy has added"
    assert proxied.ask("POST", "/login", TOLD, line=Line("198.51.100.1")).got_through
    assert (proxied.caller.peer, proxied.caller.secure) == ("198.51.100.1", False)


def test_a_session_over_https_has_a_cookie_of_its_own(proxied: Door) -> None:
    proxied.user("ann", Role.OPERATE)
    session = proxied.session("ann", secure=True)
    assert proxied.ask("GET", "/v1/wallets", {**TOLD, **session}, line=Line("10.0.0.9")).got_through
    assert proxied.ask("GET", "/v1/wallets", session).status == 401, "it does not count without encryption"
    for origin, through in (("https://desk.example", True), ("http://desk.example", False)):
        headers = {**TOLD, **session, "x-csrf-token": proxied.csrf(session), "origin": origin}
        assert proxied.ask("POST", STOP, headers, line=Line("10.0.0.9")).got_through is through


def test_without_tls_only_the_proxy_and_this_machine_may_come_from_elsewhere(tmp_path: Path) -> None:
    headers = {"host": "desk.example", **bearer(API_TOKEN)}
    with closing(Door(tmp_path, replace(PROXIED, bind="0.0.0.0"))) as door:
        assert door.ask("GET", "/v1/wallets", headers, line=Line("10.0.0.9")).got_through
        assert door.ask("GET", "/v1/wallets", headers, line=Line("127.0.0.1")).got_through
        said = door.ask("GET", "/v1/wallets", headers, line=Line("10.0.0.8"))
        assert (said.status, said.got_through) == (403, False)
        assert door.ask("GET", "/healthz", headers, line=Line("not an address")).status == 403


def test_with_tls_anybody_may_come(tmp_path: Path) -> None:
    headers = {"host": f"192.0.2.1:{PORT}", **bearer(API_TOKEN)}
    with closing(Door(tmp_path, DoorSettings("192.0.2.1", TlsFiles(tmp_path, tmp_path)))) as door:
        assert door.ask("GET", "/desk", headers, line=Line("198.51.100.1")).got_through
        assert door.caller.secure


@pytest.mark.parametrize(
    ("host", "known"),
    [
        (HOST, True),
        (f"localhost:{PORT}", True),
        (f"LOCALHOST:{PORT}", True),
        (f"[::1]:{PORT}", True),
        ("desk.example", True),
        ("Desk.Example", True),
        ("desk.example:8080", False),
        ("evil.example", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_the_names_of_the_desk(host: str, known: bool, proxied: Door) -> None:
    said = proxied.ask("GET", "/v1/wallets", {"host": host, **bearer(API_TOKEN)})
    assert said.status == (200 if known else 421)


# When a token was used last


def test_the_last_use_of_a_token_is_written_once_a_minute(door: Door) -> None:
    secret = door.token("bot", Role.READ)

    async def pass_time(seconds: float) -> None:
        """The service looks once a second."""
        door.now_s += seconds
        await door.access.look_once()

    assert read_uses(door.folder) == {}
    assert door.ask("GET", "/v1/wallets", bearer(secret)).got_through
    door.runner.run(pass_time(TELL_EVERY_S - 1))
    assert read_uses(door.folder) == {}, "not with each request"
    door.runner.run(pass_time(1))
    assert set(read_uses(door.folder)) == {"bot"}
    (door.folder / USES_FILE).unlink()
    door.runner.run(pass_time(TELL_EVERY_S))
    assert read_uses(door.folder) == {}, "nobody has used it since"
    change_tokens(door.folder, revoke_token("bot"))
    door.ask("GET", "/v1/wallets", bearer(API_TOKEN))
    door.runner.run(pass_time(TELL_EVERY_S))
    assert set(read_uses(door.folder)) == {"api_token"}, "what is gone is forgotten"


def test_an_open_route_of_the_api_is_reached_with_a_token_that_nobody_knows(tmp_path: Path) -> None:
    """What it means there is for the route to say."""
    with closing(Door(tmp_path, endpoints=(Endpoint("POST", "/v1/hooks/{secret}", None, ""),))) as door:
        assert door.ask("POST", "/v1/hooks/x", bearer("of another service")).got_through
        assert door.ask("POST", "/v1/hooks/x", {"origin": "https://evil.example"}).status == 403
        assert door.ask("POST", "/v1/portfolio", bearer(API_TOKEN)).status == 404
