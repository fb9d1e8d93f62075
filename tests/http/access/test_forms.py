"""What a browser sends: forms, cookies, and where it goes next."""

from __future__ import annotations

import pytest

from overmind.http.access.forms import FIELDS_MAX, FORM_BYTES_MAX, form_fields, is_form
from overmind.http.access.headers import cookie_name, cookie_of, own_place, page_headers
from overmind.http.responses import HttpRefusal, plain_page


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"a=1&b=", {"a": "1", "b": ""}),
        (b"a=%C3%A9+x%26y", {"a": "é x&y"}),
        (b"reason=%3Cb%3E", {"reason": "<b>"}),
    ],
)
def test_a_form_is_read(body: bytes, fields: dict[str, str]) -> None:
    assert form_fields(body) == fields


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=1&a=2", 400),
        (b"a", 400),
        (b"a=%FF", 400),
        (b"\xff=1", 400),
        (b"&".join(b"f%d=1" % number for number in range(FIELDS_MAX + 1)), 400),
        (b"a=" + b"x" * FORM_BYTES_MAX, 413),
    ],
)
def test_a_form_that_is_none_is_refused_without_an_echo(body: bytes, status: int) -> None:
    with pytest.raises(HttpRefusal) as refused:
        form_fields(body)
    assert refused.value.status == status
    assert "x" * 20 not in refused.value.error


def test_what_counts_as_a_form() -> None:
    assert is_form("application/x-www-form-urlencoded; charset=utf-8")
    assert not is_form("multipart/form-data; boundary=x")
    assert not is_form("application/json")
    assert not is_form("")


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("/desk/wallets?view=1&x=a%20b", "/desk/wallets?view=1&x=a%20b"),
        ("/", "/"),
        ("", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nset-cookie: x=1", "/"),
        ("/a b", "/"),
        ("/é", "/"),
        ("/" + "a" * 600, "/"),
    ],
)
def test_a_login_leads_to_no_other_site(asked: str, place: str) -> None:
    assert own_place(asked) == place


def test_two_desks_on_one_host_keep_their_cookies_apart() -> None:
    assert cookie_name(8080, False) != cookie_name(8081, False)
    assert cookie_name(8080, True).startswith("__Host-")
    header = b"overmind-8081=other; overmind-8080=mine; theme=dark"
    assert cookie_of(header, "overmind-8080") == "mine"
    assert cookie_of(b"", "overmind-8080") is None


def test_a_plain_page_repeats_no_html() -> None:
    page = plain_page(400, "<script>alert(1)</script>", '"><img src=x>')
    body = bytes(page.body).decode()
    assert "<script" not in body
    assert "<img" not in body
    assert page.headers["content-security-policy"] == page_headers()["content-security-policy"]


def test_the_policy_of_a_page_lets_nothing_in_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in page_headers()["content-security-policy"].split("; "))
    assert policy.pop("default-src") == "'none'"
    assert (policy.pop("require-trusted-types-for"), policy.pop("trusted-types")) == ("'script'", "overmind")
    assert policy.pop("frame-ancestors") == policy.pop("base-uri") == policy.pop("font-src") == "'none'"
    assert policy.pop("img-src") == "'self' data:"
    assert set(policy.values()) == {"'self'"}
