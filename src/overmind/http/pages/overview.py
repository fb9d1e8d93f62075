"""The overview of the desk."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.desk.app import App
from overmind.desk.log.setup import log_alarm
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


def machine_alarms(app: App) -> tuple[str, ...]:
    """What is wrong with the machine: the journal does not know it."""
    found = (log_alarm(), None if app.space is None else app.space.alarm(), app.disk_fault())
    return (*filter(None, found), *app.clock_watch.drift_alarms(), *app.node_faults)
