"""Small plots of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LEVELS: Final = "▁▂▃▄▅▆▇█"
PARTS: Final = " ▏▎▍▌▋▊▉█"
SPARK_WIDTH: Final = 60
BAR_WIDTH: Final = 16


def sparkline(values: Sequence[float], width: int = SPARK_WIDTH) -> str:
    """A character for each value, from the lowest to the highest; of many values, for the last of each part."""
    shown = values if len(values) <= width else [values[(part + 1) * len(values) // width - 1] for part in range(width)]
    low, high = min(shown, default=0.0), max(shown, default=0.0)
    if low == high:
        return LEVELS[0] * len(shown)
    return "".join(LEVELS[min(len(LEVELS) - 1, round((one - low) / (high - low) * (len(LEVELS) - 1)))] for one in shown)


def bar(value: float, most: float, width: int = BAR_WIDTH) -> str:
    """As long as its share of `most`. A loss begins with a minus."""
    if not value or most <= 0:
        return ""
    eighths = max(1, round(min(1.0, abs(value) / most) * width * (len(PARTS) - 1)))
    whole, part = divmod(eighths, len(PARTS) - 1)
    return f"{'-' if value < 0 else '+'}{PARTS[-1] * whole}{PARTS[part].strip()}"
