"""The API's responses: JSON, and one shape for every refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from overmind.core.model.commands import CommandRefused
from overmind.core.model.value import Value
from overmind.desk.engine import DiskFull, EngineBusy, EngineStopped
from overmind.http.access.headers import page_headers
from overmind.journal.errors import JournalUnusable
from overmind.text.printable import json_bytes

RETRY_AFTER_S = 1
PROGRAM_PATHS = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json")


class JsonResponse(Response):
    media_type = "application/json"

    def render(self, content: object) -> bytes:
        return json_bytes(content)


class Error(Value, frozen=True, omit_defaults=True):
    """Every error but an answer to a signal."""

    error: str  # what is wrong
    fix: str = ""  # what would be right


class HttpRefusal(Exception):
    """A request that cannot be served: the HTTP status, the error, and how to fix it."""

    def __init__(self, status: int, error: str, fix: str = "") -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.fix = fix


def error_response(status: int, error: str, fix: str = "") -> JsonResponse:
    """Tells when to retry, where retrying helps."""
    headers = {"retry-after": str(RETRY_AFTER_S)} if status in (429, 503) else None
    return JsonResponse(Error(error, fix), status, headers)


def is_for_program(scope: Scope) -> bool:
    """Whether whoever asks reads JSON. Else it is a browser on a page."""
    path: str = scope["path"]
    return path.startswith(PROGRAM_PATHS) or any(name == b"authorization" for name, _ in scope["headers"])


def refusal(scope: Scope, status: int, error: str, fix: str = "") -> Response:
    """JSON for a program; for a browser a plain page, in which nothing that was sent is HTML."""
    return error_response(status, error, fix) if is_for_program(scope) else plain_page(status, error, fix)


def plain_page(status: int, error: str, fix: str = "") -> Response:
    title = escape(error[:1].upper() + error[1:])
    more = f"<p>{escape(fix[:1].upper() + fix[1:])}.</p>" if fix else ""
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/desk.css"><body class="entrance">'
        f'<main class="card door"><h1>{title}</h1>{more}<p><a href="/">To the desk</a></p></main></body></html>'
    )
    return Response(page, status, page_headers(), media_type="text/html")


def answer_errors(api: FastAPI) -> None:
    """Turns every expected error of a route into a refusal."""
    api.exception_handlers |= {
        HttpRefusal: _refused,
        CommandRefused: _with(HTTPStatus.CONFLICT),
        EngineBusy: _with(HTTPStatus.TOO_MANY_REQUESTS),
        DiskFull: _with(HTTPStatus.SERVICE_UNAVAILABLE),
        EngineStopped: _with(HTTPStatus.SERVICE_UNAVAILABLE),
        JournalUnusable: _with(HTTPStatus.SERVICE_UNAVAILABLE),
        HTTPException: _of_framework,
        RequestValidationError: _invalid,
    }


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HttpRefusal), error
    return refusal(request.scope, error.status, error.error, error.fix)


def _with(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return refusal(request.scope, status, str(error))

    return handle


async def _of_framework(request: Request, error: Exception) -> Response:
    """An unknown route, or a method that the route does not have."""
    assert isinstance(error, HTTPException), error
    answer = refusal(request.scope, error.status_code, error.detail.lower(), "the routes are on /reference")
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    """A bad path or query parameter."""
    assert isinstance(error, RequestValidationError), error
    faults = [f"{one['loc'][-1]}: {one['msg'].removeprefix('Value error, ')}" for one in error.errors()]
    return refusal(request.scope, 400, "; ".join(faults), "the parameters are on /reference")
