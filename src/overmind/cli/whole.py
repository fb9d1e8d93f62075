"""Options that take a whole number, read as every other number from outside."""

from __future__ import annotations

from typing import Any

import typer

from overmind.core.model.numbers import BadNumber, whole


def whole_option(flag: str, low: int, high: int, meaning: str) -> Any:
    """An option for `Annotated[int, …]`. Typer itself would also read 1_0 and digits of any script."""

    def read(text: str) -> int:
        found = whole(text, low, high)
        if isinstance(found, BadNumber):
            raise typer.BadParameter(f"{found.problem}: {found.fix}")
        return found

    return typer.Option(flag, parser=read, metavar="INTEGER", help=meaning)
