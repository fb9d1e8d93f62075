"""The map of the rooms in docs/architecture.md, written from the import contracts and the rooms' own first lines.

`python -m tools.layers docs/architecture.md` renews it; a test holds file and contracts equal.
"""

from __future__ import annotations

import ast
import tomllib
from functools import partial
from pathlib import Path
from typing import Any, Final

from tools.generated import renew_file_named

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src"


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


MAPS: Final = {"rooms": partial(map_of, "overmind"), "core": partial(map_of, "overmind.core")}

if __name__ == "__main__":
    renew_file_named(MAPS)
