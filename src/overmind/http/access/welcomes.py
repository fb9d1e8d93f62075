"""A link that makes the first admin. `overmind run` shows it on its terminal; it is good once, and for ten minutes."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.clock.instants import iso_seconds
from overmind.core.model.commands import CommandRefused, RecordAction
from overmind.desk.engine import Engine
from overmind.http.access.access import Access
from overmind.http.access.changes import Change, add_user
from overmind.http.access.forms import read_form
from overmind.http.access.headers import page_headers
from overmind.http.access.logins import Logins
from overmind.http.access.names import fault_of_name
from overmind.http.access.tokens import digest_of, new_secret
from overmind.http.access.users import PASSWORD_MIN, User, fault_of_password
from overmind.http.responses import HttpRefusal

GOOD_S: Final = 600.0
WHO: Final = "link:terminal"  # as the journal names whoever has followed it
ROLE: Final = "admin"
USE: Final = "on the desk's machine: overmind users add NAME --role admin"

log = structlog.get_logger("door")


class Welcomes:
    def __init__(self, access: Access, logins: Logins, engine: Engine) -> None:
        self._access = access
        self._logins = logins
        self._engine = engine
        self._digest: bytes | None = None  # None: no link is good
        self._until = 0.0

    @property
    def users(self) -> int:
        return len(self._access.users)

    def offer(self) -> str | None:
        """The path of a new link, for the terminal alone. None: there are users already."""
        if self._access.users:
            return None
        secret = new_secret().reveal()
        self._digest, self._until = digest_of(secret.encode()), self._access.steady() + GOOD_S
        return f"/welcome/{secret}"

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get("/welcome/{secret}")
        async def form(secret: str) -> Response:
            self._require(secret)
            return _form("")

        @router.post("/welcome/{secret}")
        async def make(secret: str, request: Request) -> Response:
            self._require(secret)
            sent = await read_form(request)
            name, password = sent.get("username", ""), sent.get("password", "")
            if (problem := _problem(sent)) is not None:
                return _form(problem)
            hashed = await self._access.hashed(password)
            self._require(secret)  # Another one may have been faster.
            self._digest = None
            await self._make(name, hashed)
            return self._logins.begin(request, name, "/")

        return router

    def _require(self, secret: str) -> None:
        good = self._digest is not None and self._access.steady() < self._until and not self._access.users
        if not good or not hmac.compare_digest(self._digest or b"", digest_of(secret.encode())):
            raise HttpRefusal(404, "this link is not good, or not any more", USE)

    async def _make(self, name: str, password: str) -> None:
        change = add_user(User(name, ROLE, password, iso_seconds(self._access.clock.now_ns()), WHO))
        await self._engine.handle(RecordAction(WHO, change.action, change.about, "the first admin"))
        await self._access.change_users(Change(change.action, change.about, lambda users: change.of(_nobody(users))))
        log.warning("the first admin was made by the link of the terminal", user=name)


def _nobody(users: Mapping[str, User]) -> Mapping[str, User]:
    if users:
        raise CommandRefused("there are users already: this link makes only the first")
    return users


def _problem(sent: Mapping[str, str]) -> str | None:
    password = sent.get("password", "")
    fault = fault_of_name(sent.get("username", "")) or fault_of_password(password)
    if fault is not None:
        return f"{fault.problem}: {fault.fix}"
    return None if password == sent.get("again", password) else "the two passwords differ: type them again"


def _form(problem: str) -> Response:
    """`problem` is a text of ours: nothing that was sent is repeated."""
    told = f'<p class="wrong" role="alert">{problem[:1].upper()}{problem[1:]}.</p>' if problem else ""
    page = f"""<!doctype html>
<html lang="en" data-theme="auto">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The first admin · Overmind</title>
<link rel="stylesheet" href="/static/desk.css">
</head>
<body class="entrance">
<main id="main">
<form class="card door" method="post">
  <p class="brand">Overmind</p>
  <h1>The first admin</h1>
  {told}
  <label>Name <input name="username" required autocomplete="username" autocapitalize="none" spellcheck="false"></label>
  <label>Password <input name="password" type="password" minlength="{PASSWORD_MIN}" required
    autocomplete="new-password"></label>
  <label>Password again <input name="again" type="password" required autocomplete="new-password"></label>
  <button class="go">Begin</button>
  <p class="dim">This link is good once, and for ten minutes.</p>
</form>
</main>
</body>
</html>
"""
    return Response(page, 400 if problem else 200, page_headers(), media_type="text/html")
