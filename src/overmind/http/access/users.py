"""Users with their roles, and how their passwords are kept: as hashes by Argon2id, each with a salt of its own."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from overmind.config.files import InvalidValue
from overmind.core.model.value import Value
from overmind.http.access.names import ROLES
from overmind.http.endpoints import Role

PASSWORD_MIN: Final = 12  # characters
PASSWORD_MAX: Final = 256
# 19 MiB, two passes: about 30 ms of a processor. More would let strangers keep it busy.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Of no password: who is unknown waits as long as who is known.
_NOBODYS: Final = "$argon2id$v=19$m=19456,t=2,p=1$fASVPFWpVTpe7/0rmCrs+Q$MUlwXoORfUhJiMGq05Gx3k/dPEnA+i6O1Z339+cKNhI"


class User(Value, frozen=True, forbid_unknown_fields=True):
    name: str
    role: str
    password: str  # its hash
    changed_at: str
    changed_by: str

    def __repr__(self) -> str:
        return f"User({self.name}, {self.role})"

    @property
    def rank(self) -> Role:
        return ROLES[self.role]


def hashed(password: str) -> str:
    return _HASHER.hash(password)


def is_password_of(user: User | None, password: str) -> bool:
    """Takes as long for nobody as for a user."""
    try:
        return _HASHER.verify(user.password if user is not None else _NOBODYS, password) and user is not None
    except (VerificationError, InvalidHashError):
        return False


def fault_of_password(password: str) -> InvalidValue | None:
    if PASSWORD_MIN <= len(password) <= PASSWORD_MAX and password.isprintable():
        return None
    return InvalidValue(
        "a password that cannot be used",
        f"take {PASSWORD_MIN} to {PASSWORD_MAX} printable characters; a sentence will do",
    )
