"""Who may do what: users with passwords, and tokens for programs."""

from __future__ import annotations

from typing import Final

from overmind.http.access.administration import (
    NewToken,
    PasswordBody,
    RoleBody,
    TokenBody,
    TokenRow,
    UserBody,
    UserRow,
)
from overmind.http.commands.bodies import ReasonBody
from overmind.http.reference.operation import REFUSED, Fault, Operation, Topic

NOT_WRITTEN: Final = Fault(503, "the change is journaled, and its file cannot be written", "make room, and repeat it")
FAULTS: Final = (REFUSED, NOT_WRITTEN)

USERS: Final = Topic(
    "Users and tokens",
    "For admins. A change counts from the next request on. It is journaled with who and why before it is made.",
    (
        Operation("GET", "/v1/users", list[UserRow], "Passwords are kept as Argon2 hashes and shown nowhere."),
        Operation(
            "POST",
            "/v1/users",
            list[UserRow],
            "The role is read, signal, operate or admin.",
            body=UserBody,
            example='{"reason": "night shift", "name": "ann", "role": "operate", "password": "long and only hers"}',
            faults=FAULTS,
        ),
        Operation(
            "POST",
            "/v1/users/{name}/role",
            list[UserRow],
            "The last admin keeps that role.",
            body=RoleBody,
            example='{"reason": "left the desk", "role": "read"}',
            faults=FAULTS,
        ),
        Operation(
            "POST",
            "/v1/users/{name}/password",
            list[UserRow],
            "The sessions of the user end.",
            body=PasswordBody,
            example='{"reason": "forgotten", "password": "another long one"}',
            faults=FAULTS,
        ),
        Operation(
            "POST",
            "/v1/users/{name}/remove",
            list[UserRow],
            "The sessions of the user end.",
            body=ReasonBody,
            example='{"reason": "left the desk"}',
            faults=FAULTS,
        ),
        Operation("GET", "/v1/tokens", list[TokenRow], "Each with its last use. Secrets are kept as hashes."),
        Operation(
            "POST",
            "/v1/tokens",
            NewToken,
            "The answer has the secret, this once.",
            body=TokenBody,
            example='{"reason": "alerts of the strategy", "name": "tradingview", "role": "signal"}',
            faults=FAULTS,
        ),
        Operation(
            "POST",
            "/v1/tokens/{name}/revoke",
            list[TokenRow],
            "The token is refused from now on.",
            body=ReasonBody,
            example='{"reason": "it leaked"}',
            faults=FAULTS,
        ),
    ),
)
