"""Capital: the plan of a rebalance as a difference, moves, withdrawals, and SOL for fees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from overmind.core.model.commands import CancelMove, Rebalance
from overmind.core.model.desk_settings import Desk
from overmind.core.model.ids import OrderId
from overmind.http.archive import Pages as Journal
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import ReasonBody
from overmind.http.pages.actions import answered
from overmind.http.pages.navigation import CAPITAL
from overmind.http.pages.notices import Notice
from overmind.http.pages.records.sparing import Sparing
from overmind.http.pages.showing import Pages
from overmind.journal.catalogue.past import Search
from overmind.views.moves import closed_moves, placed_moves
from overmind.views.screens.capital import ShownMove, capital

ENDED_MAX: Final = 30


def capital_router(pages: Pages) -> APIRouter:
    router, app = APIRouter(), pages.app

    sparing = Sparing[list[ShownMove]](pages.recent)

    @router.get("/desk/capital")
    async def show(request: Request) -> Response:
        async def look() -> Mapping[str, object]:
            at_ns = app.clock.now_ns()
            found, desk = await app.engine.read(lambda state: (capital(state, at_ns), state.settings))
            ended = await sparing.look(request, lambda journal: _ended(journal, desk))
            return {"capital": found, "ended": ended}

        return await pages.show(request, CAPITAL, look)

    @router.post("/desk/rebalance")
    async def rebalance(request: Request) -> Response:
        async def rebalance_now(body: ReasonBody) -> Notice:
            moves = placed_moves(await act(app.engine, request, Rebalance(body.reason, by_operator=True)))
            return Notice(f"{len(moves)} transfers were placed." if moves else "There was nothing to move any more.")

        return await answered(pages, request, ReasonBody, rebalance_now)

    @router.post("/desk/moves/{move_id}/cancel")
    async def cancel(move_id: str, request: Request) -> Response:
        async def cancel_it(body: ReasonBody) -> Notice:
            await act(app.engine, request, CancelMove(OrderId(move_id), body.reason))
            return Notice(f"{move_id} is cancelled. Its amount is free again.")

        return await answered(pages, request, ReasonBody, cancel_it)

    return router


def _ended(journal: Journal, desk: Desk) -> list[ShownMove]:
    """Newest first."""
    works = journal.past().moves(Search(ENDED_MAX))
    wanted: set[OrderId] = set(works.ids)
    return [ShownMove(row) for row in closed_moves(works.entries, desk) if row.move_id in wanted][::-1]
