"""Charts over time. The page has the frame and the calendar; a script asks for the points and draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.books.state import State
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import Mint
from overmind.core.model.units import NS
from overmind.core.model.value import Value
from overmind.http.archive import Pages as Journal
from overmind.http.historian import Historian
from overmind.http.pages.navigation import CHARTS
from overmind.http.pages.showing import Pages
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.journal.bars.bar import DAY_S, EQUITY, GAIN, PNL, Bar, downsampled
from overmind.report.chart_code import NAME
from overmind.views.past import BadSearch, mint_of
from overmind.views.screens.charts import (
    RANGES,
    WEEKS,
    Curves,
    Marker,
    Range,
    StopLine,
    calendar,
    curves,
    fills,
    refusals,
    stops,
)

POINTS_MAX: Final = 1_500  # of one line
DEFAULT: Final = next(one for one in RANGES if one.name == "1 week")
FIRST: Final = "SOL"  # the token that is shown unless another is asked for


class Candles(Value, frozen=True):
    """Bars as time in seconds, open, high, low, close."""

    bars: Sequence[tuple[int, float, float, float, float]]
    fills: Sequence[Marker]
    refused: Sequence[Marker]
    stops: Sequence[StopLine]


class ChartData(Value, frozen=True):
    curves: Curves
    candles: Candles


def charts_router(pages: Pages, historian: Historian, fault: str) -> APIRouter:
    """`fault`: why there are no charts; blank: there are."""
    router, app = APIRouter(), pages.app
    view = CHARTS if pages.assets.has(NAME) else structs.replace(CHARTS, scripts=())

    @router.get("/desk/charts")
    async def show(request: Request, token: str = "", within: str = DEFAULT.name) -> Response:
        async def look() -> Mapping[str, object]:
            now_s = app.clock.now_ns() // NS
            tokens = await app.engine.read(_priced)
            days = await historian.bars(PNL, DAY_S, now_s - (WEEKS + 1) * 7 * DAY_S, now_s + 1)
            cells = calendar(days, datetime.fromtimestamp(now_s, UTC).date())
            return {
                "cells": cells,
                "weeks": WEEKS,
                "tokens": tokens,
                "token": token or next((one for one in tokens if one == FIRST), next(iter(tokens), "")),
                "ranges": [one.name for one in RANGES],
                "within": _range(within).name,
                "fault": fault,
                "behind": historian.behind,
            }

        return await pages.show(request, view, look)

    @router.get("/desk/charts/data")
    async def data(token: str, within: str = DEFAULT.name) -> Response:
        wanted, now_s = _range(within), app.clock.now_ns() // NS
        from_s = now_s - wanted.seconds

        async def bars(series: str) -> list[Bar]:
            found = await historian.bars(series, wanted.length_s, from_s, now_s + 1)
            return list(downsampled(found, POINTS_MAX))

        mint, lines, desk = await app.engine.read(lambda state: _token(state, token))
        markers = await pages.recent.look(lambda journal: _markers(journal, desk, mint, from_s))
        equity, gain, prices = [await bars(series) for series in (EQUITY, GAIN, mint)]
        shown = [(bar.start_s, bar.open, bar.high, bar.low, bar.close) for bar in prices]
        return JsonResponse(ChartData(curves(equity, gain), Candles(shown, *markers, lines)))

    return router


def _priced(state: State) -> list[str]:
    """The tokens that have a price, which alone have bars."""
    return sorted({token.symbol for mint, token in state.settings.tokens.items() if mint in state.marks})


def _range(name: str) -> Range:
    found = next((one for one in RANGES if one.name == name), None)
    if found is None:
        raise HttpRefusal(400, f"no range {name[:64]!r}", f"one of: {', '.join(one.name for one in RANGES)}")
    return found


def _token(state: State, named: str) -> tuple[Mint, list[StopLine], Desk]:
    """Raises HttpRefusal when the desk does not know it."""
    try:
        mint = mint_of(state.desk, named)
    except BadSearch as bad:
        raise HttpRefusal(400, bad.problem, bad.fix) from None
    return mint, stops(state, mint), state.settings


def _markers(journal: Journal, desk: Desk, mint: Mint, from_s: int) -> tuple[list[Marker], list[Marker]]:
    """Read in the archive's thread."""
    past = journal.past()
    return fills(past, desk, mint, from_s), refusals(past, mint, from_s)
