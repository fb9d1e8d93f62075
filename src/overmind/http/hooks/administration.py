"""Sources over HTTP, for admins. Each change is journaled before it is made; a secret is told once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.clock.instants import iso_seconds
from overmind.config import ConfigError
from overmind.config.files import InvalidValue
from overmind.config.secrecy import Secret
from overmind.core.model.commands import RecordAction
from overmind.core.model.value import Value
from overmind.desk.answers.address import origin_of
from overmind.desk.engine import Engine
from overmind.desk.sources.changes import SourceChange, add_source, remove_source, rotate_source
from overmind.desk.sources.source import (
    ROTATED_NS,
    Source,
    SourceKind,
    fault_of_source,
    kept,
    new_secret,
)
from overmind.http.access.identity import identity_of
from overmind.http.commands.bodies import ReasonBody, read_body
from overmind.http.hooks.known import KnownSources
from overmind.http.hooks.reading import LANGUAGES, Market
from overmind.http.hooks.sample import refuse_unusable
from overmind.http.known_parameters import StrictRoute
from overmind.http.responses import HttpRefusal, JsonResponse


class HookBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = (
        '{"reason": "…", "name": "momentum", "kind": "tradingview", "symbols": {"SOLUSDC": "SOL"}, '
        '"defaults": {"strategy_type": "MomentumTrading", "notional_usd": "250"}}'
    )
    reason: str
    name: str
    kind: SourceKind
    symbols: dict[str, str]  # the sender's ticker, and the symbol or the mint that it means
    defaults: dict[str, str] = msgspec.field(default_factory=dict)  # fields of a signal that its bodies leave out


class RotateBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "at_once": false}'
    reason: str
    at_once: bool = False  # the secret of before ends now, and not in a day


class HookRow(Value, frozen=True):
    """A source, without its secrets."""

    name: str
    kind: SourceKind
    symbols: dict[str, str]
    defaults: dict[str, str]
    secrets: int  # that are valid now: two for a day after a rotation
    made_at: str
    made_by: str
    changed_at: str | None  # when its secret was rotated last; null: never
    answers_to: str | None  # where its answers go, without the path, which may hold a secret; null: nowhere


class NewHook(Value, frozen=True):
    """Where a source sends to. The path has the secret, which is told this once."""

    name: str
    kind: SourceKind
    path: str


def source_with(body: HookBody, at: str, by: str) -> Source:
    """The source that a body describes, without a secret yet."""
    ticker_of = LANGUAGES[body.kind].ticker_of
    symbols = {ticker_of(ticker): meant for ticker, meant in body.symbols.items()}
    return Source(body.name, body.kind, symbols, body.defaults, (), at, by)


def fault_of_new(source: Source) -> InvalidValue | None:
    """Of a source that has no secret yet."""
    return fault_of_source(with_secret(source, new_secret()))


def with_secret(source: Source, secret: Secret) -> Source:
    return msgspec.structs.replace(source, secrets=(kept(secret),))


def path_of(source: Source, secret: str) -> str:
    return f"/v1/hooks/{source.kind.value}/{source.name}/{secret}"


def hook_rows(sources: Iterable[Source], at_ns: int) -> list[HookRow]:
    return [
        HookRow(
            one.name,
            one.kind,
            one.symbols,
            one.defaults,
            sum(secret.is_valid(at_ns) for secret in one.secrets),
            one.made_at,
            one.made_by,
            one.changed_at or None,
            origin_of(one.answers_url) if one.answers_url else None,
        )
        for one in sources
    ]


class HookAdministration:
    def __init__(self, known: KnownSources, engine: Engine, market: Market) -> None:
        self._known = known
        self._engine = engine
        self._market = market

    def routes(self) -> APIRouter:
        router = APIRouter(prefix="/v1", route_class=StrictRoute)

        @router.get("/hooks")
        async def hooks() -> Response:
            return JsonResponse(self._rows())

        @router.post("/hooks")
        async def add(request: Request) -> Response:
            body, secret = await read_body(request, HookBody), new_secret()
            source = source_with(body, at=iso_seconds(self._now_ns()), by=identity_of(request).by)
            if (fault := fault_of_new(source)) is not None:
                raise HttpRefusal(400, fault.problem, fault.fix)
            refuse_unusable(source, self._market)
            await self.make(request, body.reason, add_source(with_secret(source, secret)))
            return JsonResponse(NewHook(source.name, source.kind, path_of(source, secret.reveal())))

        @router.post("/hooks/{name}/rotate")
        async def rotate(name: str, request: Request) -> Response:
            body, secret, now_ns = await read_body(request, RotateBody), new_secret(), self._now_ns()
            grace_ns = 0 if body.at_once else ROTATED_NS
            change = rotate_source(name, kept(secret), now_ns, iso_seconds(now_ns), grace_ns)
            await self.make(request, body.reason, change)
            source = change.of(self._known.sources)[name]
            return JsonResponse(NewHook(name, source.kind, path_of(source, secret.reveal())))

        @router.post("/hooks/{name}/remove")
        async def remove(name: str, request: Request) -> Response:
            await self.make(request, (await read_body(request, ReasonBody)).reason, remove_source(name))
            return JsonResponse(self._rows())

        return router

    async def make(self, request: Request, reason: str, change: SourceChange) -> None:
        change.of(self._known.sources)  # What is refused is not journaled.
        await self._engine.handle(RecordAction(identity_of(request).by, change.action, change.about, reason))
        try:
            await self._known.change(change)
        except (OSError, ConfigError) as fault:
            why = fault.problems[0].problem if isinstance(fault, ConfigError) else str(fault) or type(fault).__name__
            raise HttpRefusal(503, f"journaled, and not done yet: the file cannot be written ({why})") from None

    def _rows(self) -> list[HookRow]:
        return hook_rows(self._known.sources.values(), self._now_ns())

    def _now_ns(self) -> int:
        return self._known.clock.now_ns()
