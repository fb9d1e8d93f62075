"""Capital: the plan of a rebalance as a difference, moves, withdrawals, and SOL for fees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import OrderId
from overmind.http.archive import Pages as Journal
from overmind.http.pages.navigation import CAPITAL
from overmind.http.pages.showing import Pages
from overmind.journal.catalogue.past import Search
from overmind.views.moves import MoveRow, closed_moves
from overmind.views.screens.capital import capital

ENDED_MAX: Final = 30


def capital_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    @router.get("/desk/capital")
    async def show(request: Request) -> Response:
        async def look() -> Mapping[str, object]:
            at_ns = app.clock.now_ns()
            found, desk = await app.engine.read(lambda state: (capital(state, at_ns), state.settings))
            ended = await pages.recent.look(lambda journal: _ended(journal, desk))
            return {"capital": found, "ended": ended}

        return await pages.show(request, CAPITAL, look)

    return router


def _ended(journal: Journal, desk: Desk) -> list[MoveRow]:
    """Newest first."""
    works = journal.past().moves(Search(ENDED_MAX))
    wanted: set[OrderId] = set(works.ids)
    return [row for row in closed_moves(works.entries, desk) if row.move_id in wanted][::-1]
