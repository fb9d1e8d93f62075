"""What a browser may do with our answers, and the cookie of a session."""

from __future__ import annotations

import math
import re
from typing import Final

from starlette.responses import Response

# Of every answer, JSON included. A page may not be framed, and no other site may read an answer.
COMMON_HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    # Not `no-referrer`: with it browsers send `Origin: null` with our own forms. Other sites get nothing either way.
    ("referrer-policy", "same-origin"),
)
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'none'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types overmind",
    )
)
PLACE_MAX: Final = 512
_OWN: Final = re.compile(r"/(?!/)[!-\[\]-~]*")  # no blank, no control, no backslash, and no host after two slashes


def page_headers() -> dict[str, str]:
    """Of an answer that is HTML, beside `COMMON_HEADERS`, which the server adds by itself."""
    return {
        "content-security-policy": POLICY,
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-store",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }


def see_other(place: str) -> Response:
    """Sends a browser on after a form, so that loading the page again posts nothing twice."""
    return Response(status_code=303, headers={"location": place, "cache-control": "no-store"})


def own_place(text: str, otherwise: str = "/") -> str:
    """A path of this service. Everything else could lead to another site."""
    return text if _OWN.fullmatch(text) and len(text) <= PLACE_MAX else otherwise


def cookie_name(port: int, secure: bool) -> str:
    """With the port: two desks on one host would take each other's cookies away, which know no ports."""
    return f"__Host-overmind-{port}" if secure else f"overmind-{port}"


def set_cookie(response: Response, name: str, secret: str, secure: bool, age_s: float) -> None:
    response.set_cookie(
        name, secret, max_age=math.ceil(age_s), path="/", secure=secure, httponly=True, samesite="strict"
    )


def clear_cookie(response: Response, name: str, secure: bool) -> None:
    response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")


def cookie_of(header: bytes, name: str) -> str | None:
    """The last one of this name. Starlette's parser would unquote what we never quote."""
    found = None
    for part in header.decode("latin-1").split(";"):
        given, _, value = part.strip().partition("=")
        if given == name:
            found = value
    return found
