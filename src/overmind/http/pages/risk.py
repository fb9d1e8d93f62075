"""Limits, breakers, concentration and stress."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.pages.navigation import RISK
from overmind.http.pages.showing import Pages
from overmind.views.screens.risk import risk_screen, wallet_ranks


def risk_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    async def look() -> Mapping[str, object]:
        ranks, stress = await pages.slices.collected(wallet_ranks), app.config.stress_reported
        return {"one": await app.engine.read(lambda state: risk_screen(state, ranks, stress))}

    @router.get("/desk/risk")
    async def risk(request: Request) -> Response:
        return await pages.show(request, RISK, look)

    return router
