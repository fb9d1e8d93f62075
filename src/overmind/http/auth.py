"""The door. Every request passes it before any route: its host, its credentials, its role, and the size and time of
its body. What the table of routes does not list is served to nobody.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overmind.http.access.access import Access, KnownToken
from overmind.http.access.callers import CALLER, Caller, Front
from overmind.http.access.forms import FORM_BYTES_MAX, form_fields, is_form
from overmind.http.access.headers import cookie_name, cookie_of, see_other
from overmind.http.access.identity import IDENTITY, Identity, Kind
from overmind.http.access.logins import LOGIN
from overmind.http.access.permissions import READING, Allowed, NoRoute, Permissions
from overmind.http.access.sessions import Session
from overmind.http.bounds import BODY_BYTES_MAX
from overmind.http.connections import CONNECTION
from overmind.http.responses import HttpRefusal, is_for_program, refusal

HEARD_BYTES_MAX: Final = 8 * BODY_BYTES_MAX
BODY_S: Final = 10.0  # to send the whole body
BEARER: Final = b"Bearer "
API: Final = "/v1/"

Headers = Mapping[bytes, bytes]
Credential = KnownToken | Session


class Client(Protocol):
    """Who sends the request."""

    @property
    def peer(self) -> str: ...

    def recognise(self) -> bool:
        """The request has a credential. False: there is no place for it now."""
        ...

    def abort(self) -> None: ...


class Authenticator:
    def __init__(self, inside: ASGIApp, access: Access, front: Front, permissions: Permissions | None = None) -> None:
        self._inside = inside
        self._access = access
        self._front = front
        self._permissions = permissions or Permissions()
        self._cookies = {secure: cookie_name(front.port, secure) for secure in (False, True)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", scope["type"]
        headers, client = dict(scope["headers"]), scope["state"][CONNECTION]
        refused = self._misplaced(scope, headers, client)
        credential, identity = (None, None) if refused else self._known(scope, headers, client)
        refused = refused or self._forbidden(scope, identity, client)
        if refused is None and scope["method"] != "GET":
            body = await _body(scope, receive, BODY_BYTES_MAX if identity is not None else FORM_BYTES_MAX)
            if isinstance(body, Response):
                refused = body
            else:
                refused = self._forged(scope, headers, identity, client, body)
                receive = _replayed(body, receive)
        if refused is not None:
            await refused(scope, receive, send)
            return
        scope["state"][IDENTITY] = identity
        await self._served(scope, receive, send, credential, client)

    async def _served(
        self, scope: Scope, receive: Receive, send: Send, credential: Credential | None, client: Client
    ) -> None:
        """A credential that ends meanwhile ends the response too, such as a stream."""
        if credential is None:
            await self._inside(scope, receive, send)
            return
        credential.connections.add(client)
        try:
            await self._inside(scope, receive, send)
        finally:
            credential.connections.discard(client)
            if isinstance(credential, Session):
                credential.used_at = self._access.steady()

    def _misplaced(self, scope: Scope, headers: Headers, client: Client) -> Response | None:
        if headers.get(b"host", b"").lower() not in self._front.hosts:
            return refusal(scope, 421, "wrong host", "call 127.0.0.1 or localhost, with the port")
        if not self._front.lets_in(client.peer):
            return refusal(scope, 403, "this way is not encrypted", "come through the proxy, by https")
        return None

    def _known(self, scope: Scope, headers: Headers, client: Client) -> tuple[Credential | None, Identity | None]:
        """A token, else the session of a browser."""
        authorization = headers.get(b"authorization")
        if authorization is None or not scope["path"].startswith(API):  # No route of the API asks a program's way.
            scope["state"][CALLER] = self._front.caller(headers, client.peer)
        if authorization is not None:
            bearer = authorization.startswith(BEARER)
            token = self._access.token(authorization[len(BEARER) :]) if bearer else None
            if token is None:
                return None, None
            token.used = True
            return token, token.identity
        caller: Caller = scope["state"][CALLER]
        secret = cookie_of(headers.get(b"cookie", b""), self._cookies[caller.secure])
        found = None if secret is None else self._access.session_user(secret)
        if found is None:
            return None, None
        session, user = found
        return session, Identity(user.name, user.rank, Kind.USER, session.csrf)

    def _forbidden(self, scope: Scope, identity: Identity | None, client: Client) -> Response | None:
        if identity is None:
            return None if self._is_open(scope) else _who_is_it(scope)
        allowed = self._permissions.of(scope["method"], scope["path"])
        if not client.recognise():
            return refusal(scope, 503, "too many requests with a token or a session are open")
        if isinstance(allowed, NoRoute):
            return _no_route(scope, allowed)
        if allowed.role is not None and not identity.may(allowed.role):
            wanted, has = allowed.role.name.lower(), identity.role.name.lower()
            return refusal(scope, 403, f"the role {has} may not do this", f"it takes the role {wanted}")
        if identity.source and allowed.role is not None and not allowed.of_sources:
            own = f"this token sends signals of the source {identity.source} and hears of them, and may do no more"
            return refusal(scope, 403, own, "take a token without a source")
        return None

    def _forged(
        self, scope: Scope, headers: Headers, identity: Identity | None, client: Client, body: bytes
    ) -> Response | None:
        """Another site can make a browser send its cookie. It can neither read the page's token nor choose `Origin`."""
        if identity is not None and identity.kind is Kind.TOKEN:
            return None
        caller: Caller = scope["state"].get(CALLER) or self._front.caller(headers, client.peer)
        origin = headers.get(b"origin")
        if origin is not None and origin.decode("latin-1") != caller.origin:
            return refusal(scope, 403, "a page of another site sent this", "send it from a page of this desk")
        if identity is None or scope["method"] in READING or self._is_open(scope):
            return None
        given = headers.get(b"x-csrf-token")
        if given is None and is_form(headers.get(b"content-type", b"").decode("latin-1")):
            try:
                given = form_fields(body).get("csrf", "").encode()
            except HttpRefusal as bad:
                return refusal(scope, bad.status, bad.error, bad.fix)
        if given is None or not hmac.compare_digest(given, identity.csrf.encode()):
            return refusal(scope, 403, "the form is not of this session", "load the page again and repeat it")
        return None

    def _is_open(self, scope: Scope) -> bool:
        """Such as the login, which a page from before an earlier one may send."""
        allowed = self._permissions.of(scope["method"], scope["path"])
        return isinstance(allowed, Allowed) and allowed.role is None


