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
from overmind.views.targets import PORTFOLIO, TargetHolds, cause_to_lift, holds_on, scope_of


class ResumeBody(Value, frozen=True, forbid_unknown_fields=True):
    """`hold`: the cause to lift; without it, what a pause added."""

    example: ClassVar[str] = '{"reason": "…", "hold": "drawdown"}'
    reason: str
    hold: str | None = None


Verb = Literal["pause", "resume"]


def holds_router(app: App) -> APIRouter:
    """Included after every other route of a wallet: `{verb}` would match their last part too."""
    router = APIRouter()

    async def hold(request: Request, target: str, verb: Verb) -> Response:
        if verb == "pause":
            return JsonResponse(await pause(app, request, target, await read_body(request, ReasonBody)))
        return JsonResponse(await resume(app, request, target, await read_body(request, ResumeBody)))

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


async def pause(app: App, request: Request, target: str, body: ReasonBody) -> TargetHolds:
    """What holds the target then. Raises CommandRefused for an unknown one, as `resume` does."""
    scope = scope_of(app.engine.state, target)
    await act(app.engine, request, AddHold(scope, OPERATOR, body.reason))
    return await app.engine.read(lambda state: holds_on(state, target, scope))


async def resume(app: App, request: Request, target: str, body: ResumeBody) -> TargetHolds:
    scope = scope_of(app.engine.state, target)
    found = await app.engine.read(lambda state: holds_on(state, target, scope))
    await act(app.engine, request, LiftHold(scope, cause_to_lift(found, scope, body.hold), body.reason))
    return await app.engine.read(lambda state: holds_on(state, target, scope))
