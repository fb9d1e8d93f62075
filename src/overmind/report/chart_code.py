"""The code that draws charts: lightweight-charts, as the installed package `litecharts` carries it.

The package is a carrier. None of its Python runs, and its file is served only if it equals the upstream release.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from overmind.core.model.value import Value

PACKAGE: Final = "litecharts"
FILE: Final = "litecharts/js/lightweight-charts.js"
NAME: Final = "lightweight-charts.js"  # under /static
SHA256: Final = "756b0ba9f58930226d6b8b9d47ad310448ab85d799ea1f7c2c02304777c10b52"  # of version 5.1.0
BYTES_MAX: Final = 1 << 20


class ChartCode(Value, frozen=True):
    body: bytes | None  # None: there are no charts
    fault: str = ""  # and why


def installed_file() -> Path | None:
    """Where the package keeps the file. Imports nothing of it. None: it is not installed."""
    try:
        return Path(str(distribution(PACKAGE).locate_file(FILE)))
    except PackageNotFoundError:
        return None


def chart_code(path: Path | None) -> ChartCode:
    """Whatever is wrong with the file turns charts off, and never the page."""
    if path is None:
        return ChartCode(None, f"there are no charts: the package {PACKAGE} is not installed")
    try:
        with path.open("rb") as file:
            body = file.read(BYTES_MAX)
    except OSError as error:
        return ChartCode(None, f"there are no charts: {path.name} cannot be read ({error.strerror})")
    if hashlib.sha256(body).hexdigest() != SHA256:
        return ChartCode(
            None, f"there are no charts: {path.name} is not the file that was checked; reinstall {PACKAGE}"
        )
    return ChartCode(body)
