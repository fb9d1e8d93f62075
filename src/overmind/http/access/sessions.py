"""The sessions of users who have logged in. They are kept in memory: after a restart everybody logs in again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final, Protocol

SECRET_BYTES: Final = 32
SESSIONS_MAX: Final = 512
OF_USER_MAX: Final = 16


class Connection(Protocol):
    def abort(self) -> None: ...


class Session:
    """A user's session. It lasts while requests of it are open, and some time after the last one."""

    def __init__(self, user: str, at: float) -> None:
        self.user = user
        self.csrf = secrets.token_urlsafe(SECRET_BYTES)
        self.begun_at = at
        self.used_at = at
        self.connections = set[Connection]()  # with an open request

    def __repr__(self) -> str:
        return f"Session({self.user})"


class Sessions:
    """All open sessions, by the hash of their secret. Times are those of one clock that never jumps."""

    def __init__(self, idle_s: float, most_s: float) -> None:
        self.idle_s = idle_s
        self.most_s = most_s
        self._open: dict[bytes, Session] = {}  # the oldest first

    def begin(self, user: str, at: float) -> str:
        """The secret of a new session. If there are too many, the oldest one ends."""
        own = [key for key, session in self._open.items() if session.user == user]
        if len(own) >= OF_USER_MAX:
            self._end(own[0])
        elif len(self._open) >= SESSIONS_MAX:
            self._end(next(iter(self._open)))
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self._open[_key(secret)] = Session(user, at)
        return secret

    def find(self, secret: str, at: float) -> Session | None:
        """Finding it uses it. None: there is none, or it has expired."""
        key = _key(secret)
        session = self._open.get(key)
        if session is None:
            return None
        if self._expired(session, at):
            self._end(key)
            return None
        session.used_at = at
        return session

    def leave(self, secret: str, own: Connection) -> None:
        """Its user logs out, by a request on this connection, which gets its answer."""
        if (session := self._open.get(_key(secret))) is not None:
            session.connections.discard(own)
            self._end(_key(secret))

    def end_where(self, over: Callable[[Session], bool]) -> None:
        for key in [key for key, session in self._open.items() if over(session)]:
            self._end(key)

    def end_expired(self, at: float) -> None:
        self.end_where(lambda session: self._expired(session, at))

    def _expired(self, session: Session, at: float) -> bool:
        idle = not session.connections and at - session.used_at >= self.idle_s
        return idle or at - session.begun_at >= self.most_s

    def _end(self, key: bytes) -> None:
        """Open responses, such as a stream of events, end too."""
        for connection in tuple(self._open.pop(key).connections):
            connection.abort()


def _key(secret: str) -> bytes:
    """What is looked up is no secret, so the time that it takes tells nothing."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
