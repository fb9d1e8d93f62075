"""What a type and its fields mean: its docstring, and the comment beside or above each field in the source."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile


def meaning_of(shape: type) -> str:
    """Its own docstring in one line; blank if it has none."""
    own = shape.__dict__.get("__doc__") or ""
    return _as_json(" ".join(inspect.cleandoc(own).split()))


def field_meanings(shape: type) -> Mapping[str, str]:
    """By field, those of its bases too. A field without a comment is left out."""
    found: dict[str, str] = {}
    for one in reversed(_lineage(shape)):
        found |= _of_module(one.__module__).get(one.__name__, {})
    return found


def _lineage(shape: type) -> tuple[type, ...]:
    """A TypedDict forgets its bases but in `__orig_bases__`."""
    bases = [one for one in getattr(shape, "__orig_bases__", ()) if isinstance(one, type)]
    return (*(one for one in shape.__mro__ if one.__module__ != "builtins"), *bases)


@cache
def _of_module(name: str) -> Mapping[str, Mapping[str, str]]:
    """Fields by class. Empty where the source is not at hand."""
    try:
        source = inspect.getsource(sys.modules[name])
    except (OSError, TypeError):
        return {}
    lines = source.splitlines()
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {node.name: dict(_of_fields(node, lines)) for node in classes}


def _of_fields(node: ast.ClassDef, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for field in node.body:
        match field:
            case ast.AnnAssign(target=ast.Name(name), end_lineno=int(last), end_col_offset=int(end)):
                beside = lines[last - 1].encode()[end:].decode().strip()
                if found := _text(beside) or _above(field.lineno, lines):
                    yield name, found
            case _:
                pass


def _above(line: int, lines: Sequence[str]) -> str:
    """Whole lines of comment right above."""
    whole = takewhile(lambda one: one.startswith("#"), (one.strip() for one in reversed(lines[: line - 1])))
    return " ".join(reversed([_text(one) for one in whole]))


def _text(comment: str) -> str:
    return _as_json(comment.lstrip("#: "))


def _as_json(text: str) -> str:
    """In the words of who reads JSON."""
    return re.sub(r"\bNone\b", "null", text)
