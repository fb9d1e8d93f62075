"""Which role each request needs, and what no route serves (specification §13.4)."""

from __future__ import annotations

import re

import pytest

from overmind.http.access.permissions import Allowed, NoRoute, Permissions
from overmind.http.endpoints import ENDPOINTS, Endpoint, Role

PERMISSIONS = Permissions()

TRAPS = """
method | path                                   | who may
POST   | /v1/wallets/w1/pause                   | OPERATE
POST   | /v1/wallets/w1/limits                  | ADMIN
POST   | /v1/wallets/w1/accept                  | ADMIN
POST   | /v1/wallets/w1/accept-history          | ADMIN
HEAD   | /healthz                               | everybody
GET    | /v1/signals/x                          | READ
POST   | /v1/signals                            | SIGNAL
# A router may read past what differs here.
POST   | /v1/wallets/w1/limits\\n                | nobody
POST   | /v1/wallets/w1/limits\\r                | nobody
GET    | /v1/portfolio\\n                        | nobody
GET    | /v1/portfolio\\x00                      | nobody
POST   | /v1/emergency-stop\\u2028               | nobody
# A path is taken as it is.
GET    | /v1/portfolio/                         | nobody
GET    | //v1/portfolio                         | nobody
GET    | /V1/portfolio                          | nobody
GET    | /v1/../v1/portfolio                    | nobody
GET    | /v1/wallets//                          | nobody
POST   | /v1/wallets//limits                    | nobody
GET    | v1/portfolio                           | nobody
GET    | *                                      | nobody
GET    | /v1/users/ann                          | nobody
GET    | /never/heard/of/it                     | nobody
# Neither is a method that nobody listed.
PUT    | /v1/portfolio                          | nobody
DELETE | /v1/users                              | nobody
OPTIONS | /v1/signals                           | nobody
post   | /v1/signals                            | nobody
"""


def cases() -> list[tuple[str, str, str]]:
    lines = [line for line in TRAPS.strip().splitlines()[1:] if not line.startswith("#")]
    parted = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [(method, path.encode().decode("unicode_escape"), who) for method, path, who in parted]


@pytest.mark.parametrize(("method", "path", "who"), cases())
def test_who_may_send_it(method: str, path: str, who: str) -> None:
    found = PERMISSIONS.of(method, path)
    if who == "nobody":
        assert isinstance(found, NoRoute)
    else:
        assert isinstance(found, Allowed)
        assert found.role == (None if who == "everybody" else Role[who])


def test_each_row_of_the_table_is_found_by_its_own_path() -> None:
    for row in ENDPOINTS:
        assert PERMISSIONS.of(row.method, re.sub(r"\{[^}]*\}", "x1", row.path)) == Allowed(row.role, row.of_sources), (
            row
        )


def test_no_row_stands_twice() -> None:
    rows = [(one.method, re.sub(r"\{[^}]*\}", "{}", one.path)) for one in ENDPOINTS]
    assert len(set(rows)) == len(rows)


def test_of_two_routes_with_one_path_the_higher_role_counts_in_any_order() -> None:
    low, high = Endpoint("POST", "/a/{x}/{y}", Role.READ, ""), Endpoint("POST", "/a/{x}/b", Role.ADMIN, "")
    for rows in ((low, high), (high, low)):
        assert Permissions(rows).of("POST", "/a/1/b") == Allowed(Role.ADMIN)
        assert Permissions(rows).of("POST", "/a/1/c") == Allowed(Role.READ)


def test_a_route_without_a_template_asks_for_no_less_than_one_that_has_its_path() -> None:
    plain, template = Endpoint("POST", "/a/b", Role.READ, ""), Endpoint("POST", "/a/{x}", Role.ADMIN, "")
    assert Permissions((plain, template)).of("POST", "/a/b") == Allowed(Role.ADMIN)


def test_a_path_with_another_method_tells_which_ones_there_are() -> None:
    assert PERMISSIONS.of("POST", "/v1/portfolio") == NoRoute(("GET",))


def test_a_token_of_a_source_may_send_its_signals_and_hear_of_them_and_no_more() -> None:
    those = {(row.method, row.path) for row in ENDPOINTS if row.of_sources}
    assert those == {("POST", "/v1/signals"), ("GET", "/v1/events"), ("GET", "/v1/stream")}
