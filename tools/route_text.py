"""The reference of the HTTP API as Markdown."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from textwrap import fill
from typing import Final

from tools.bare_routes import bare_routes

from overmind.http.reference.openapi import described
from overmind.http.reference.operation import JSON
from overmind.http.reference.parameters import routed
from overmind.http.reference.told import Named, RouteTold, ShapeTold, StatusTold, told

EVERYWHERE: Final = ("401", "403", "408", "413", "421")  # told once for all routes
WIDTH: Final = 120
WORD: Final = re.compile(r"\w+")


def reference_text() -> str:
    found = told(described(routed(bare_routes())))
    shapes = [one for one in found.shapes if not one.of_journal]
    names = {one.name for one in shapes}
    parts = []
    for topic in found.topics:
        parts += [
            f"## {topic.title}",
            _wrapped(topic.tells),
            *(part for one in topic.routes for part in _route(one, names)),
        ]
    parts += [
        "## Shapes",
        _wrapped(
            "A field that is not optional is always there. The shapes of what an entry of the journal holds are in "
            "`/openapi.json` and on the page `/reference`."
        ),
        *(part for one in shapes for part in _shape(one, names)),
    ]
    return "\n\n".join(parts)


def _route(route: RouteTold, shapes: Collection[str]) -> Iterator[str]:
    yield f"### {route.method} {route.path}"
    yield _wrapped(" ".join(filter(None, (route.summary, route.tells, route.role_sentence))))
    if route.parameters:
        yield _table("parameter", "required", route.parameters, shapes)
    if route.body:
        yield _wrapped(f"The body is {_linked(route.body, shapes)}, for example:")
        yield _json(route.body_example)
    yield "\n".join(["| status | body | when |", "|---|---|---|", *_statuses(route.statuses, shapes)])
    if route.answer_example:
        yield "An answer:"
        yield _json(route.answer_example)


def _statuses(statuses: Sequence[StatusTold], shapes: Collection[str]) -> Iterator[str]:
    for one in statuses:
        if one.status not in EVERYWHERE:
            kinds = (_linked(kind, shapes) + ("" if media == JSON else f" ({media})") for media, kind in one.kinds)
            yield f"| {one.status} | {'<br>'.join(kinds)} | {_cell(one.meaning)} |"


def _shape(shape: ShapeTold, shapes: Collection[str]) -> Iterator[str]:
    yield f"### {shape.name}"
    if shape.meaning:
        yield _wrapped(shape.meaning)
    if shape.values:
        yield _wrapped(f"One of {', '.join(f'`{value}`' for value in shape.values)}.")
    elif shape.kind:
        yield _wrapped(f"{_linked(shape.kind, shapes)}.")
    else:
        yield _table("field", "optional", shape.fields, shapes)


def _table(head: str, marked: str, rows: Sequence[Named], shapes: Collection[str]) -> str:
    lines = [f"| {head} | type | meaning |", "|---|---|---|"]
    for one in rows:
        mark = f" ({marked})" if one.required == (marked == "required") else ""
        lines.append(f"| `{one.name}`{mark} | {_linked(one.kind, shapes)} | {_cell(one.meaning)} |")
    return "\n".join(lines)


def _linked(kind: str, shapes: Collection[str]) -> str:
    def link(found: re.Match[str]) -> str:
        word = found.group()
        return f"[{word}](#{word.lower()})" if word in shapes else word

    return _cell(WORD.sub(link, kind))


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _json(text: str) -> str:
    return f"```json\n{text}\n```"
