"""The learner: who set its mode, what it lost, how it forecasts, and what it believes."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.pages.navigation import LEARNER
from overmind.http.pages.showing import Pages
from overmind.views.screens.learner import learner_screen


def learner_router(pages: Pages) -> APIRouter:
    router, engine = APIRouter(), pages.app.engine

    async def look() -> Mapping[str, object]:
        return {"one": await engine.read(learner_screen)}

    @router.get("/desk/learner")
    async def learner(request: Request) -> Response:
        return await pages.show(request, LEARNER, look)

    return router
