"""Generated parts of documents: what stands between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Parts = Mapping[str, Callable[[], str]]


def renewed(document: str, parts: Parts) -> str:
    """The document with every part written anew."""
    for name, part in parts.items():
        head, rest = document.split(f"<!-- {name} -->", 1)
        _, tail = rest.split(f"<!-- /{name} -->", 1)
        document = f"{head}<!-- {name} -->\n{part()}\n<!-- /{name} -->{tail}"
    return document


def renew_file_named(parts: Parts) -> None:
    """The file that the command line names."""
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8"), parts), encoding="utf-8")
