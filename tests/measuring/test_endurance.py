"""The endurance run in short: two hours of a busy desk, with a restart and a clock that is set wrong for a while."""

from __future__ import annotations

import itertools

import pytest
from bench.endurance import Plan, lived, summed_up

GROWTH_MAX_MB = 20.0


@pytest.mark.soak
def test_a_busy_desk_stays_the_same_from_day_to_day() -> None:
    days = lived(Plan(days=4, day_s=1_800.0, signals=600, restart_every=2))
    assert [day.day for day in days] == [1, 2, 3, 4]
    assert all(day.placed > day.refused for day in days), "a desk that refuses proves little"
    assert days[-1].rss_mb - days[1].rss_mb <= GROWTH_MAX_MB
    growths = [after.journal_mb - before.journal_mb for before, after in itertools.pairwise(days)]
    assert max(growths) <= 3.0, "a day of 600 signals takes what a day takes"
    turns = next(one for one in summed_up(days) if "turn" in one.name)
    assert turns.reached, f"{turns.value} ms"
