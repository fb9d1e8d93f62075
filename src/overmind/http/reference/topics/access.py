"""Users and tokens."""

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
from overmind.http.reference.operation import Fault, Operation, Topic

NO_NAME: Final = Fault(409, "nobody has this name", "look at the list for known names")
TAKEN: Final = Fault(409, "the name is taken", "choose another name")
NOT_WRITTEN: Final = Fault(503, "it is journaled, and its file cannot be written", "repeat it once the disk is well")

ACCESS: Final = Topic(
    "Users and tokens",
    "Each change is journaled before it is made. No password and no hash is ever told, and a token's secret only once.",
    (
        Operation("GET", "/v1/users", list[UserRow]),
        Operation(
            "POST",
            "/v1/users",
            list[UserRow],
            "The answer lists all users.",
            body=UserBody,
            example='{"reason": "on call", "name": "ann", "role": "operate", "password": "four words of your own"}',
            faults=(TAKEN, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/users/{name}/remove",
            list[UserRow],
            "Their sessions end.",
            body=ReasonBody,
            example='{"reason": "left the firm"}',
            faults=(NO_NAME, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/users/{name}/role",
            list[UserRow],
            body=RoleBody,
            example='{"reason": "no longer on call", "role": "read"}',
            faults=(NO_NAME, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/users/{name}/password",
            list[UserRow],
            body=PasswordBody,
            example='{"reason": "forgotten", "password": "four words of your own"}',
            faults=(NO_NAME, NOT_WRITTEN),
        ),
        Operation("GET", "/v1/tokens", list[TokenRow], "Those that were added. The desk's first token is not listed."),
        Operation(
            "POST",
            "/v1/tokens",
            NewToken,
            "The answer has the secret, which is never told again.",
            body=TokenBody,
            example='{"reason": "alerts", "name": "tradingview", "role": "signal"}',
            faults=(TAKEN, NOT_WRITTEN),
        ),
        Operation(
            "POST",
            "/v1/tokens/{name}/revoke",
            list[TokenRow],
            "Requests with it that are open end.",
            body=ReasonBody,
            example='{"reason": "its machine was sold"}',
            faults=(NO_NAME, NOT_WRITTEN),
        ),
    ),
)
