"""The templates of the page, compiled when the first page is asked for, in a thread of their own.

It takes a quarter of a second: too long for every start of a service, and far too long for its event loop.
"""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from overmind.http.endpoints import Role
from overmind.http.pages.formats import FILTERS
from overmind.http.pages.navigation import NAVIGATION
from overmind.http.pages.record_formats import FILTERS as RECORD_FILTERS
from overmind.journal.aside import Aside
from overmind.text.printable import printable

TEMPLATES: Final = Path(__file__).parent / "templates"
THEMES: Final = ("auto", "light", "dark")


class Templates:
    def __init__(self) -> None:
        self._thread = Aside("templates")
        self._compiling: asyncio.Task[Environment] | None = None

    def close(self) -> None:
        self._thread.shutdown()

    async def get(self, name: str) -> Template:
        if self._compiling is None:  # All who come meanwhile wait for the same.
            self._compiling = asyncio.ensure_future(self._thread.run(compiled))
        return (await asyncio.shield(self._compiling)).get_template(name)


@cache
def compiled() -> Environment:
    """With every template: none is read or compiled later."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {"navigation": NAVIGATION, "Role": Role, "themes": THEMES}
    environment.filters |= FILTERS | RECORD_FILTERS
    for name in environment.list_templates():
        environment.get_template(name)
    return environment


def _shown(value: object) -> object:
    """No text from outside moves the cursor of whoever reads the page's source, or turns letters around."""
    return printable(value) if type(value) is str else value
