"""The views that tell what was: signals, orders, capital, events, settings, accounts and charts."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from overmind.http.access.access import Access
from overmind.http.explainer import Explainer
from overmind.http.historian import Historian
from overmind.http.pages.assets import MEDIA_TYPES, Asset, asset_of
from overmind.http.pages.records.accounts import accounts_router
from overmind.http.pages.records.capital import capital_router
from overmind.http.pages.records.charts import charts_router
from overmind.http.pages.records.events import events_router
from overmind.http.pages.records.exports import Exports
from overmind.http.pages.records.orders import orders_router
from overmind.http.pages.records.settings import settings_router
from overmind.http.pages.records.signals import signals_router
from overmind.http.pages.showing import Pages
from overmind.report.chart_code import NAME, chart_code, installed_file


class Records:
    """These views of a running desk, and what works for them beside it."""

    def __init__(self, data_dir: Path, explainer: Explainer, historian: Historian, access: Access) -> None:
        self._explainer = explainer
        self._historian = historian
        self._access = access
        self._exports = Exports(data_dir)
        self._chart_code = chart_code(installed_file())

    @property
    def assets(self) -> dict[str, Asset]:
        """The code of the charts, if it is the one that was checked."""
        body = self._chart_code.body
        return {} if body is None else {NAME: asset_of(body, MEDIA_TYPES[".js"])}

    def close(self) -> None:
        self._exports.close()

    def routes(self, pages: Pages) -> APIRouter:
        router = APIRouter()
        for routes in (
            signals_router(pages, self._explainer),
            orders_router(pages),
            capital_router(pages),
            events_router(pages),
            accounts_router(pages, self._exports),
            charts_router(pages, self._historian, self._chart_code.fault),
            settings_router(pages, self._access),
        ):
            router.include_router(routes)
        return router
