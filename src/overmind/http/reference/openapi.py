"""The description of the API as OpenAPI 3.1: the table of routes, the routes themselves and the rows of the topics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from overmind import __version__
from overmind.http.endpoints import ENDPOINTS, Endpoint, Role
from overmind.http.reference.operation import (
    BODY_FAULTS,
    CROWDED,
    JSON,
    NO_SUCH,
    NO_TOKEN,
    QUERY_FAULT,
    WRONG_HOST,
    Answer,
    Fault,
    Operation,
    Topic,
    role_too_low,
)
from overmind.http.reference.parameters import Parameter, Routed
from overmind.http.reference.schemas import Schema, Shapes
from overmind.http.reference.topics import TOPICS
from overmind.http.responses import PROGRAM_PATHS, RETRY_AFTER_S, Error

VERSION: Final = "3.1.1"
SCHEME: Final = "token"
EXAMPLES: Final = Path(__file__).with_name("examples.json")
RETRYING: Final = (429, 503)
TOLD_ONCE: Final = (404, 413)  # Where a route has its own, the one that most routes have is not meant.
ABOUT: Final = (
    "Several Solana wallets as one trading desk. Amounts are decimal strings with every digit, and can be sent back. "
    "Times that end in `_ns` are nanoseconds since 1970; others are ISO 8601 in UTC. New fields may come at any time. "
    "Every error but an answer to a signal is `{error, fix}`."
)


class Described:
    """One route with all that is known of it."""

    def __init__(self, endpoint: Endpoint, operation: Operation, asked: Sequence[Parameter], topic: Topic) -> None:
        self.endpoint = endpoint
        self.operation = operation
        self.asked = asked
        self.topic = topic

    @property
    def is_query(self) -> bool:
        """Whether it refuses a parameter that it cannot read or does not have."""
        return self.endpoint.method == "GET" and self.endpoint.path.startswith("/v1/")

    @property
    def is_free(self) -> bool:
        """Whether its path may hold any text."""
        return any(one.place == "path" for one in self.asked)

    def faults(self) -> list[Fault]:
        """Its own errors, and those that every such route has."""
        role, with_body = self.endpoint.role, self.operation.body is not None
        answered = {one.status for one in self.operation.answers}
        every = [
            *(BODY_FAULTS if with_body else ()),
            *([QUERY_FAULT] if self.is_query else ()),
            *([NO_SUCH] if self.is_free else ()),
            *([] if role is None else [NO_TOKEN, role_too_low(role)]),
            WRONG_HOST,
            CROWDED,
        ]
        own = self.operation.faults
        told = answered | {one.status for one in own if one.status in TOLD_ONCE}
        return sorted((*own, *(one for one in every if one not in own and one.status not in told)), key=_by_status)

    def answers(self) -> tuple[Answer, ...]:
        own = self.operation
        return own.answers or (Answer(200, self.endpoint.summary, {own.media: own.answer}),)


def _by_status(fault: Fault) -> int:
    return fault.status


def is_described(endpoint: Endpoint) -> bool:
    """Whether the reference has the route: it is for programs. A page describes itself."""
    return endpoint.path.startswith(PROGRAM_PATHS)


def described(routes: Iterable[Routed]) -> list[Described]:
    """Topic by topic. Each route for programs is one of the table's, and each has a row."""
    table = {(one.method, one.path): one for one in ENDPOINTS if is_described(one)}
    asked = {(one.method, one.path): one.asked for one in routes}
    rows = [(topic, operation) for topic in TOPICS for operation in topic.operations]
    unsaid = table.keys() - {operation.key for _, operation in rows}
    assert not unsaid, f"add a row to a module of http/reference/topics: {sorted(unsaid)}"
    return [Described(table[row.key], row, asked[row.key], topic) for topic, row in rows]


def openapi(found: Sequence[Described], shapes: Shapes | None = None) -> dict[str, Any]:
    """`shapes` gets every type that bodies and answers have."""
    shapes = shapes or Shapes()
    paths: dict[str, dict[str, Any]] = {}
    for one in found:
        paths.setdefault(one.endpoint.path, {})[one.endpoint.method.lower()] = _operation(one, shapes)
    return {
        "openapi": VERSION,
        "info": {"title": "Overmind", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": topic.title, "description": topic.tells} for topic in TOPICS],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(shapes.schemas.items())),
            "securitySchemes": {SCHEME: {"type": "http", "scheme": "bearer", "description": NO_TOKEN.fix}},
        },
        "security": [{SCHEME: []}],
    }


def _operation(one: Described, shapes: Shapes) -> dict[str, Any]:
    endpoint, row = one.endpoint, one.operation
    return {
        "operationId": row.operation_id,
        "tags": [one.topic.title],
        "summary": endpoint.summary,
        "description": " ".join(filter(None, (row.tells, role_told(endpoint.role)))),
        **({"parameters": [_parameter(each) for each in one.asked]} if one.asked else {}),
        **({"requestBody": _body(row, shapes)} if row.body is not None else {}),
        "responses": dict(_responses(one, shapes)),
        **({"security": []} if endpoint.role is None else {}),
    }


def role_told(role: Role | None) -> str:
    return "Anybody may call it." if role is None else f"Role: {role.name.lower()}."


def _parameter(asked: Parameter) -> dict[str, Any]:
    return {
        "name": asked.name,
        "in": asked.place,
        "required": asked.required,
        "description": asked.meaning,
        "schema": asked.schema,
    }


def _body(row: Operation, shapes: Shapes) -> dict[str, Any]:
    media = {kind: {"schema": shapes.of(shape)} for kind, shape in row.bodies.items()}
    media[JSON]["example"] = json.loads(row.example)
    return {"required": True, "content": media}


def _responses(one: Described, shapes: Shapes) -> Iterator[tuple[str, dict[str, Any]]]:
    """By status, in order."""
    given = {answer.status: answer for answer in one.answers()}
    faults: dict[int, list[Fault]] = {}
    for fault in one.faults():
        faults.setdefault(fault.status, []).append(fault)
    for status in sorted(given.keys() | faults.keys()):
        if status in given:
            content = _content(one, given[status], shapes)
            yield str(status), {"description": given[status].meaning, **_retried(status), "content": content}
        else:
            told = " ".join(f"{_sentence(each.when)} {_sentence(each.fix)}" for each in faults[status])
            content = {JSON: {"schema": shapes.of(Error)}}
            yield str(status), {"description": told, **_retried(status), "content": content}


def _content(one: Described, answer: Answer, shapes: Shapes) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": shapes.of(shape)} for media, shape in answer.shapes.items()}
    example = example_of(one.operation)
    if answer.status < 300 and example is not None and JSON in content:
        content[JSON]["example"] = example
    return content


def _retried(status: int) -> Schema:
    if status not in RETRYING:
        return {}
    told = {"description": "Seconds to wait before it is worth trying again.", "schema": {"type": "integer"}}
    return {"headers": {"Retry-After": told | {"example": RETRY_AFTER_S}}}


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def example_of(row: Operation) -> object | None:
    """A real answer, as `python -m tests.http.reference.examples` recorded it."""
    return _examples().get(f"{row.method} {row.path}")


@cache
def _examples() -> Mapping[str, object]:
    found = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    assert isinstance(found, dict), found
    return found
