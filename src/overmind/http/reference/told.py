"""The description as people read it, for the page and for the document: tables of names, types and meanings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from overmind.core.model.value import Value
from overmind.http.reference.openapi import Described, openapi, role_told
from overmind.http.reference.schemas import CORE, DECIMAL, REF, Schema, Shapes
from overmind.http.reference.topics import TOPICS

ANYBODY: Final = "anybody"
ENTRY: Final = "Entry"
EXAMPLE_CHARS_MAX: Final = 2_400
LONG_ENUM: Final = 16


class Named(Value, frozen=True):
    """A parameter or a field."""

    name: str
    kind: str
    required: bool
    meaning: str


class StatusTold(Value, frozen=True):
    status: str
    meaning: str
    kinds: tuple[tuple[str, str], ...]  # media type and type of the body


class RouteTold(Value, frozen=True):
    method: str
    path: str
    anchor: str
    role: str
    role_sentence: str
    summary: str
    tells: str
    parameters: tuple[Named, ...]
    body: str  # its type; blank: it takes none
    body_example: str
    statuses: tuple[StatusTold, ...]
    answer_example: str


class TopicTold(Value, frozen=True):
    title: str
    tells: str
    routes: tuple[RouteTold, ...]


class ShapeTold(Value, frozen=True):
    name: str
    meaning: str
    fields: tuple[Named, ...]
    values: tuple[str, ...]  # of an enumeration
    kind: str  # of a choice between shapes, else blank
    of_journal: bool  # a value of the journal's entries


class Told(Value, frozen=True):
    about: str
    topics: tuple[TopicTold, ...]
    shapes: tuple[ShapeTold, ...]


def told(found: Sequence[Described]) -> Told:
    shapes = Shapes()
    document = openapi(found, shapes)
    routes = {one.operation.key: _route(one, document) for one in found}
    return Told(
        document["info"]["description"],
        tuple(
            TopicTold(topic.title, topic.tells, tuple(routes[row.key] for row in topic.operations)) for topic in TOPICS
        ),
        tuple(_shape(name, schema, shapes.kinds[name]) for name, schema in sorted(shapes.schemas.items())),
    )


def _route(one: Described, document: Mapping[str, Any]) -> RouteTold:
    endpoint, row = one.endpoint, one.operation
    operation = document["paths"][endpoint.path][endpoint.method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    answers = [_example(answer.get("content", {})) for answer in operation["responses"].values()]
    return RouteTold(
        method=endpoint.method,
        path=endpoint.path,
        anchor=operation["operationId"],
        role=ANYBODY if endpoint.role is None else endpoint.role.name.lower(),
        role_sentence=role_told(endpoint.role),
        summary=endpoint.summary,
        tells=row.tells,
        parameters=tuple(
            Named(each.name, kind_told(each.schema), each.required, f"{each.meaning}{_default(each.schema)}")
            for each in one.asked
        ),
        body=", or ".join(_by_media(content)),
        body_example=_example(content),
        statuses=tuple(_status(status, answer) for status, answer in operation["responses"].items()),
        answer_example=next(filter(None, answers), ""),
    )


def _status(status: str, answer: Mapping[str, Any]) -> StatusTold:
    kinds = tuple((media, kind_told(one["schema"])) for media, one in answer["content"].items())
    return StatusTold(status, answer["description"], kinds)


def _by_media(content: Mapping[str, Any]) -> Iterator[str]:
    for media, one in content.items():
        kind = kind_told(one["schema"])
        yield kind if media.endswith("/json") else f"lines of {kind} ({media})"


def _example(content: Mapping[str, Any]) -> str:
    found = next((one["example"] for one in content.values() if "example" in one), None)
    if found is None:
        return ""
    text = json.dumps(found, indent=2, ensure_ascii=False)
    return text if len(text) <= EXAMPLE_CHARS_MAX else text[: text.rindex("\n", 0, EXAMPLE_CHARS_MAX)] + "\n  …"


def _default(schema: Schema) -> str:
    return f" Default: {json.dumps(schema['default'])}." if "default" in schema else ""


def _shape(name: str, schema: Schema, kind: type) -> ShapeTold:
    required = schema.get("required", ())
    fields = tuple(
        Named(each, kind_told(of), each in required, of.get("description", "") + _default(of))
        for each, of in schema.get("properties", {}).items()
    )
    of_journal = kind.__module__.startswith(CORE) and "enum" not in schema and name != ENTRY
    chosen = kind_told(schema) if "anyOf" in schema else ""
    return ShapeTold(name, schema.get("description", ""), fields, tuple(schema.get("enum", ())), chosen, of_journal)


def kind_told(schema: Schema) -> str:
    """A type in a few words."""
    match schema:
        case {"$ref": str(ref)}:
            return ref.removeprefix(REF)
        case {"anyOf": list(members)}:
            return " or ".join(dict.fromkeys(map(kind_told, members)))
        case {"const": value}:
            return json.dumps(value)
        case {"enum": list(values)} if len(values) <= LONG_ENUM:
            return " or ".join(json.dumps(one) for one in values)
        case {"type": "array", "items": of}:
            return f"list of {kind_told(of)}"
        case {"type": "array"}:
            return "list"
        case {"type": "object", "additionalProperties": dict(of)}:
            return f"map to {kind_told(of)}"
        case {"type": list(kinds)}:
            return " or ".join(kind_told({**schema, "type": one}) for one in kinds)
        case {"type": "string", "pattern": pattern} if pattern == DECIMAL:
            return "decimal string"
        case {"type": str(kind)}:
            return f"{kind}{_bounds_told(schema)}"
        case _:
            return "anything"


def _bounds_told(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None and schema.get("type") in ("integer", "number"):
        return f" {low:,} to {high:,}" if high < 2**63 - 1 else f" from {low:,}"
    return " above 0" if schema.get("exclusiveMinimum") == 0 and schema.get("type") == "number" else ""
