"""The map of the rooms in docs/architecture.md, written from the import contracts and the rooms' own first lines.

`python -m tools.layers docs/architecture.md` renews it; a test holds file and contracts equal.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src"
# The name of the map in the document, and the package whose layers it lists.
MAPS: Final = {"rooms": "overmind", "core": "overmind.core"}


def layers_of(package: str) -> list[list[str]]:
    """The rooms of a package from the top, as the import contract has them; rooms of one layer stand together."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts: list[dict[str, Any]] = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one.get("containers") == [package])
    return [[room.strip() for room in layer.split("|")] for layer in layers]


def summary_of(module: str) -> str:
    """The first paragraph of a module's docstring, on one line."""
    path = SOURCE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    assert text, f"{file} does not say what it is"
    return " ".join(text.split("\n\n", 1)[0].split())


def map_of(package: str) -> str:
    lines = ["| layer | room | what it is |", "|---|---|---|"]
    for number, rooms in enumerate(layers_of(package), start=1):
        lines += (f"| {number} | `{room}` | {summary_of(f'{package}.{room}')} |" for room in rooms)
    return "\n".join(lines)


def renewed(document: str) -> str:
    """The document with every map between `<!-- name -->` and `<!-- /name -->` written anew."""
    for name, package in MAPS.items():
        head, rest = document.split(f"<!-- {name} -->", 1)
        _, tail = rest.split(f"<!-- /{name} -->", 1)
        document = f"{head}<!-- {name} -->\n{map_of(package)}\n<!-- /{name} -->{tail}"
    return document


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")
