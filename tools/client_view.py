"""The description of the API as generated clients get it: what a program that sends and reads JSON has to know.

Two rules make it narrower than `/openapi.json`. What may be sent as a number or as a string is sent as a string, which
keeps every digit. What has several shapes, such as an entry of the journal, is plain JSON: there will be new ones, and
the client of today must read them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from overmind.http.reference.schemas import REF

Schema = dict[str, Any]

CLASS: Final = "Desk"  # All methods of a client stand in one class: DeskApi.
JSON: Final = "application/json"
SIGNALS: Final = "/v1/signals"
ERROR: Final = "DeskError"
ERROR_SHAPE: Final[Mapping[str, Any]] = {
    "title": ERROR,
    "description": "Why a request failed, and what would be right. A field that does not apply is left out.",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "what is wrong"},
        "fix": {"type": "string", "description": "what would be right"},
        "signal_id": {"type": ["string", "null"], "description": "the signal that it is about"},
        "status": {"type": "string", "description": "what became of that signal: invalid, busy, failed or stopping"},
        "problems": {
            "type": "array",
            "items": {"$ref": f"{REF}ProblemRow"},
            "description": "everything that is wrong with that signal",
        },
    },
}
LEFT_OUT: Final = (
    "/openapi.json",  # a client has been made from it
    "/v1/hooks/tradingview/{source}/{secret}",  # what other programs send
    "/v1/hooks/freqtrade/{source}/{secret}",
)
LARGE: Final = ("_ns", "updated_at", "units")  # ends of names
NANOSECONDS: Final = "nanoseconds"
TEXT_KINDS: Final = ("string", "null")


def client_view(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document`: the description that the service gives."""
    paths = {path: _methods(path, methods) for path, methods in document["paths"].items() if path not in LEFT_OUT}
    described = {**document["components"]["schemas"], ERROR: ERROR_SHAPE}
    schemas = _with_open_enumerations({name: _plain(schema) for name, schema in described.items()})
    used = _reached(paths, schemas)
    kept = {name: schema for name, schema in schemas.items() if name in used}
    return {
        **document,
        "tags": [{"name": CLASS}],
        "paths": paths,
        "components": {**document["components"], "schemas": kept},
    }


def without_large_numbers(view: Mapping[str, Any]) -> dict[str, Any]:
    """For JavaScript, whose numbers are exact up to 2^53. The generator has no type for a larger one, a bigint."""
    schemas = {name: _of_any_size(schema) for name, schema in view["components"]["schemas"].items()}
    return {**view, "components": {**view["components"], "schemas": schemas}}


def _of_any_size(schema: Schema) -> Schema:
    if "properties" not in schema:
        return schema
    fields = {name: _unsized(name, field) for name, field in schema["properties"].items()}
    return {**schema, "properties": fields}


def _unsized(name: str, field: Schema) -> Schema:
    told = field.get("description", "")
    is_whole = "integer" in (kind if isinstance(kind := field.get("type"), list) else [kind])
    if not is_whole or not (name.endswith(LARGE) or NANOSECONDS in told):
        return field
    return {"description": "; ".join(filter(None, (told, "a number, or a bigint past 2^53")))}


def _methods(path: str, methods: Mapping[str, Any]) -> dict[str, Any]:
    return {method: _operation(path, operation) for method, operation in methods.items()}


def _operation(path: str, operation: Mapping[str, Any]) -> Schema:
    """Bodies and answers as JSON alone. Signals are sent one by one: each then has an answer or an error of its own."""
    found: Schema = _plain({**operation, "tags": [CLASS]})
    if "requestBody" in found:
        found["requestBody"] = {"required": True, "content": _one(found["requestBody"]["content"])}
    found["responses"] = {status: _answer(status, answer) for status, answer in found["responses"].items()}
    return found | {"operationId": "submit_signal"} if path == SIGNALS else found


def _answer(status: str, answer: Mapping[str, Any]) -> Schema:
    """Every error has one shape, because a program may get any of them from any route."""
    is_error = status >= "400" and JSON in answer["content"]
    content = {JSON: {"schema": {"$ref": REF + ERROR}}} if is_error else _one(answer["content"])
    return {**answer, "content": content}


def _one(content: Mapping[str, Any]) -> Schema:
    """One media type, and of an object or a list of such objects the object."""
    media = JSON if JSON in content else next(iter(content))
    schema = content[media]["schema"]
    members = [one for one in schema.get("anyOf", ()) if "$ref" in one]
    return {media: {"schema": members[0] if members else schema}}


def _plain(part: Any) -> Any:
    """Without what has several shapes, but where that is a question of a body or an answer as a whole: see `_one`."""
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    if "properties" in part:
        of = _of_body if part.get("additionalProperties") is False else _of_answer
        return {**part, "properties": {name: of(_plain(field)) for name, field in part["properties"].items()}}
    return {name: value if name in ("example", "examples") else _plain(value) for name, value in part.items()}


def _of_body(field: Schema) -> Schema:
    """What is sent: as a string, where a number would lose digits."""
    members = _members(field)
    kinds = [one.get("type") for one in members]
    if "string" in kinds and "number" in kinds:
        text = next(one for one in members if one.get("type") == "string")
        return {**text, "type": [*TEXT_KINDS], **_told(field)}
    if "string" in kinds and "integer" in kinds:
        whole = next(one for one in members if one.get("type") == "integer")
        return {**whole, "type": ["integer", "null"], **_told(field)}
    return field


def _of_answer(field: Schema) -> Schema:
    """What is read: as it comes. A client judges neither a text nor which one of several shapes it is."""
    members = _members(field)
    if not members:
        return {name: value for name, value in field.items() if name != "pattern"}
    if len([one for one in members if "$ref" in one]) == 1 and {one.get("type") for one in members} == {None, "null"}:
        return field
    return _told(field)


def _members(field: Schema) -> list[Schema]:
    """The shapes that a field may have; none: it has one, or that and null."""
    kinds = field.get("type")
    if isinstance(kinds, list) and len({*kinds} - {"null"}) > 1:
        return [{"type": one} for one in kinds]
    members: list[Schema] = field.get("anyOf", [])
    return members


def _told(field: Schema) -> Schema:
    return {"description": field["description"]} if "description" in field else {}


def _with_open_enumerations(schemas: Mapping[str, Schema]) -> dict[str, Schema]:
    """An answer may have a value of tomorrow. In a body only the values of today are right."""
    listed = {name: one["enum"] for name, one in schemas.items() if "enum" in one}

    def opened(part: Any) -> Any:
        if isinstance(part, list):
            return [opened(one) for one in part]
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix(REF)
        if name in listed:
            told = part.get("description", f"such as {listed[name][0]}")
            return {"type": "string", "description": told}
        return {key: opened(one) for key, one in part.items()}

    bodies = {name for name, one in schemas.items() if one.get("additionalProperties") is False}
    return {name: one if name in bodies else opened(one) for name, one in schemas.items()}


def _reached(part: object, schemas: Mapping[str, Schema]) -> set[str]:
    """The names of the schemas that are used here, or by one of these."""
    found = set[str]()
    waiting = list(_references(part))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(schemas[name])
    return found


def _references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(reference := part.get("$ref"), str):
            yield reference.removeprefix(REF)
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)
