"""Settings in force: limits with who changed what, lists of mints, users and tokens."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.access.access import Access
from overmind.http.pages.navigation import SETTINGS
from overmind.http.pages.showing import Pages
from overmind.views.screens.settings import settings


def settings_router(pages: Pages, access: Access) -> APIRouter:
    router, engine = APIRouter(), pages.app.engine

    @router.get("/desk/settings")
    async def show(request: Request) -> Response:
        async def look() -> Mapping[str, object]:
            return {
                "settings": await engine.read(settings),
                "users": sorted(access.users.values(), key=lambda user: user.name),
                "tokens": access.token_uses(),
            }

        return await pages.show(request, SETTINGS, look)

    return router
