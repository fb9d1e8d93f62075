"""Logging in and out. `POST /login` and `POST /logout` are plain forms; the pages that show them are elsewhere.

Who comes and goes is in the log, and not in the journal: see `docs/decisions/logins-in-the-log.md`.

A login that fails sends the browser back to `/login?why=…`: `wrong`, `wait` (with `seconds`), `busy` or `again`.
"""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.http.access.access import Access
from overmind.http.access.callers import CALLER, Caller
from overmind.http.access.forms import read_form
from overmind.http.access.headers import clear_cookie, cookie_name, cookie_of, own_place, see_other, set_cookie
from overmind.http.connections import CONNECTION
from overmind.journal.aside import Hangs

LOGIN: Final = "/login"
OF_PEER_MAX: Final = 4  # attempts of one address whose passwords wait to be checked

log = structlog.get_logger("door")


class Logins:
    def __init__(self, access: Access, port: int) -> None:
        self._access = access
        self._port = port
        self._checking: dict[str, int] = {}  # by address

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.post("/login")
        async def log_in(request: Request) -> Response:
            return await self.log_in(request)

        @router.post("/logout")
        async def log_out(request: Request) -> Response:
            return self.log_out(request)

        return router

    async def log_in(self, request: Request) -> Response:
        """The form has `username`, `password`, and `next`: the page to go to."""
        access, caller, form = self._access, caller_of(request), await read_form(request)
        name, place = form.get("username", "")[:64], own_place(form.get("next", "/"))
        left_s = access.waits.left_s(name, caller.peer, access.steady())
        if left_s > 0:
            return _back("wait", place, seconds=math.ceil(left_s))
        if self._checking.get(caller.peer, 0) >= OF_PEER_MAX:
            return _back("busy", place)
        access.waits.count(name, caller.peer, access.steady())
        try:
            right = await self._is_right(caller.peer, name, form.get("password", ""))
        except Hangs:
            return _back("busy", place)
        if not right:
            log.warning("a login failed", user=name if name in access.users else "unknown", peer=caller.peer)
            return _back("wrong", place)
        access.waits.forget(name, caller.peer)
        return self.begin(request, name, place)

    def begin(self, request: Request, name: str, place: str) -> Response:
        """Begins a session for a user who has shown who they are."""
        access, caller, answer = self._access, caller_of(request), see_other(place)
        log.info("login", user=name, peer=caller.peer)
        secret = access.sessions.begin(name, access.steady())
        cookie = cookie_name(self._port, caller.secure)
        set_cookie(answer, cookie, secret, caller.secure, access.sessions.most_s)
        return answer

    def log_out(self, request: Request) -> Response:
        caller, answer = caller_of(request), see_other(LOGIN)
        cookie = cookie_name(self._port, caller.secure)
        secret = cookie_of(request.headers.get("cookie", "").encode("latin-1"), cookie)
        clear_cookie(answer, cookie, caller.secure)
        known = None if secret is None else self._access.session_user(secret)
        if secret is not None and known is not None:
            log.info("logout", user=known[1].name, peer=caller.peer)
            self._access.sessions.leave(secret, request.scope["state"][CONNECTION])
        return answer

    async def _is_right(self, peer: str, name: str, password: str) -> bool:
        self._checking[peer] = self._checking.get(peer, 0) + 1
        try:
            return await self._access.checked(name, password) is not None
        finally:
            self._checking[peer] -= 1
            if not self._checking[peer]:
                del self._checking[peer]


def caller_of(request: Request) -> Caller:
    caller = request.scope["state"][CALLER]
    assert isinstance(caller, Caller), caller
    return caller


def _back(why: str, place: str, **more: object) -> Response:
    return see_other(f"{LOGIN}?{urlencode({'why': why, **more, 'next': place})}")
