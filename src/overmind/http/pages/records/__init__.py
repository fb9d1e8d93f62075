"""The views that tell what was: signals, orders, capital, events, settings, accounts and charts."""

from __future__ import annotations

from fastapi import APIRouter

from overmind.http.access.access import Access
from overmind.http.archive import Archive
from overmind.http.explainer import Explainer
from overmind.http.historian import Historian
from overmind.http.pages.records.accounts import accounts_router
from overmind.http.pages.records.capital import capital_router
from overmind.http.pages.records.charts import charts_router
from overmind.http.pages.records.events import events_router
from overmind.http.pages.records.exports import Exports
from overmind.http.pages.records.orders import orders_router
from overmind.http.pages.records.settings import settings_router
from overmind.http.pages.records.signals import signals_router
from overmind.http.pages.showing import Pages


def records_router(
    pages: Pages,
    recent: Archive,
    explainer: Explainer,
    historian: Historian,
    exports: Exports,
    access: Access,
    chart_fault: str,
) -> APIRouter:
    """`chart_fault`: why there are no charts; blank: there are."""
    router = APIRouter()
    for routes in (
        signals_router(pages, recent, explainer),
        orders_router(pages, recent),
        capital_router(pages, recent),
        events_router(pages, recent),
        accounts_router(pages, exports),
        charts_router(pages, recent, historian, chart_fault),
        settings_router(pages, access),
    ):
        router.include_router(routes)
    return router
