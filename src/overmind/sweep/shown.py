"""How a sweep's figures and settings are written for people."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from typing import Final

from overmind.report.formats import NONE, percent, ratio, signed_percent, signed_usd
from overmind.sweep.told import Cell, Heat, Settings

SIGNED_SHARES: Final = ("total_return", "yearly_return")
SHARES: Final = ("drawdown", "win_rate")
DOLLARS: Final = ("gain_usd", "expectancy_usd")
SHADES: Final = 4


def figure(name: str, value: float | None) -> str:
    if value is None:
        return NONE
    if name in SIGNED_SHARES:
        return signed_percent(value)
    if name in SHARES:
        return percent(value)
    return signed_usd(value) if name in DOLLARS else ratio(value)


def title(name: str) -> str:
    return name.removesuffix("_usd").replace("_", " ")


def settings_text(settings: Settings | Mapping[str, str]) -> str:
    return ", ".join(f"{short(name)} {value}" for name, value in settings.items())


def short(name: str) -> str:
    """Without the prefix that all variables have."""
    return name.removeprefix("OVERMIND_")


def span_of(heat: Heat) -> tuple[float, float]:
    """The lowest and the highest value of a map."""
    known = [cell.value for line in heat.cells for cell in line if cell.value is not None]
    return min(known, default=0.0), max(known, default=0.0)


def shade(cell: Cell, span: tuple[float, float]) -> int:
    """From 0 for the lowest of its map to `SHADES` for the highest."""
    low, high = span
    if cell.value is None or high <= low:
        return 0
    return min(SHADES, floor((cell.value - low) / (high - low) * (SHADES + 1)))
