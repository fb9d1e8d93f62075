"""The way in: the login form, and the address without a path."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from overmind.core.model.numbers import digits
from overmind.http.access.identity import visitor_of
from overmind.http.pages.navigation import OVERVIEW
from overmind.http.pages.showing import Pages

WAIT_S_MAX: Final = 60


def entrance_router(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse(OVERVIEW.path, 303)

    @router.get("/login")
    async def login(request: Request) -> Response:
        if visitor_of(request) is not None:
            return RedirectResponse(OVERVIEW.path, 303)
        asked = request.query_params
        problem = _problem(asked.get("why", ""), asked.get("seconds", ""))
        return await pages.plain("login.html", next=asked.get("next", ""), mode=pages.mode, problem=problem)

    return router


def _problem(why: str, seconds: str) -> str:
    """Why the last attempt did not succeed. What else the address says is not shown."""
    match why:
        case "wrong":
            return "The name or the password is wrong."
        case "wait":
            wait_s = digits(seconds, WAIT_S_MAX)
            return f"Too many attempts. Try again in {wait_s} s." if wait_s else "Too many attempts. Try again soon."
        case "busy":
            return "Others are signing in right now. Try again in a few seconds."
        case "again":
            return "Your session is over. Sign in, then repeat what you did: it was not done."
        case _:
            return ""
