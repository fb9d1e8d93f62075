"""Changes of who may do what, as functions of what there is. The command and the service make the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec.structs import replace

from overmind.core.model.commands import CommandRefused
from overmind.http.access.tokens import Token
from overmind.http.access.users import User

T = TypeVar("T", User, Token)

API_TOKEN_NAME: Final = "api_token"  # of the desk's first token, which stands in no file of tokens
RECORDS_MAX: Final = 256


class Change(NamedTuple, Generic[T]):
    """`of` gives what there is afterwards, by name. It raises CommandRefused."""

    action: str  # as the journal names it
    about: str
    of: Callable[[Mapping[str, T]], dict[str, T]]


def add_user(user: User) -> Change[User]:
    return Change("AddUser", f"{user.name}, {user.role}", lambda users: _with(users, user.name, user, "user"))


def remove_user(name: str) -> Change[User]:
    return Change("RemoveUser", name, lambda users: _without(users, name, "user"))


def change_role(name: str, role: str, at: str, by: str) -> Change[User]:
    def of(users: Mapping[str, User]) -> dict[str, User]:
        return {**users, name: replace(_known(users, name), role=role, changed_at=at, changed_by=by)}

    return Change("ChangeRole", f"{name}, {role}", of)


def change_password(name: str, password: str, at: str, by: str) -> Change[User]:
    """`password` is its hash. All sessions of the user end."""

    def of(users: Mapping[str, User]) -> dict[str, User]:
        return {**users, name: replace(_known(users, name), password=password, changed_at=at, changed_by=by)}

    return Change("ChangePassword", name, of)


def add_token(token: Token) -> Change[Token]:
    of_source = f", of the source {token.source}" if token.source else ""
    about = f"{token.name}, {token.role}{of_source}"
    return Change("AddToken", about, lambda tokens: _with(tokens, token.name, token, "token"))


def revoke_token(name: str) -> Change[Token]:
    return Change("RevokeToken", name, lambda tokens: _without(tokens, name, "token"))


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise CommandRefused(f"no user {name[:64]!r}; `overmind users list` shows them")
    return users[name]


def _with(there: Mapping[str, T], name: str, one: T, kind: str) -> dict[str, T]:
    if name in there or name == API_TOKEN_NAME:
        raise CommandRefused(f"there is a {kind} {name!r} already: take another name, or remove that one first")
    if len(there) >= RECORDS_MAX:
        raise CommandRefused(f"there are {RECORDS_MAX} of them already: remove one first")
    return {**there, name: one}


def _without(there: Mapping[str, T], name: str, kind: str) -> dict[str, T]:
    if name not in there:
        raise CommandRefused(f"no {kind} {name[:64]!r}; `overmind {kind}s list` shows them")
    return {known: one for known, one in there.items() if known != name}
