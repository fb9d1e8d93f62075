"""JSON Schema of the types that bodies and answers have, as OpenAPI 3.1 takes it (JSON Schema 2020-12).

A type has one schema. In an answer every field is there, unless its type leaves defaults out. In a body a field with a
default may be left out.
"""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NotRequired, get_args, get_origin, is_typeddict

import msgspec
from msgspec.structs import FieldInfo

from overmind.core.model.ids import DepositId, LimitName, Mint, OrderId, SignalId, WalletId
from overmind.http.reference.meanings import field_meanings, meaning_of
from overmind.text.amount import Amount

Schema = dict[str, Any]

DECIMAL: Final = r"^-?[0-9]+(\.[0-9]+)?$"
BASE58: Final = "[1-9A-HJ-NP-Za-km-z]"
ID_PATTERN: Final = "^[A-Za-z0-9_-]{1,64}$"
OWN_ID_PATTERN: Final = "^[A-Za-z0-9_:.-]{1,200}$"  # The desk's own causes have a colon.
ANY_SIZE: Final = {"type": "string", "pattern": DECIMAL}
SCALARS: Final[Mapping[object, Schema]] = {
    WalletId: {"type": "string", "pattern": ID_PATTERN},
    SignalId: {"type": "string", "pattern": OWN_ID_PATTERN},
    OrderId: {"type": "string", "pattern": OWN_ID_PATTERN},
    DepositId: {"type": "string"},
    LimitName: {"type": "string"},
    Mint: {"type": "string", "pattern": f"^{BASE58}{{32,44}}$"},
    Amount: ANY_SIZE,
    Decimal: ANY_SIZE,
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    types.NoneType: {"type": "null"},
    object: {},
    Any: {},
}
REF: Final = "#/components/schemas/"
CORE: Final = "overmind.core."  # Its values are journaled, and never the body of a request.


class Shapes:
    """The schemas of the types that were asked for, and of all types within them, by name."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self.kinds: dict[str, type] = {}

    def of(self, kind: object) -> Schema:
        """The schema of a type, or a reference to it. Raises TypeError for what JSON cannot tell."""
        if kind in SCALARS:
            return dict(SCALARS[kind])
        if isinstance(kind, type) and (issubclass(kind, msgspec.Struct | enum.Enum) or is_typeddict(kind)):
            return self._named(kind)
        return self._composed(kind, get_args(kind))

    def _composed(self, kind: object, inner: Sequence[Any]) -> Schema:
        match get_origin(kind):
            case typing.Annotated:
                return self._noted(inner[0], inner[1:])
            case typing.Literal:
                return {"enum": list(inner)}
            case types.UnionType | typing.Union:
                return self._union(inner)
            case origin if origin is tuple and Ellipsis not in inner:
                rows = [self.of(one) for one in inner]
                return {"type": "array", "prefixItems": rows, "minItems": len(rows), "maxItems": len(rows)}
            case origin if isinstance(origin, type) and issubclass(origin, Mapping):
                return {"type": "object", "additionalProperties": self.of(inner[1])}
            case origin if isinstance(origin, type) and issubclass(origin, Sequence):
                return {"type": "array", "items": self.of(inner[0])}
            case _:
                raise TypeError(f"{kind} has no schema; add it to SCALARS")

    def _noted(self, kind: object, notes: Sequence[msgspec.Meta]) -> Schema:
        """With the bounds of its notes. One that has a title is told once, under this name."""
        title = next((one.title for one in notes if one.title is not None), None)
        if title is None:
            return self.of(kind) | _bounds(notes)
        self.kinds.setdefault(title, object)
        self.schemas[title] = {"title": title, **self.of(kind), **_described(notes[0].description or "")}
        return {"$ref": REF + title}

    def _union(self, members: Sequence[Any]) -> Schema:
        found = [self.of(one) for one in members]
        if all(one.keys() == {"type"} for one in found):
            return {"type": [one["type"] for one in found]}
        if len(found) == 2 and found[1] == {"type": "null"} and isinstance(found[0].get("type"), str):
            return found[0] | {"type": [found[0]["type"], "null"]}
        tags = {_tag(one): self.of(one)["$ref"] for one in members if _tag(one)}
        mapped = {"discriminator": {"propertyName": "type", "mapping": tags}} if len(tags) == len(members) else {}
        return {"anyOf": found, **mapped}

    def _named(self, kind: type) -> Schema:
        name = kind.__name__
        assert self.kinds.setdefault(name, kind) is kind, f"two types are called {name}: rename one"
        if name not in self.schemas:
            self.schemas[name] = {}  # It may contain itself.
            self.schemas[name] = {"title": name, **_described(meaning_of(kind)), **self._written_out(kind)}
        return {"$ref": REF + name}

    def _written_out(self, kind: type) -> Schema:
        if issubclass(kind, enum.Enum):
            return {"type": "string", "enum": [one.value for one in kind]}
        return self._of_struct(kind) if issubclass(kind, msgspec.Struct) else self._of_dict(kind)

    def _of_struct(self, kind: type[msgspec.Struct]) -> Schema:
        settings, meanings, fields = kind.__struct_config__, field_meanings(kind), msgspec.structs.fields(kind)
        if settings.array_like:
            rows = [_with_meaning(self.of(one.type), one.name) for one in fields]
            return {"type": "array", "prefixItems": rows, "minItems": len([one for one in fields if one.required])}
        is_body = settings.forbid_unknown_fields and not kind.__module__.startswith(CORE)
        tagged = {settings.tag_field: {"const": settings.tag}} if settings.tag_field else {}
        may_lack = is_body or settings.omit_defaults
        return {
            "type": "object",
            "properties": {
                **tagged,
                **{one.encode_name: self._field(one, meanings, is_body) for one in fields},
            },
            "required": [*tagged, *(one.encode_name for one in fields if one.required or not may_lack)],
            **({"additionalProperties": False} if is_body else {}),
        }

    def _field(self, field: FieldInfo, meanings: Mapping[str, str], is_body: bool) -> Schema:
        default = {"default": field.default} if is_body and field.default not in (msgspec.NODEFAULT, None) else {}
        return _with_meaning(self.of(field.type), meanings.get(field.name, "")) | default

    def _of_dict(self, kind: type) -> Schema:
        """A TypedDict."""
        meanings, hints = field_meanings(kind), typing.get_type_hints(kind, include_extras=True)
        optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
        bare = {name: get_args(hint)[0] if name in optional else hint for name, hint in hints.items()}
        return {
            "type": "object",
            "properties": {name: _with_meaning(self.of(one), meanings.get(name, "")) for name, one in bare.items()},
            "required": [name for name in bare if name not in optional],
        }


def _tag(kind: object) -> str:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return str(kind.__struct_config__.tag or "")
    return ""


def _bounds(notes: Sequence[msgspec.Meta]) -> Schema:
    found: Schema = {}
    for one in notes:
        names = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
        names |= {"pattern": "pattern", "min_length": "minLength", "max_length": "maxLength"}
        found |= {told: getattr(one, name) for name, told in names.items() if getattr(one, name) is not None}
        found |= one.extra_json_schema or {}
    return found


def _with_meaning(schema: Schema, meaning: str) -> Schema:
    return {**schema, **_described(meaning)}


def _described(meaning: str) -> Schema:
    return {"description": meaning} if meaning else {}
