"""The list of routes in docs/http-api.md, and what each of them takes and answers.

`python -m tools.routes docs/http-api.md` renews both; a test holds them equal to the code. The list is read off the
routers and the table of routes. The rest is what `/openapi.json` and the page `/reference` say too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tools.generated import renew_file_named
from tools.route_text import reference_text

from overmind.http.endpoints import ENDPOINTS

HTTP: Final = Path(__file__).parents[1] / "src" / "overmind" / "http"
METHODS: Final = ("get", "post", "put", "delete")


class HttpRoute(NamedTuple):
    path: str
    method: str
    module: str


def routes() -> list[HttpRoute]:
    return sorted(found for path in HTTP.rglob("*.py") for found in _routes_in(path))


def _routes_in(path: Path) -> Iterator[HttpRoute]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    module = path.relative_to(HTTP.parent).as_posix()
    prefix = _prefix(tree) or _prefix(ast.parse((path.parent / "__init__.py").read_text(encoding="utf-8")))
    for call in _calls(tree):
        match call.func, call.args, call.keywords:
            case ast.Attribute(ast.Name("router"), method), [ast.Constant(str(route)), *_], _ if method in METHODS:
                yield HttpRoute(prefix + route, method.upper(), module)
            case ast.Name("Route"), [ast.Name(name), _], [ast.keyword("methods", methods)]:
                for method in ast.literal_eval(methods):
                    yield HttpRoute(_constant(tree, name), method, module)
            case _:
                pass


def _prefix(tree: ast.Module) -> str:
    """Of the routers that the module makes."""
    for call in _calls(tree):
        match call.func, call.keywords:
            case ast.Name("APIRouter"), [ast.keyword("prefix", ast.Constant(str(prefix))), *_]:
                return prefix
            case _:
                pass
    return ""


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _constant(tree: ast.Module, name: str) -> str:
    for node in tree.body:
        match node:
            case ast.AnnAssign(target=ast.Name(found), value=ast.Constant(str(value))) if found == name:
                return value
            case _:
                pass
    raise LookupError(f"no constant {name}")


def routes_table() -> str:
    roles = {(one.method, one.path): one.role for one in ENDPOINTS}
    lines = ["| method | path | role | code |", "|---|---|---|---|"]
    for one in routes():
        role = roles[one.method, one.path]
        named = "anybody" if role is None else role.name.lower()
        lines.append(f"| {one.method} | `{one.path}` | {named} | `{one.module}` |")
    return "\n".join(lines)


LISTS: Final = {"routes": routes_table, "reference": reference_text}

if __name__ == "__main__":
    renew_file_named(LISTS)
