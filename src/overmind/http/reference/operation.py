"""What the reference says of one route beyond what the code itself says: what it does, its answer, its errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from overmind.core.model.value import Value
from overmind.http.bounds import BODY_BYTES_MAX, NDJSON
from overmind.http.endpoints import Role
from overmind.http.reference.method_names import METHOD_NAMES

NOT_WORD: Final = re.compile(r"\W+")
JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"


class Fault(Value, frozen=True):
    """An error of a route: its status, when it comes, and what to do."""

    status: int
    when: str
    fix: str


class Answer(Value, frozen=True):
    """A body that a status comes with, by media type."""

    status: int
    meaning: str
    shapes: Mapping[str, object]


class Operation(Value, frozen=True):
    """A row of the reference."""

    method: str
    path: str
    answer: object  # the type of what it answers with 200
    tells: str = ""  # what it does, in Markdown, beyond the summary of the table of routes
    body: object = None  # the type of its body
    batch: object = None  # the type of one line of a body of NDJSON
    example: str = ""  # of the body, as JSON
    faults: tuple[Fault, ...] = ()
    answers: tuple[Answer, ...] = ()  # where a status has another shape than the usual one; 200 is not meant then
    media: str = JSON  # of `answer`

    @property
    def bodies(self) -> Mapping[str, object]:
        """By media type."""
        return {JSON: self.body, **({} if self.batch is None else {NDJSON: self.batch})}

    @property
    def operation_id(self) -> str:
        """Such as `submit_signals`. A route that has no name yet is called as its path."""
        named = METHOD_NAMES.get(self.key)
        if named is not None:
            return named
        parts = [part for part in NOT_WORD.split(self.path) if part and part != "v1"]
        return "_".join((self.method.lower(), *parts))

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path


class Topic(Value, frozen=True):
    """Operations that belong together."""

    title: str
    tells: str
    operations: tuple[Operation, ...]


NO_TOKEN: Final = Fault(401, "the request has no valid token", "send `Authorization: Bearer TOKEN`")


WRONG_HOST: Final = Fault(421, "`Host` names another machine", "call 127.0.0.1 or localhost, with the port")
CROWDED: Final = Fault(503, "the service stops, or has too much to do", "try again after `Retry-After`")
BODY_FAULTS: Final = (
    Fault(400, "the body cannot be read, or its reason is blank or longer than 500 characters", "send the shape below"),
    Fault(408, "the body did not arrive within 10 s", "send it at once"),
    Fault(413, f"the body is larger than {BODY_BYTES_MAX:,} bytes", "send less at once"),
)
QUERY_FAULT: Final = Fault(
    400, "a parameter cannot be read, is unknown, or names what there cannot be", "see the parameters"
)
NO_SUCH: Final = Fault(404, "the path holds what no name holds, such as a control character", "look at the lists")
REFUSED: Final = Fault(409, "the desk refuses it, and says why", "do what `error` says; nothing was changed")
BUSY: Final = Fault(429, "too many commands wait", "try again after `Retry-After`")
NO_WALLET: Final = Fault(404, "there is no such wallet", "name one that `fix` lists")
NOT_LIVE: Final = Fault(409, "the desk is on paper, or refuses it and says why", "do what `error` says")
CHAIN_SILENT: Final = Fault(503, "the chain does not answer, or the service stops", "try again after `Retry-After`")


def role_too_low(role: Role) -> Fault:
    return Fault(403, "the role of the token is too low", f"use one with the role {role.name.lower()}")
