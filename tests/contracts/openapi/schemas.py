"""Jupiter's OpenAPI files, and their schemas of requests and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from openapi_schema_validator import OAS30Validator

FILES = ("jupiter-swap-v2.openapi.yaml", "jupiter-price-v3.openapi.yaml")


@cache
def paths() -> dict[str, Any]:
    """The paths of both files as a client uses them, with every reference resolved."""
    found: dict[str, Any] = {}
    for file in FILES:
        whole = yaml.safe_load((Path(__file__).parent / file).read_text())
        prefix = whole["servers"][0]["url"].removeprefix("https://api.jup.ag")
        found |= {prefix + path: _resolved(content, whole) for path, content in whole["paths"].items()}
    return found


def _resolved(part: Any, whole: Any) -> Any:
    """No schema contains itself, so every reference can be replaced by its target."""
    if isinstance(part, dict):
        if "$ref" in part:
            target = whole
            for name in part["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            return _resolved(target, whole)
        return {name: _resolved(inner, whole) for name, inner in part.items()}
    return [_resolved(inner, whole) for inner in part] if isinstance(part, list) else part


def answer_schema(method: str, path: str, status: int) -> dict[str, Any]:
    schema = paths()[path][method]["responses"][str(status)]["content"]["application/json"]["schema"]
    assert isinstance(schema, dict)
    return schema


def answer_faults(method: str, path: str, status: int, body: object) -> list[str]:
    """Where an answer violates its schema."""
    return _faults(answer_schema(method, path, status), body)


def body_faults(path: str, body: object) -> list[str]:
    schema = paths()[path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return [*_faults(schema, body), *undocumented(schema, body)]


def query_faults(path: str, query: Mapping[str, str]) -> list[str]:
    """Missing, unknown or wrongly typed parameters of a query string."""
    declared = {one["name"]: one for one in paths()[path]["get"]["parameters"]}
    faults = [f"{name}: missing" for name, one in declared.items() if one.get("required") and name not in query]
    for name, text in query.items():
        if name not in declared:
            faults.append(f"{name}: not declared")
        elif all(_faults(declared[name]["schema"], reading) for reading in _readings(text)):
            faults.append(f"{name}: {text!r} is of the wrong type")
    return faults


def _readings(text: str) -> Iterator[object]:
    """A query string contains only text; the schema decides its type."""
    yield text
    if text.lstrip("-").isdigit():
        yield int(text)
    if text in ("true", "false"):
        yield text == "true"


def _faults(schema: dict[str, Any], body: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in OAS30Validator(schema).iter_errors(body)]


def undocumented(schema: dict[str, Any], body: object, where: str = "$") -> list[str]:
    """Fields that the schema does not name. They are allowed, but a misspelt field looks the same."""
    if "allOf" in schema:
        return undocumented(schema["allOf"][0], body, where)
    if isinstance(body, list):
        return [fault for one in body for fault in undocumented(schema["items"], one, f"{where}[]")]
    if not isinstance(body, dict):
        return []
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    faults = []
    for name, inner in body.items():
        if name in known:
            faults += undocumented(known[name], inner, f"{where}.{name}")
        elif isinstance(others, dict):
            faults += undocumented(others, inner, f"{where}.{name}")
        else:
            faults.append(f"{where}.{name}: not documented")
    return faults
