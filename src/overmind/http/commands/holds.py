"""Pause and resume: a wallet, a strategy, or the whole portfolio."""

from __future__ import annotations

from typing import ClassVar, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.core.control.holds import OPERATOR
from overmind.core.model.commands import AddHold, LiftHold
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.commands.acting import act
from overmind.http.commands.bodies import ReasonBody, known_wallet, read_body
from overmind.http.responses import JsonResponse
from overmind.views.targets import PORTFOLIO, cause_to_lift, holds_on, scope_of


class ResumeBody(Value, frozen=True, forbid_unknown_fields=True):
    """`hold`: the cause to lift; without it, what a pause added."""

    example: ClassVar[str] = '{"reason": "…", "hold": "drawdown"}'
    reason: str
    hold: str | None = None


Verb = Literal["pause", "resume"]


def holds_router(app: App) -> APIRouter:
    """Included after every other route of a wallet: `{verb}` would match their last part too."""
    router, engine = APIRouter(), app.engine

    async def hold(request: Request, target: str, verb: Verb) -> Response:
        scope = scope_of(engine.state, target)
        if verb == "pause":
            await act(engine, request, AddHold(scope, OPERATOR, (await read_body(request, ReasonBody)).reason))
        else:
            body = await read_body(request, ResumeBody)
            found = await engine.read(lambda state: holds_on(state, target, scope))
            await act(engine, request, LiftHold(scope, cause_to_lift(found, scope, body.hold), body.reason))
        return JsonResponse(await engine.read(lambda state: holds_on(state, target, scope)))

    @router.post("/wallets/{wallet_id}/{verb}")
    async def hold_wallet(wallet_id: str, verb: Verb, request: Request) -> Response:
        return await hold(request, known_wallet(app, wallet_id), verb)

    @router.post("/strategies/{strategy}/{verb}")
    async def hold_strategy(strategy: str, verb: Verb, request: Request) -> Response:
        return await hold(request, strategy, verb)

    @router.post("/portfolio/{verb}")
    async def hold_portfolio(verb: Verb, request: Request) -> Response:
        return await hold(request, PORTFOLIO, verb)

    return router
