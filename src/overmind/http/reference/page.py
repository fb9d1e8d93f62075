"""The reference as a page, written once from the same data as OpenAPI."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from overmind.http.reference.told import Told

TEMPLATES: Final = Path(__file__).parent / "templates"
TICK: Final = "`"
WORDS: Final = re.compile(r"(\w+)")


def page(told: Told, asset: Callable[[str], str]) -> str:
    """`asset` gives the address of a file of the operator's page."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["coded"] = coded
    environment.filters["breaking"] = breaking
    shapes = {one.name for one in told.shapes}
    environment.filters["linked"] = lambda kind: linked(kind, shapes)
    return environment.get_template("reference.html").render(told=told, asset=asset)


def coded(text: str) -> Markup:
    """Every second part between backticks is code."""
    parts = text.split(TICK)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def linked(kind: str, shapes: set[str]) -> Markup:
    """A type whose shapes lead to where they are told."""
    link = Markup('<a href="#{0}">{0}</a>')
    return Markup("").join(link.format(word) if word in shapes else escape(word) for word in WORDS.split(kind))


def breaking(path: str) -> Markup:
    """A path that may be broken before each of its slashes."""
    return Markup("<wbr>/").join(path.split("/"))
