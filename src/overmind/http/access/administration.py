"""Users and tokens over HTTP, for admins. Each change is journaled before it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from overmind.clock.instants import iso_seconds
from overmind.config import ConfigError
from overmind.config.files import InvalidValue
from overmind.core.model.commands import RecordAction
from overmind.core.model.value import Value
from overmind.desk.engine import Engine
from overmind.http.access.access import Access
from overmind.http.access.changes import (
    Change,
    add_token,
    add_user,
    change_password,
    change_role,
    remove_user,
    revoke_token,
)
from overmind.http.access.identity import identity_of
from overmind.http.access.names import fault_of_name, fault_of_source_of, role_named
from overmind.http.access.tokens import Token, digest_of, new_secret
from overmind.http.access.users import User, fault_of_password
from overmind.http.commands.bodies import ReasonBody, read_body
from overmind.http.known_parameters import StrictRoute
from overmind.http.responses import HttpRefusal, JsonResponse

T = TypeVar("T", User, Token)


class UserBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "name": "ann", "role": "operate", "password": "…"}'
    reason: str
    name: str
    role: str
    password: str


class RoleBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "role": "read"}'
    reason: str
    role: str


class PasswordBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "password": "…"}'
    reason: str
    password: str


class TokenBody(Value, frozen=True, forbid_unknown_fields=True):
    example: ClassVar[str] = '{"reason": "…", "name": "tradingview", "role": "signal"}'
    reason: str
    name: str
    role: str
    source: str = ""  # it may send the signals of this source and hear of them, and no more


class UserRow(Value, frozen=True):
    name: str
    role: str
    changed_at: str
    changed_by: str


class TokenRow(Value, frozen=True):
    name: str
    role: str
    made_at: str
    made_by: str
    last_used_at: str | None  # to the minute; None: never
    source: str  # whose signals it sends, and of which alone it hears; blank: of no source


class NewToken(Value, frozen=True):
    name: str
    role: str
    secret: str  # told this once


class Administration:
    def __init__(self, access: Access, engine: Engine) -> None:
        self._access = access
        self._engine = engine

    def routes(self) -> APIRouter:
        router = APIRouter(prefix="/v1", route_class=StrictRoute)

        @router.get("/users")
        async def users() -> Response:
            return JsonResponse(user_rows(self._access))

        @router.post("/users")
        async def add(request: Request) -> Response:
            body = await read_body(request, UserBody)
            _refuse(fault_of_name(body.name) or fault_of_password(body.password))
            role, by = role_of(body.role), identity_of(request).by
            password = await self._access.hashed(body.password)
            await self._change_users(request, body.reason, add_user(User(body.name, role, password, self._at(), by)))
            return JsonResponse(user_rows(self._access))

        @router.post("/users/{name}/remove")
        async def remove(name: str, request: Request) -> Response:
            await self._change_users(request, (await read_body(request, ReasonBody)).reason, remove_user(name))
            return JsonResponse(user_rows(self._access))

        @router.post("/users/{name}/role")
        async def role(name: str, request: Request) -> Response:
            body, by = await read_body(request, RoleBody), identity_of(request).by
            change = change_role(name, role_of(body.role), self._at(), by)
            await self._change_users(request, body.reason, change)
            return JsonResponse(user_rows(self._access))

        @router.post("/users/{name}/password")
        async def password(name: str, request: Request) -> Response:
            body, by = await read_body(request, PasswordBody), identity_of(request).by
            _refuse(fault_of_password(body.password))
            change = change_password(name, await self._access.hashed(body.password), self._at(), by)
            await self._change_users(request, body.reason, change)
            return JsonResponse(user_rows(self._access))

        @router.get("/tokens")
        async def tokens() -> Response:
            return JsonResponse(token_rows(self._access))

        @router.post("/tokens")
        async def new_token(request: Request) -> Response:
            body = await read_body(request, TokenBody)
            _refuse(fault_of_name(body.name) or fault_of_source_of(body.role, body.source))
            secret, role = new_secret(), role_of(body.role)
            digest = digest_of(secret.reveal().encode()).hex()
            token = Token(body.name, role, digest, self._at(), identity_of(request).by, body.source)
            await self._change_tokens(request, body.reason, add_token(token))
            return JsonResponse(NewToken(body.name, role, secret.reveal()))

        @router.post("/tokens/{name}/revoke")
        async def revoke(name: str, request: Request) -> Response:
            await self._change_tokens(request, (await read_body(request, ReasonBody)).reason, revoke_token(name))
            return JsonResponse(token_rows(self._access))

        return router

    async def _change_users(self, request: Request, reason: str, change: Change[User]) -> None:
        change.of(self._access.users)
        await self._make(request, reason, change, self._access.change_users)

    async def _change_tokens(self, request: Request, reason: str, change: Change[Token]) -> None:
        change.of(self._access.tokens)
        await self._make(request, reason, change, self._access.change_tokens)

    async def _make(
        self, request: Request, reason: str, change: Change[T], make: Callable[[Change[T]], Awaitable[None]]
    ) -> None:
        await self._engine.handle(RecordAction(identity_of(request).by, change.action, change.about, reason))
        try:
            await make(change)
        except (OSError, ConfigError) as fault:
            why = fault.problems[0].problem if isinstance(fault, ConfigError) else str(fault) or type(fault).__name__
            raise HttpRefusal(503, f"journaled, and not done yet: the file cannot be written ({why})") from None

    def _at(self) -> str:
        return iso_seconds(self._access.clock.now_ns())


def user_rows(access: Access) -> list[UserRow]:
    return [UserRow(one.name, one.role, one.changed_at, one.changed_by) for one in access.users.values()]


def token_rows(access: Access) -> list[TokenRow]:
    """Those of the files. The desk's first token, `api_token`, is not among them."""
    uses = access.uses
    tokens = access.tokens.values()
    return [TokenRow(one.name, one.role, one.made_at, one.made_by, uses.get(one.name), one.source) for one in tokens]


def role_of(text: str) -> str:
    role = role_named(text)
    _refuse(role)
    assert not isinstance(role, InvalidValue), role
    return role.name.lower()


def _refuse(found: object) -> None:
    if isinstance(found, InvalidValue):
        raise HttpRefusal(400, found.problem, found.fix)
