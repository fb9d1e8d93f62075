"""Compares an answer of the service with the description that it serves: the status, the media type and the shape."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from tools.bare_routes import bare_routes

from overmind.http.bounds import NDJSON
from overmind.http.reference.openapi import described, openapi
from overmind.http.reference.parameters import routed
from overmind.http.reference.schemas import REF

Schema = Mapping[str, Any]

KINDS: Final = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


@cache
def description() -> dict[str, Any]:
    return openapi(described(routed(bare_routes())))


def answer_faults(method: str, path: str, status: int, media: str, text: str) -> list[str]:
    """How an answer breaks its description. None where the description has no such route."""
    operation = operation_of(method, path)
    if operation is None:
        return []
    declared = operation["responses"].get(str(status))
    if declared is None:
        return [f"the status {status} is not declared"]
    schema = declared["content"].get(media.partition(";")[0])
    if schema is None:
        return [f"{media} is not declared for {status}"]
    if media.startswith(NDJSON):
        return [fault for line in text.splitlines() for fault in faults(schema["schema"], json.loads(line))]
    return list(faults(schema["schema"], json.loads(text))) if media.startswith("application/json") else []


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """A fixed path wins over a template, as in the routers."""
    plain = path.partition("?")[0]
    templates = sorted(description()["paths"], key=lambda one: one.count("{"))
    found = next((one for one in templates if _pattern(one).fullmatch(plain)), None)
    methods = {} if found is None else description()["paths"][found]
    one: dict[str, Any] | None = methods.get(method.lower())
    return one


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", template))


def faults(schema: Schema, value: object, where: str = "$") -> Iterator[str]:
    """Stricter than JSON Schema: a field that the schema does not name is a fault too."""
    if "$ref" in schema:
        yield from faults(description()["components"]["schemas"][schema["$ref"].removeprefix(REF)], value, where)
    elif "anyOf" in schema:
        yield from _of_any(schema, value, where)
    else:
        yield from _of_kind(schema, value, where)


def _of_any(schema: Schema, value: object, where: str) -> Iterator[str]:
    tags = schema.get("discriminator", {}).get("mapping", {})
    if tags and isinstance(value, dict) and value.get("type") in tags:
        yield from faults({"$ref": tags[value["type"]]}, value, where)
        return
    found = [list(faults(one, value, where)) for one in schema["anyOf"]]
    if all(found):
        yield from min(found, key=len)


def _of_kind(schema: Schema, value: object, where: str) -> Iterator[str]:
    kinds = schema.get("type", list(KINDS))
    allowed = [KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    fits = any(isinstance(value, one) and (not isinstance(value, bool) or bool in one) for one in allowed)
    if not fits:
        yield f"{where}: {value!r} is no {kinds}"
    elif "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is none of {schema['enum']}"
    elif isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    elif isinstance(value, list):
        yield from _of_list(schema, value, where)
    elif isinstance(value, dict):
        yield from _of_object(schema, value, where)


def _of_list(schema: Schema, value: list[object], where: str) -> Iterator[str]:
    columns = schema.get("prefixItems", [])
    if len(value) < schema.get("minItems", 0):
        yield f"{where}: {len(value)} items are too few"
    for place, one in enumerate(value):
        if place < len(columns):
            yield from faults(columns[place], one, f"{where}[{place}]")
        elif "items" in schema:
            yield from faults(schema["items"], one, f"{where}[]")


def _of_object(schema: Schema, value: dict[str, object], where: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{where}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    for name, one in value.items():
        if name in known:
            yield from faults(known[name], one, f"{where}.{name}")
        elif isinstance(others, dict):
            yield from faults(others, one, f"{where}.{name}")
        elif known:
            yield f"{where}.{name}: not described"
