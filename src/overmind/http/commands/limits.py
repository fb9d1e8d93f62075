"""What an operator wants otherwise than the files: wallet limits, and the lists of mints."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.config.limit_changes import read_changes
from overmind.core.model.commands import ChangeLimits, ChangeMints
from overmind.core.model.controls import MintVerb
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.commands.acting import act, author_of
from overmind.http.commands.bodies import known_wallet, read_body
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.views import limits


class LimitsBody(Value, frozen=True, forbid_unknown_fields=True):
    """`changes` by name, as a wallet's JSON has them; null, or `reset` for all of them: as the files say again."""

    example: ClassVar[str] = '{"reason": "…", "changes": {"max_position_size": 5000}}'
    reason: str
    by: str | None = None
    changes: dict[str, object] = msgspec.field(default_factory=dict)
    reset: bool = False


class MintListBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "verb": "block", "token": "SOL"}'
    reason: str
    verb: MintVerb
    token: str = ""
    by: str | None = None


def limits_router(app: App) -> APIRouter:
    router, engine = APIRouter(), app.engine

    @router.post("/wallets/{wallet_id}/limits")
    async def change_limits(wallet_id: str, request: Request) -> Response:
        body, wallet = await read_body(request, LimitsBody), known_wallet(app, wallet_id)
        if body.reset == bool(body.changes):
            raise HttpRefusal(
                400, "either changes or a reset", 'send {"changes": {…}}, or {"reset": true} for all of them'
            )
        changes = read_changes(body.changes)
        if isinstance(changes, tuple):
            raise HttpRefusal(400, "; ".join(map(str, changes)), "use the names and bounds of a wallet's JSON")
        if body.reset:
            changes = dict.fromkeys(engine.state.changes.get(wallet, {}))
        await act(engine, request, ChangeLimits(wallet, changes, author_of(request, body.by), body.reason))
        return JsonResponse(await engine.read(lambda state: limits.wallet_limits(state, wallet)))

    @router.post("/mints")
    async def change_mints(request: Request) -> Response:
        body = await read_body(request, MintListBody)
        mint = limits.mint_named(engine.state, body.token) if body.token else None
        await act(engine, request, ChangeMints(body.verb, mint, author_of(request, body.by), body.reason))
        return JsonResponse(await engine.read(limits.mints))

    return router
