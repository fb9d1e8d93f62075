"""Runs a virtual month of a busy paper desk: the real app on real files, and only the clock is virtual.

Each day has as many trades as the desk's limits let 50 wallets make. The first day keeps the rules of an earlier
version, whose snapshot the next start migrates. Later the clock is set wrong by a day and right again, and the disk
fills. Snapshots are made, old entries sealed, logs rotated. What is measured after each day is the curve: memory, disk,
turns of the loop, time of a decision. `endurance.json` has the days so far; `bench.curves` draws them.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bench.measure import Result
from bench.month import MONTH, Day, Month, Plan
from bench.month_machine import TimedLoop
from overmind.desk.log.setup import configure_logging, stop_logging
from overmind.views.verify import verify

TURN_MAX_MS: Final = 20.0
RSS_GROWTH_MAX_MB: Final = 60.0
CURVES: Final = Path("endurance.json")


def lived(plan: Plan, told: Callable[[list[Day]], None] = lambda _: None) -> list[Day]:
    """The days of a desk, which then verifies. Raises AssertionError where its books do not hold."""
    with tempfile.TemporaryDirectory() as name:
        month = lived_in(Path(name), plan, told)
        proof = verify(month.journal)
        assert proof.ok, proof.problems
        return month.days


def lived_in(folder: Path, plan: Plan, told: Callable[[list[Day]], None] = lambda _: None) -> Month:
    """A desk that has lived for these days in the folder. Raises AssertionError where it did not go as planned."""
    (folder / "data").mkdir(parents=True)
    month = Month(folder, plan, told)
    configure_logging(folder / "logs", "INFO")
    try:
        with asyncio.Runner(loop_factory=TimedLoop) as runner:
            runner.run(month.live())
    finally:
        stop_logging()
    return month


def endurance() -> list[Result]:
    def told(days: list[Day]) -> None:
        CURVES.write_bytes(msgspec.json.format(msgspec.json.encode(days)))
        sys.stderr.write(f"day {len(days)} of {MONTH.days}: {days[-1].rss_mb:.0f} MB\n")

    return summed_up(lived(MONTH, told))


def summed_up(days: list[Day]) -> list[Result]:
    """The first day keeps earlier rules, so what grows is measured from the end of the second."""
    first, last = days[1], days[-1]
    decision = max((day.decision_us for day in days), key=lambda spread: spread.p99)
    used = max((day.decision_cpu_us for day in days), key=lambda spread: spread.p99)
    sizes = [day.journal_mb + day.sealed_mb for day in (first, last)]
    daily_mb = (sizes[-1] - sizes[0]) / max(1, last.day - first.day)
    growth_mb = last.rss_mb - first.rss_mb
    longest_ms = max(day.longest_turn_ms for day in days)
    starts = [day.start_s for day in days if day.start_s is not None]
    what = f"{len(days)} virtual days, {statistics.median(day.placed for day in days):,.0f} orders a day"
    return [
        Result(
            f"memory gained after the second day: {what}", "≤ 60 MB", growth_mb <= RSS_GROWTH_MAX_MB, growth_mb, "MB"
        ),
        Result("disk of a day, sealed or not", "", None, daily_mb, "MB"),
        Result("entries of the journal", "", None, last.entries, ""),
        Result("files of the log", "", None, last.log_files, ""),
        Result(
            "longest turn of the event loop, in processor time", "≤ 20 ms", longest_ms <= TURN_MAX_MS, longest_ms, "ms"
        ),
        Result("the longest of the recoveries at a start, processor time", "", None, max(starts), "s"),
        Result("a signal's decision, the worst day", "", None, decision.p50, "µs", decision),
        Result("of it on the loop, in processor time, the worst day", "", None, used.p50, "µs", used),
    ]
