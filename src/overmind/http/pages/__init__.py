"""The operator's page: HTML made on the server, one module for each group of views, plain forms, no build step.

What a view shows is computed in `views/screens`; a template only lays it out.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from overmind.desk.app import App
from overmind.http.archive import Archive
from overmind.http.pages.actions import actions_router
from overmind.http.pages.assets import Assets, own_assets
from overmind.http.pages.entrance import entrance_router
from overmind.http.pages.learner import learner_router
from overmind.http.pages.overview import overview_router
from overmind.http.pages.positions import positions_router
from overmind.http.pages.records import Records
from overmind.http.pages.risk import risk_router
from overmind.http.pages.showing import Pages
from overmind.http.pages.ticks import Ticks
from overmind.http.pages.wallets import wallets_router

ROUTERS: Final = (
    *(entrance_router, overview_router, wallets_router, positions_router),
    *(risk_router, learner_router, actions_router),
)


class OperatorPage:
    """The page of a running desk."""

    def __init__(self, app: App, recent: Archive, records: Records) -> None:
        self._pages = Pages(app, recent, Assets(own_assets() | records.assets))
        self._records = records
        self._ticks = Ticks(app.engine, app.clock)

    @property
    def live(self) -> int:
        """Pages that follow the desk."""
        return self._ticks.open

    def close(self) -> None:
        """Ends the streams: open pages say that they are not live."""
        self._ticks.close()
        self._pages.close()
        self._records.close()

    def routes(self) -> APIRouter:
        router = APIRouter()
        router.include_router(self._pages.assets.routes())
        router.include_router(self._ticks.routes())
        for routes in ROUTERS:
            router.include_router(routes(self._pages))
        router.include_router(self._records.routes(self._pages))
        return router
