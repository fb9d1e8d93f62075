"""Refuses a query with a parameter that its route does not have.

A misspelt one would be left out in silence: `?walet=w1` would show the orders of every wallet.
"""

from __future__ import annotations

from typing import Final

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from overmind.http.responses import HttpRefusal

SHOWN_CHARS_MAX: Final = 64


async def _only_known(request: Request) -> None:
    if not request.query_params:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute), route
    known = names_of(route.dependant)
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        listed = f"this route has {', '.join(known)}" if known else "this route has none"
        raise HttpRefusal(400, f"no parameter {unknown[:SHOWN_CHARS_MAX]!r}", listed)


def names_of(asked: Dependant) -> list[str]:
    inner = (name for one in asked.dependencies for name in names_of(one))
    return list(dict.fromkeys((*(field.alias for field in asked.query_params), *inner)))


OnlyKnown: Final = Depends(_only_known)  # of a router