def _who_is_it(scope: Scope) -> Response:
    if not is_for_program(scope):  # A form whose session is over is not sent again by itself.
        place = {"next": scope["path"]} if scope["method"] in READING else {"why": "again"}
        return see_other(f"{LOGIN}?{urlencode(place)}")
    answer = refusal(scope, 401, "unauthorized")
    answer.headers["www-authenticate"] = "Bearer"
    return answer


def _no_route(scope: Scope, found: NoRoute) -> Response:
    if not found.methods:
        return refusal(scope, 404, "not found", "the routes are on /reference")
    answer = refusal(scope, 405, "method not allowed", "the routes are on /reference")
    answer.headers["allow"] = ", ".join(found.methods)
    return answer


async def _body(scope: Scope, receive: Receive, most: int) -> bytes | Response:
    """The whole body, or why not. A body that is too large is read to a bound, or the client would miss our answer."""
    parts, size = list[bytes](), 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return refusal(scope, 400, "the request body is incomplete")
                part = message.get("body", b"")
                size += len(part)
                if size <= most:
                    parts.append(part)
                if not message.get("more_body", False) or size > HEARD_BYTES_MAX:
                    return b"".join(parts) if size <= most else _too_large(scope, most)
    except TimeoutError:
        return refusal(scope, 408, f"the request body did not arrive within {BODY_S:g} s")


def _too_large(scope: Scope, most: int) -> Response:
    return refusal(scope, 413, f"a body of more than {most} bytes", "send less at once")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Replays the body that was read already, then passes on what else arrives."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return waiting.pop() if waiting else await receive()

    return give
