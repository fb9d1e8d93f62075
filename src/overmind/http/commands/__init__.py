"""The operator's POSTs, a module per topic. Each is journaled with a reason, and durable before it is answered."""

from __future__ import annotations

from fastapi import APIRouter

from overmind.desk.app import App
from overmind.http.commands.capital import capital_router
from overmind.http.commands.holds import holds_router
from overmind.http.commands.learner import learner_router
from overmind.http.commands.limits import limits_router
from overmind.http.commands.positions import positions_router
from overmind.http.commands.prices import prices_router
from overmind.http.commands.stopping import stopping_router


def commands_router(app: App) -> APIRouter:
    router = APIRouter(prefix="/v1")
    changes = (limits_router, learner_router, prices_router)
    for topic in (stopping_router, positions_router, *changes, capital_router, holds_router):
        router.include_router(topic(app))
    return router
