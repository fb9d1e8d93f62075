"""Whether the learner decides."""

from __future__ import annotations

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.core.model.commands import ChangeLearnerMode
from overmind.core.model.enums import LearnerMode
from overmind.core.model.value import Value
from overmind.desk.app import App
from overmind.http.commands.acting import act, author_of
from overmind.http.commands.bodies import read_body
from overmind.http.responses import JsonResponse
from overmind.views.learner import learner


class LearnerModeBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "mode": "shadow"}'
    reason: str
    mode: LearnerMode
    by: str | None = None


def learner_router(app: App) -> APIRouter:
    router, engine = APIRouter(), app.engine

    @router.post("/learner/mode")
    async def change_mode(request: Request) -> Response:
        body = await read_body(request, LearnerModeBody)
        await act(engine, request, ChangeLearnerMode(body.mode, author_of(request, body.by), body.reason))
        return JsonResponse(await engine.read(learner))

    return router
