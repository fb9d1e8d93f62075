"""Small plots as SVG. They have no style of their own, which the page's policy would forbid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

SPARK_WIDTH, SPARK_HEIGHT = 140, 22
SPARK_POINTS_MAX: Final = 180
BAR_WIDTH, BAR_HEIGHT = 120, 10
LEVELS: Final = 4  # of a month's colour
LEVEL_STEPS: Final = (0.01, 0.03, 0.08)  # returns at which the next level begins


def spark(values: Sequence[float], top: float) -> Markup:
    """A curve between the lines of 0 and of `top`. Of more values than a line can show, the highest of each part."""
    values = _thinned(values)
    step = SPARK_WIDTH / max(1, len(values) - 1)
    scale = (SPARK_HEIGHT - 2) / top if top > 0 else 0.0
    places = [
        f"{number * step:.1f},{SPARK_HEIGHT - 1 - min(value, top) * scale:.1f}" for number, value in enumerate(values)
    ]
    if len(places) == 1:
        places.append(f"{SPARK_WIDTH},{places[0].partition(',')[2]}")
    return Markup(
        '<svg class="spark" width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-hidden="true">'
        '<path d="M0 1H{0}M0 {3}H{0}"/><polyline points="{2}"/></svg>'
    ).format(SPARK_WIDTH, SPARK_HEIGHT, " ".join(places), SPARK_HEIGHT - 1)


def bar(value: float, most: float) -> Markup:
    """To the right for a gain, to the left for a loss; `most` fills half of the width."""
    half = BAR_WIDTH / 2
    length = min(1.0, abs(value) / most) * half if most > 0 else 0.0
    return Markup(
        '<svg class="bar" width="{0}" height="{1}" viewBox="0 0 {0} {1}" aria-hidden="true">'
        '<rect class="{2}" x="{3:.1f}" y="1" width="{4:.1f}" height="{5}"/><path d="M{6} 0V{1}"/></svg>'
    ).format(
        BAR_WIDTH,
        BAR_HEIGHT,
        "loss" if value < 0 else "gain",
        half - length if value < 0 else half,
        length,
        BAR_HEIGHT - 2,
        half,
    )


def level(share: float) -> str:
    """The class of a month's colour."""
    steps = 1 + sum(abs(share) >= step for step in LEVEL_STEPS)
    return "" if not share else f"{'gain' if share > 0 else 'loss'}-{min(steps, LEVELS)}"


def _thinned(values: Sequence[float]) -> Sequence[float]:
    part = -(-len(values) // SPARK_POINTS_MAX)
    return values if part < 2 else [max(values[at : at + part]) for at in range(0, len(values), part)]
