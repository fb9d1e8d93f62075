"""The overview of the desk."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.health import machine_alarms
from overmind.http.pages.navigation import OVERVIEW
from overmind.http.pages.showing import Pages
from overmind.views.screens.overview import overview, wallet_briefs


def overview_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    async def look() -> Mapping[str, object]:
        briefs = await pages.slices.collected(wallet_briefs)
        at_ns, alarms = app.clock.now_ns(), machine_alarms(app)
        return {"overview": await app.engine.read(lambda state: overview(state, briefs, at_ns, alarms))}

    @router.get("/desk")
    async def show(request: Request) -> Response:
        return await pages.show(request, OVERVIEW, look)

    return router
