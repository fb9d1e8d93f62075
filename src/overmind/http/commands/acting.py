"""Every command of an operator goes to the engine here, with the name of whoever sent it."""

from __future__ import annotations

from starlette.requests import Request

from overmind.core.model.commands import OperatorCommand, given_by
from overmind.core.model.events import Event
from overmind.desk.engine import Engine
from overmind.http.access.identity import Kind, identity_of
from overmind.http.commands.bodies import named_author


async def act(engine: Engine, request: Request, command: OperatorCommand) -> tuple[Event, ...]:
    """What it decided, once that is durable, and who wanted it. Raises as `Engine.handle` does."""
    return await engine.handle(given_by(command, identity_of(request).by))


def author_of(request: Request, claimed: str | None) -> str:
    """Who a change is shown to be of. A token may add for whom it speaks; a user speaks for nobody else."""
    identity = identity_of(request)
    if claimed is None:
        return identity.by
    named = named_author(claimed)
    return identity.by if identity.kind is Kind.USER else f"{named} ({identity.by})"
