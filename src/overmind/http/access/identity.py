"""Who sends a request: the door writes it down before any route sees the request."""

from __future__ import annotations

import enum
from typing import Final

from starlette.requests import HTTPConnection

from overmind.core.model.value import Value
from overmind.http.endpoints import Role

IDENTITY: Final = "identity"  # its name in the state of a request's scope


class Kind(enum.StrEnum):
    USER = "user"  # a person with a password, in a session
    TOKEN = "token"  # a program with a bearer token


class Identity(Value, frozen=True):
    """A user or a token, known to the desk."""

    name: str
    role: Role
    kind: Kind
    csrf: str = ""  # of the user's session, for the field `csrf` of each form; a token has none
    source: str = ""  # of a token that a source has: it may send that source's signals and hear of them, and no more

    def __repr__(self) -> str:
        return f"Identity({self.by}, {self.role.name.lower()})"

    @property
    def by(self) -> str:
        """As the journal names it. No user's name holds a colon."""
        return self.name if self.kind is Kind.USER else f"token:{self.name}"

    def may(self, role: Role) -> bool:
        return self.role >= role


def identity_of(request: HTTPConnection) -> Identity:
    """Of a request for a route that asks for a role."""
    identity = visitor_of(request)
    assert identity is not None, "the door lets nobody through to this route without an identity"
    return identity


def visitor_of(request: HTTPConnection) -> Identity | None:
    """Of a request for a route that is open to everybody. None: a stranger."""
    identity = request.scope["state"].get(IDENTITY)
    assert identity is None or isinstance(identity, Identity), identity
    return identity
