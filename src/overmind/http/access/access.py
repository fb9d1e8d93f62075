"""Who is known to the running service: users, tokens and sessions. Changed files are read again while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from overmind.clock.instants import iso_seconds
from overmind.config.secrecy import Secret
from overmind.core.model.value import Value
from overmind.http.access.changes import API_TOKEN_NAME, Change
from overmind.http.access.identity import Identity, Kind
from overmind.http.access.records import (
    NO_FILES,
    Files,
    change_tokens,
    change_users,
    read_files,
    read_if_changed,
    read_uses,
    write_uses,
)
from overmind.http.access.sessions import Connection, Session, Sessions
from overmind.http.access.tokens import Token, digest_of
from overmind.http.access.users import User, hashed, is_password_of
from overmind.http.access.waits import Waits
from overmind.http.endpoints import Role
from overmind.journal.aside import Aside
from overmind.ports import Clock

LOOK_EVERY_S: Final = 1.0  # for changed files
TELL_EVERY_S: Final = 60.0  # when tokens were used last
FILES_MAX_S: Final = 5.0  # for a disk to answer

log = structlog.get_logger("door")


class KnownToken:
    """A token as the service knows it."""

    def __init__(self, name: str, role: Role, source: str = "") -> None:
        self.identity = Identity(name, role, Kind.TOKEN, source=source)
        self.used = False  # since that was last written
        self.connections = set[Connection]()  # with an open request

    def __repr__(self) -> str:
        return f"KnownToken({self.identity.name})"


class TokenUse(Value, frozen=True):
    name: str
    role: Role
    used_at: str  # ISO 8601, UTC, to a minute; blank: never


class Access:
    def __init__(
        self, data_dir: Path, api_token: Secret, clock: Clock, steady: Callable[[], float], idle_s: float, most_s: float
    ) -> None:
        """`steady` is a clock in seconds that never jumps."""
        self.data_dir = data_dir
        self.users: Mapping[str, User] = {}
        self.tokens: Mapping[str, Token] = {}
        self.sessions = Sessions(idle_s, most_s)
        self.waits = Waits()
        self.steady = steady
        self.clock = clock
        self._api_token = digest_of(api_token.reveal().encode())
        self._tokens: dict[bytes, KnownToken] = {self._api_token: KnownToken(API_TOKEN_NAME, Role.ADMIN)}
        self._uses = read_uses(data_dir)
        self._told_at = steady()  # when tokens were used last
        self._reachable = True  # the files, when they were looked at last
        self._files, self.hashing = Aside("access files"), Aside("passwords")
        self._stamps = NO_FILES
        self._take(read_files(data_dir))

    def close(self) -> None:
        self._files.shutdown()
        self.hashing.shutdown()

    def token_uses(self) -> list[TokenUse]:
        """Every token that the service knows, by name."""
        found = (
            TokenUse(one.identity.name, one.identity.role, self._uses.get(one.identity.name, ""))
            for one in self._tokens.values()
        )
        return sorted(found, key=lambda use: use.name)

    def token(self, secret: bytes) -> KnownToken | None:
        return self._tokens.get(digest_of(secret))

    def session_user(self, secret: str) -> tuple[Session, User] | None:
        """The session of this cookie, and its user as the files have them now."""
        session = self.sessions.find(secret, self.steady())
        user = None if session is None else self.users.get(session.user)
        return None if session is None or user is None else (session, user)

    async def checked(self, name: str, password: str) -> User | None:
        """The user whose password it is. Raises Hangs when too many wait for that."""
        user = self.users.get(name)
        right = await self.hashing.run(partial(is_password_of, user, password))
        return user if right and self.users.get(name) == user else None

    async def hashed(self, password: str) -> str:
        """Raises Hangs."""
        return await self.hashing.run(partial(hashed, password))

    async def change_users(self, change: Change[User]) -> None:
        """In force on return. Raises CommandRefused, ConfigError, OSError."""
        await self._files.run(partial(change_users, self.data_dir, change), FILES_MAX_S)
        await self.look()

    async def change_tokens(self, change: Change[Token]) -> None:
        """In force on return. Raises CommandRefused, ConfigError, OSError."""
        await self._files.run(partial(change_tokens, self.data_dir, change), FILES_MAX_S)
        await self.look()

    @property
    def uses(self) -> Mapping[str, str]:
        """When each token was used last, up to a minute ago."""
        return self._uses

    async def look(self) -> None:
        """Reads the files again if they have changed. Raises OSError."""
        found = await self._files.run(partial(read_if_changed, self.data_dir, self._stamps), FILES_MAX_S)
        if found is not None:
            self._take(found)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.clock.sleep(LOOK_EVERY_S)
            await self.look_once()

    async def look_once(self) -> None:
        """Takes in what has changed, ends what has expired, and tells once a minute which tokens were used."""
        try:
            await self.look()
            if self.steady() - self._told_at >= TELL_EVERY_S:
                self._told_at = self.steady()
                await self._tell_uses()
        except OSError as fault:  # TimeoutError and Hangs are of this kind.
            if self._reachable:
                log.error("the files of users and tokens cannot be reached", error=str(fault) or type(fault).__name__)
            self._reachable = False
        else:
            self._reachable = True
        self.sessions.end_expired(self.steady())

    def _take(self, files: Files) -> None:
        if files.problem:
            log.error("users and tokens cannot be read, so none of them may do anything", problem=files.problem)
        self._stamps = files.stamps
        changed = {name for name, user in self.users.items() if not _same_password(user, files.users.get(name))}
        self.users, self.tokens = files.users, files.tokens
        self.sessions.end_where(lambda session: session.user in changed)
        known = {
            bytes.fromhex(token.sha256): KnownToken(token.name, token.rank, token.source)
            for token in files.tokens.values()
        }
        for digest, token in self._tokens.items():
            now = known.get(digest)
            if digest == self._api_token or (now is not None and now.identity == token.identity):
                known[digest] = token
            else:
                for connection in tuple(token.connections):
                    connection.abort()
        self._tokens = known

    async def _tell_uses(self) -> None:
        used = [token for token in self._tokens.values() if token.used]
        if not used:
            return
        at = iso_seconds(self.clock.now_ns())
        names = {token.identity.name for token in self._tokens.values()}
        self._uses |= {token.identity.name: at for token in used}
        self._uses = {name: when for name, when in self._uses.items() if name in names}
        for token in used:
            token.used = False
        await self._files.run(partial(write_uses, self.data_dir, self._uses), FILES_MAX_S)


def _same_password(before: User, now: User | None) -> bool:
    return now is not None and now.password == before.password
