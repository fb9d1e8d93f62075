"""The operator's page: HTML made on the server, one module for each group of views, plain forms, no build step.

What a view shows is computed in `views/screens`; a template only lays it out.
"""

from __future__ import annotations

from fastapi import APIRouter

from overmind.http.pages.entrance import entrance_router
from overmind.http.pages.overview import overview_router
from overmind.http.pages.showing import Pages
from overmind.http.pages.ticks import Ticks


def pages_router(pages: Pages, ticks: Ticks) -> APIRouter:
    router = APIRouter()
    for routes in (pages.assets.routes(), ticks.routes(), entrance_router(pages), overview_router(pages)):
        router.include_router(routes)
    return router
