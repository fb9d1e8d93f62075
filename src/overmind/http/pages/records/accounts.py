"""The accounts of a period: gains by lot, costs, and the files to download."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from overmind.clock.instants import day_or_instant_ns
from overmind.core.model.units import NS
from overmind.http.pages.navigation import ACCOUNTS
from overmind.http.pages.records.asking import DATES, From
from overmind.http.pages.records.exports import FILES, Exports, Period
from overmind.http.pages.showing import FRAGMENT, Pages
from overmind.http.responses import HttpRefusal

OLD_S: Final = 60  # after so long, opening the view adds up again


def accounts_router(pages: Pages, exports: Exports) -> APIRouter:
    router, clock = APIRouter(), pages.app.clock

    @router.get("/desk/accounts")
    async def show(request: Request, from_: From = "", to: str = "") -> Response:
        now_ns = clock.now_ns()
        period = _period(from_ or f"{datetime.fromtimestamp(now_ns // NS, UTC):%Y-%m}-01", to)
        made = exports.of(period)
        is_old = made is None or (FRAGMENT not in request.headers and now_ns - made.at_ns > OLD_S * NS)
        if is_old and not exports.fault_of(period):
            exports.ask(period, now_ns)

        async def look() -> Mapping[str, object]:
            return {
                "period": period,
                "made": exports.of(period),
                "fault": exports.fault_of(period),
                "adding": exports.is_asked(period),
                "files": FILES,
            }

        return await pages.show(request, ACCOUNTS, look)

    @router.get("/desk/accounts/{name}")
    async def download(name: str, from_: From = "", to: str = "") -> Response:
        made = exports.of(_period(from_, to))
        if name not in FILES or made is None:
            raise HttpRefusal(404, "this file is not there", "open the accounts of its period first")
        told = f"{name.removesuffix('.csv')}_{from_[:10] or 'begin'}_{to[:10] or 'now'}.csv"
        return FileResponse(made.folder / name, media_type="text/csv; charset=utf-8", filename=told)

    return router


def _period(from_: str, to: str) -> Period:
    """Raises HttpRefusal."""
    period = Period(from_.strip(), to.strip())
    try:
        ends = [day_or_instant_ns(one) if one else None for one in (period.from_, period.to)]
    except ValueError as error:
        raise HttpRefusal(400, str(error), DATES) from None
    if ends[0] is not None and ends[1] is not None and ends[0] > ends[1]:
        raise HttpRefusal(400, "the period ends before it begins", "name the earlier day first")
    return period
