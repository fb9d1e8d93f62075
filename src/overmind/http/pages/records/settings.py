"""Settings in force: limits with who changed what, what people did, lists of mints, users and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.http.access.access import Access
from overmind.http.pages.navigation import SETTINGS
from overmind.http.pages.records.sparing import Sparing
from overmind.http.pages.showing import Pages
from overmind.http.responses import HttpRefusal
from overmind.journal.errors import JournalUnusable
from overmind.views.screens.events import Deed, deeds
from overmind.views.screens.settings import settings

DEEDS: Final = 12


def settings_router(pages: Pages, access: Access) -> APIRouter:
    router, engine, sparing = APIRouter(), pages.app.engine, Sparing[list[Deed]](pages.recent)

    async def done(request: Request) -> tuple[list[Deed], str]:
        """What people did last, or why that cannot be read now."""
        try:
            return await sparing.look(request, lambda journal: deeds(journal.past(), DEEDS)), ""
        except HttpRefusal as refused:
            return [], refused.error
        except JournalUnusable as unusable:
            return [], str(unusable)

    @router.get("/desk/settings")
    async def show(request: Request) -> Response:
        async def look() -> Mapping[str, object]:
            found, why_not = await done(request)
            return {
                "deeds": found,
                "why_no_deeds": why_not,
                "settings": await engine.read(settings),
                "users": sorted(access.users.values(), key=lambda user: user.name),
                "tokens": access.token_uses(),
            }

        return await pages.show(request, SETTINGS, look)

    return router
