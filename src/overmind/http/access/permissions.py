"""Which role a request needs. What stands in no row of the table of routes is served to nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from overmind.core.model.value import Value
from overmind.http.endpoints import ENDPOINTS, Endpoint, Role

READING: Final = ("GET", "HEAD")  # HEAD asks for a GET without its body.


class Allowed(Value, frozen=True):
    """Who may send a request."""

    role: Role | None  # None: everybody
    of_sources: bool = False  # a token that a source has, too


class NoRoute(Value, frozen=True):
    """There is no such route."""

    methods: tuple[str, ...] = ()  # of the routes that have the path


class Permissions:
    def __init__(self, endpoints: Sequence[Endpoint] = ENDPOINTS) -> None:
        self._templates: dict[int, list[tuple[Endpoint, tuple[str | None, ...]]]] = {}  # by the number of parts
        for one in endpoints:
            parts = _parts(one.path)
            self._templates.setdefault(len(parts), []).append((one, parts))
        plain = [(one.method, one.path) for one in endpoints if "{" not in one.path]
        self._exact = {(method, path): self._of(method, path) for method, path in plain}

    def of(self, method: str, path: str) -> Allowed | NoRoute:
        """Where several routes have the path, the highest role: then the order of the routers decides nothing."""
        asked = "GET" if method in READING else method
        exact = self._exact.get((asked, path))
        return exact if exact is not None else self._of(asked, path)

    def _of(self, asked: str, path: str) -> Allowed | NoRoute:
        if not path.isprintable():  # A router may read past a line's end that this comparison sees.
            return NoRoute()
        found = [one for one, parts in self._templates.get(path.count("/"), ()) if _matches(parts, path)]
        those = [one for one in found if one.method == asked]
        if not those:
            return NoRoute(tuple(sorted({one.method for one in found})))
        role = max((one.role for one in those), key=lambda role: 0 if role is None else role)
        return Allowed(role, all(one.of_sources for one in those))


def _parts(path: str) -> tuple[str | None, ...]:
    """None: any text."""
    return tuple(None if part.startswith("{") else part for part in path.split("/")[1:])


def _matches(parts: tuple[str | None, ...], path: str) -> bool:
    asked = path.split("/")[1:]
    return all(part == given if part is not None else given for part, given in zip(parts, asked, strict=True))
