"""Where the answers to a source go, for admins. The key that signs them is told once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.config import ConfigError
from overmind.core.model.value import Value
from overmind.desk.answers.address import Network, fault_of_url, origin_of
from overmind.desk.answers.changes import rotate_answers_key, send_answers, stop_answers
from overmind.desk.answers.signing import new_key
from overmind.desk.engine import Engine
from overmind.desk.sources.source import Source
from overmind.http.commands.bodies import ReasonBody, read_body
from overmind.http.hooks.administration import HookAdministration
from overmind.http.hooks.known import KnownSources
from overmind.http.known_parameters import StrictRoute
from overmind.http.responses import HttpRefusal, JsonResponse
from overmind.ports import Clock


class AnswersBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "url": "https://bot.example.org/answers", "after": 0}'
    reason: str
    url: str
    # The entry after which they begin; null: none is missed, and those of a source that had none begin now.
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None


class AnswersTarget(Value, frozen=True):
    """Where the answers of a source go, and how they are signed."""

    name: str
    answers_to: str  # without the path
    after: int  # the entry after which they begin
    key: str | None  # signs them, and is told this once; null: the one of before stays


class AnswersStopped(Value, frozen=True):
    name: str


def target_of(source: Source, made: str) -> AnswersTarget:
    """`made`: a key that was made for it, whether it is used or not."""
    is_new = source.answers_keys[0].key == made
    return AnswersTarget(source.name, origin_of(source.answers_url), source.answers_after, made if is_new else None)


class AnswersAdministration:
    def __init__(
        self,
        known: KnownSources,
        engine: Engine,
        hooks: HookAdministration,
        networks: Sequence[Network],
        clock: Clock,
    ) -> None:
        """`networks`: private ones that answers may be sent to. `clock`: of those who hear them."""
        self._known = known
        self._engine = engine
        self._hooks = hooks
        self._networks = networks
        self._clock = clock

    def routes(self) -> APIRouter:
        router = APIRouter(prefix="/v1", route_class=StrictRoute)

        @router.post("/hooks/{name}/answers")
        async def send(name: str, request: Request) -> Response:
            body, key, last_seq = await read_body(request, AnswersBody), new_key(), self._engine.durable_seq
            if (fault := fault_of_url(body.url, self._networks)) is not None:
                raise HttpRefusal(400, fault.problem, fault.fix)
            if body.after is not None and body.after > last_seq:
                raise HttpRefusal(400, f"the journal ends at entry {last_seq}", "begin at one that it has")
            await self._hooks.make(request, body.reason, send_answers(name, body.url, key, body.after, last_seq))
            return await self._told(name, key)

        @router.post("/hooks/{name}/rotate-answers")
        async def rotate(name: str, request: Request) -> Response:
            body, key = await read_body(request, ReasonBody), new_key()
            await self._hooks.make(request, body.reason, rotate_answers_key(name, key, self._clock.now_ns()))
            return await self._told(name, key)

        @router.post("/hooks/{name}/stop-answers")
        async def stop(name: str, request: Request) -> Response:
            await self._hooks.make(request, (await read_body(request, ReasonBody)).reason, stop_answers(name))
            return JsonResponse(AnswersStopped(name))

        return router

    async def _told(self, name: str, key: str) -> Response:
        try:
            source = (await self._known.with_keys()).get(name)
        except (OSError, ConfigError):
            raise HttpRefusal(503, "it is done, and the key cannot be read to tell it", "make another one") from None
        if source is None or not source.answers_keys:
            raise HttpRefusal(409, f"another change of {name[:64]!r} came between", "look at the list, and repeat it")
        return JsonResponse(target_of(source, key))
