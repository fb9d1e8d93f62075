"""The door before a service that answers everything: whatever gets through tells who it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI
from tests.support.stepping_clock import SteppingClock

from overmind.config.door import DoorSettings
from overmind.config.secrecy import Secret
from overmind.http.access.access import Access
from overmind.http.access.callers import CALLER, front_of
from overmind.http.access.changes import add_token, add_user
from overmind.http.access.headers import cookie_name
from overmind.http.access.identity import IDENTITY
from overmind.http.access.permissions import Permissions
from overmind.http.access.records import change_tokens, change_users
from overmind.http.access.tokens import Token, digest_of, new_secret
from overmind.http.access.users import User
from overmind.http.auth import Authenticator
from overmind.http.connections import CONNECTION
from overmind.http.endpoints import ENDPOINTS, Endpoint, Role
from overmind.http.responses import answer_errors

PORT = 8080
HOST = f"127.0.0.1:{PORT}"
API_TOKEN = "a-token-of-the-tests"
PASSWORD = "correct horse battery"
IDLE_S, MOST_S = 3_600.0, 43_200.0
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)  # quick to check
LOCAL = DoorSettings()

Scope = MutableMapping[str, Any]


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def got_through(self) -> bool:
        return "reached" in self.headers


class Line:
    """A connection."""

    def __init__(self, peer: str = "127.0.0.1") -> None:
        self.peer = peer
        self.recognised = False
        self.aborted = False

    def recognise(self) -> bool:
        self.recognised = True
        return True

    def abort(self) -> None:
        self.aborted = True


async def nothing() -> None:
    pass


class Door:
    def __init__(self, folder: Path, settings: DoorSettings = LOCAL, endpoints: Sequence[Endpoint] = ENDPOINTS) -> None:
        self.folder = folder
        self.now_s = 0.0
        self.runner = asyncio.Runner()
        self.access = Access(folder, Secret(API_TOKEN), SteppingClock(0), lambda: self.now_s, IDLE_S, MOST_S)
        self.authenticator = Authenticator(self._inside, self.access, front_of(settings, PORT), Permissions(endpoints))
        self.seen: list[Scope] = []
        self.during: Callable[[], Awaitable[None]] = nothing  # while a request is inside

    async def _inside(self, scope: Scope, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        await self.during()
        message = await receive() if scope["method"] != "GET" else {}
        headers = [(b"reached", b"yes")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": message.get("body", b"")})

    def close(self) -> None:
        self.access.close()
        self.runner.close()

    def look(self) -> None:
        self.runner.run(self.access.look())

    def user(self, name: str, role: Role) -> None:
        change_users(self.folder, add_user(User(name, role.name.lower(), HASH, "", "")))
        self.look()

    def token(self, name: str, role: Role) -> str:
        secret = new_secret().reveal()
        digest = digest_of(secret.encode()).hex()
        change_tokens(self.folder, add_token(Token(name, role.name.lower(), digest, "", "")))
        self.look()
        return secret

    def session(self, name: str, secure: bool = False) -> dict[str, str]:
        """The header of a browser in which this user has logged in."""
        secret = self.access.sessions.begin(name, self.now_s)
        return {"cookie": f"theme=dark; {cookie_name(PORT, secure)}={secret}"}

    def csrf(self, session: Mapping[str, str]) -> str:
        found = self.access.session_user(session["cookie"].rpartition("=")[2])
        assert found is not None
        return found[0].csrf

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, str] = b"",
        line: Line | None = None,
    ) -> Answer:
        """A mapping is sent as a form."""
        return self.runner.run(self.asked(method, path, headers, body, line))

    async def login_of(self, name: str, line: Line) -> Answer:
        return await self.asked("POST", "/login", {}, {"username": name, "password": PASSWORD}, line)

    async def asked(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None,
        body: bytes | Mapping[str, str],
        line: Line | None,
    ) -> Answer:
        given = {"host": HOST, **(headers or {})}
        if isinstance(body, Mapping):
            given, body = {**given, "content-type": "application/x-www-form-urlencoded"}, urlencode(body).encode()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "http_version": "1.1",
            "scheme": "http",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
            "state": {CONNECTION: line or Line()},
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await self.authenticator(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(part.get("body", b"") for part in sent[1:]))

    def serve(self, *parts: APIRouter) -> None:
        """Routes in place of what answers everything."""
        api = FastAPI()
        for part in parts:
            api.include_router(part)
        answer_errors(api)
        self.authenticator = Authenticator(api, self.access, front_of(LOCAL, PORT))

    @property
    def identity(self) -> Any:
        """Of the last request that got through."""
        return self.seen[-1]["state"][IDENTITY]

    @property
    def caller(self) -> Any:
        return self.seen[-1]["state"][CALLER]


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}
