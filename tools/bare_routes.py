"""The routes for programs as the service has them, without a desk: only what they declare is looked at."""

from __future__ import annotations

from typing import Any, Self

from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from overmind.http.access.administration import Administration
from overmind.http.commands import commands_router
from overmind.http.health import ServiceHealth
from overmind.http.hooks.administration import HookAdministration
from overmind.http.hooks.answers import AnswersAdministration
from overmind.http.hooks.hooks import Hooks
from overmind.http.metrics.scrape import Metrics
from overmind.http.queries import queries_router
from overmind.http.reference.served import Reference
from overmind.http.server import SIGNALS
from overmind.http.stream import Streams


class NoDesk:
    """Stands in for whatever a route would use."""

    def __getattr__(self, name: str) -> Self:
        return self

    def __call__(self, *arguments: object) -> Self:
        return self


def bare_routes() -> list[BaseRoute]:
    nothing: Any = NoDesk()
    api = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    api.router.routes.append(Route(SIGNALS, nothing.post, methods=["POST"]))
    health, administration = ServiceHealth(nothing, None), Administration(nothing, nothing)
    metrics, reference = Metrics(nothing, health, nothing, nothing), Reference(lambda: ())
    hooks = Hooks(nothing, nothing, nothing, nothing), HookAdministration(nothing, nothing, nothing)
    answers = AnswersAdministration(nothing, nothing, nothing, (), nothing)
    for part in (Streams(nothing, nothing), health, metrics, administration, *hooks, answers, reference):
        api.include_router(part.routes())
    for router in (queries_router(nothing, nothing, nothing), commands_router(nothing)):
        api.include_router(router)
    return api.routes
