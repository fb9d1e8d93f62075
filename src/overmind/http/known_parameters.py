"""Refuses a query with a parameter that its route does not have.

A misspelt one would be left out in silence: `?walet=w1` would show the orders of every wallet.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from overmind.http.responses import HttpRefusal

SHOWN_CHARS_MAX: Final = 64


class StrictRoute(APIRoute):
    """For routes that ask. A command is never held up by what stands behind its path."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle, known = super().get_route_handler(), names_of(self.dependant)

        async def strictly(request: Request) -> Response:
            if request.scope["query_string"]:
                refuse_unknown(request, known)
            return await handle(request)

        return strictly


def refuse_unknown(request: Request, known: Sequence[str]) -> None:
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        listed = f"this route has {', '.join(known)}" if known else "this route has none"
        raise HttpRefusal(400, f"no parameter {unknown[:SHOWN_CHARS_MAX]!r}", listed)


def names_of(asked: Dependant) -> list[str]:
    inner = (name for one in asked.dependencies for name in names_of(one))
    return list(dict.fromkeys((*(field.alias for field in asked.query_params), *inner)))
