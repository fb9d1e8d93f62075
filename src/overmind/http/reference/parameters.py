"""The parameters of a route: those of its path, and what its signature asks of the query and the headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from overmind.core.model.enums import StrategyType
from overmind.core.model.value import Value
from overmind.http.reference.schemas import ID_PATTERN, Schema
from overmind.http.responses import PROGRAM_PATHS

# What stands in a path is longer than its form only by mistake, and is answered with 404 or 409.
IN_PATH: Final[Mapping[str, tuple[Schema, str]]] = {
    "wallet_id": ({"type": "string", "pattern": ID_PATTERN, "examples": ["primary_wallet"]}, "A wallet of the desk."),
    "token": ({"type": "string", "minLength": 1, "examples": ["SOL"]}, "A token: its symbol in any case, or its mint."),
    "signal_id": ({"type": "string", "minLength": 1, "examples": ["a1"]}, "The id that the sender chose."),
    "order_id": ({"type": "string", "minLength": 1, "examples": ["a1.0.0"]}, "An order: `{signal}.{part}.{n}`."),
    "move_id": ({"type": "string", "minLength": 1, "examples": ["move:withdraw:rent-may"]}, "A move of capital."),
    "strategy": (
        {"type": "string", "minLength": 1, "examples": [StrategyType.MOMENTUM_TRADING.value]},
        "A strategy, by its name or a short name of it.",
    ),
    "name": ({"type": "string", "minLength": 1, "examples": ["ann"]}, "The name of a user, a token or a source."),
    "source": ({"type": "string", "minLength": 1, "examples": ["chart"]}, "The name of a source of webhooks."),
    "secret": ({"type": "string", "minLength": 1}, "The secret of the source, which nobody shows or logs."),
    "verb": ({"type": "string", "enum": ["pause", "resume"]}, "What to do."),
}
BOUNDS: Final = {"ge": "minimum", "le": "maximum"}
NAMES: Final = re.compile(r"{(\w+)}")


class Parameter(Value, frozen=True):
    name: str
    place: str  # path, query or header
    required: bool
    schema: dict[str, Any]
    meaning: str


class Routed(Value, frozen=True):
    """A route as the framework has it."""

    method: str
    path: str
    asked: tuple[Parameter, ...]


def routed(routes: Iterable[BaseRoute]) -> list[Routed]:
    """Every route for programs of these, the included ones too. A page describes itself."""
    found = []
    for one in iter_route_contexts([*routes]):
        if one.path is None or not one.path.startswith(PROGRAM_PATHS):
            continue
        for method in sorted((one.methods or set()) - {"HEAD"}):
            found.append(Routed(method, one.path, (*path_parameters(one.path), *_asked(one.original_route))))
    return found


def path_parameters(path: str) -> tuple[Parameter, ...]:
    names = NAMES.findall(path)
    unsaid = [name for name in names if name not in IN_PATH]
    assert not unsaid, f"{path}: say in IN_PATH what {', '.join(unsaid)} is"
    return tuple(Parameter(name, "path", True, *IN_PATH[name]) for name in names)


def _asked(route: BaseRoute) -> tuple[Parameter, ...]:
    return tuple(_of_signature(route.dependant)) if isinstance(route, APIRoute) else ()


def _of_signature(asked: Dependant) -> Iterator[Parameter]:
    for place, fields in (("query", asked.query_params), ("header", asked.header_params)):
        for field in fields:
            described, required = field.field_info, field.field_info.is_required()
            kind: Any = Annotated[described.annotation, described]
            schema = _plain(TypeAdapter(kind).json_schema())
            meaning = str(schema.pop("description", ""))
            default = {} if required or described.default is None else {"default": described.default}
            yield Parameter(field.alias, place, required, schema | default, meaning)
    for inner in asked.dependencies:
        yield from _of_signature(inner)


def _plain(schema: Schema) -> Schema:
    """Without null, which no query can say, and with the bounds of a number that is read before pydantic sees it."""
    kinds = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    whole: Schema = schema | (kinds[0] if kinds else {})
    del whole["default"]
    return {BOUNDS.get(name, name): value for name, value in whole.items()}
