"""The learner: its mode, losses, forecasts, and what it believes beyond the configuration, as pictures of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from overmind.core.books.state import State
from overmind.core.model.units import PPM
from overmind.core.model.value import Value
from overmind.views.learner import LearnerRow, learner
from overmind.views.learning.beliefs import Believed, believed

BELIEFS_MAX: Final = 60
WIDTH: Final = 100.0  # of a picture; what the configuration says is in its middle


class BeliefBar(Value, frozen=True):
    row: Believed
    start: float  # of the interval, from 0 to 100
    length: float
    mean: float


class ScorePoint(Value, frozen=True):
    """The mean Brier scores of some outcomes."""

    outcomes: int
    learned: float
    configured: float


class LearnerScreen(Value, frozen=True):
    stands: LearnerRow
    beliefs: tuple[BeliefBar, ...]
    left_out: int  # beliefs that are not shown
    points: tuple[ScorePoint, ...]  # oldest first
    learned_line: str  # points of an SVG polyline, 100 wide and 100 high
    configured_line: str


def learner_screen(state: State) -> LearnerScreen:
    rows = sorted(believed(state), key=lambda row: not row.differs)  # What differs comes first.
    points = tuple(
        ScorePoint(block.outcomes, block.learned / block.outcomes / PPM, block.nominal / block.outcomes / PPM)
        for block in state.standing.blocks
        if block.outcomes
    )
    highest = max((max(one.learned, one.configured) for one in points), default=0.0)
    return LearnerScreen(
        stands=learner(state),
        beliefs=tuple(_bars(rows[:BELIEFS_MAX])),
        left_out=max(0, len(rows) - BELIEFS_MAX),
        points=points,
        learned_line=_line([one.learned for one in points], highest),
        configured_line=_line([one.configured for one in points], highest),
    )


def _bars(rows: Sequence[Believed]) -> Iterator[BeliefBar]:
    """Intervals of one unit have one scale."""
    reach: dict[str, float] = {}
    for row in rows:
        reach[row.unit] = max(reach.get(row.unit, 0.0), abs(row.low), abs(row.high))
    for row in rows:
        start, end, mean = (_place(value, reach[row.unit]) for value in (row.low, row.high, row.mean))
        yield BeliefBar(row, start, end - start, mean)


def _place(value: float, reach: float) -> float:
    return WIDTH / 2 * (1.0 + value / reach) if reach else WIDTH / 2


def _line(values: Sequence[float], highest: float) -> str:
    step = WIDTH / max(1, len(values) - 1)
    heights = ((1.0 - value / highest) * WIDTH if highest else WIDTH for value in values)
    return " ".join(f"{number * step:.1f},{height:.1f}" for number, height in enumerate(heights))
