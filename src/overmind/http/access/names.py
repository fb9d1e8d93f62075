"""Names of users and tokens, and of roles."""

from __future__ import annotations

import re
from typing import Final

from overmind.config.files import InvalidValue
from overmind.http.endpoints import Role

NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
ROLES: Final = {role.name.lower(): role for role in Role}


def fault_of_name(name: str) -> InvalidValue | None:
    if NAME.fullmatch(name):
        return None
    return InvalidValue("a name that cannot be used", "take 1 to 64 letters, digits, dots, _ and -")


def role_named(text: str) -> Role | InvalidValue:
    role = ROLES.get(text.strip().lower())
    return role if role is not None else InvalidValue("an unknown role", f"one of {', '.join(ROLES)}")


def fault_of_source_of(role: str, source: str) -> InvalidValue | None:
    """Why a token of this role cannot be a source's. Blank: it is of no source."""
    if not source:
        return None
    if role_named(role) not in (Role.READ, Role.SIGNAL):
        return InvalidValue("a token of a source only sends signals and hears of them", "take the role signal or read")
    return None if NAME.fullmatch(source) else InvalidValue("no name of a source", "see `overmind hooks list`")
