"""Every open position."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.pages.navigation import POSITIONS
from overmind.http.pages.showing import Pages
from overmind.views.screens.positions import screen_positions


def positions_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    async def look() -> Mapping[str, object]:
        at_ns = app.clock.now_ns()
        rows = await pages.slices.collected(lambda state: screen_positions(state, at_ns))
        rows.sort(key=lambda row: (-row.value_usd, row.wallet_id, row.mint))
        return {"rows": rows}

    @router.get("/desk/positions")
    async def positions(request: Request) -> Response:
        return await pages.show(request, POSITIONS, look)

    return router
