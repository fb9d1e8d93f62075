"""The endurance run in short: half an hour a day of a busy desk, with every accident of the month."""

from __future__ import annotations

import itertools

import pytest
from bench.endurance import lived, summed_up
from bench.month import Plan

GROWTH_MAX_MB = 20.0


@pytest.mark.soak
def test_a_busy_desk_stays_the_same_from_day_to_day() -> None:
    plan = Plan(days=6, day_s=1_800.0, signals=600, restart_every=3, upgrade_after=2, wrong_day=3, full_day=5)
    days = lived(plan)
    assert [day.day for day in days] == [1, 2, 3, 4, 5, 6]
    assert all(day.placed > day.refused for day in days), "a desk that refuses proves little"
    assert [day.untaken > 0 for day in days] == [False, False, False, False, True, False]
    assert days[-1].rss_mb - days[1].rss_mb <= GROWTH_MAX_MB
    growths = [after.journal_mb - before.journal_mb for before, after in itertools.pairwise(days[1:])]
    assert max(growths) <= 6.0, "a day of 600 signals takes what a day takes"
    turns = next(one for one in summed_up(days) if "turn" in one.name)
    assert turns.reached, f"{turns.value} ms"
