"""Processor time of a signal in two versions, in turns. OVERMIND_BENCH_AGAINST is the folder of the other's sources.

    git archive COMMIT src | tar x -C FOLDER; OVERMIND_BENCH_AGAINST=FOLDER/src python -m bench versions

Both are real services with the same packages, and get the signals of `bench.million` over HTTP.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Final

from bench.measure import Result
from bench.million import sent, service

AGAINST: Final = os.environ.get("OVERMIND_BENCH_AGAINST", "")
PAIRS: Final = 5
WARMING: Final = 10_000  # signals
SIGNALS: Final = 40_000
PROMISED: Final = -0.25


def versions() -> list[Result]:
    assert Path(AGAINST, "overmind").is_dir(), "OVERMIND_BENCH_AGAINST names no folder with another version's sources"
    ours, theirs, keepers = list[float](), list[float](), list[float]()
    for number in range(PAIRS):
        turns = [(str(Path("src").absolute()), ours), (str(Path(AGAINST).absolute()), theirs)]
        for sources, found in turns[:: 1 if number % 2 else -1]:
            cpu_us, keeper_us = _measured(sources)
            found.append(cpu_us)
            if found is ours:
                keepers.append(keeper_us)
    changes = [one / other - 1 for one, other in zip(ours, theirs, strict=True)]
    change, note = statistics.median(changes), ", ".join(f"{one:+.1%}" for one in sorted(changes))
    keeper = f"beside it the keeper's process, of the lowest priority: {statistics.median(keepers):.0f} µs"
    return [
        Result("processor time of a signal at INFO, before", "", None, statistics.median(theirs), "µs"),
        Result("now", "", None, statistics.median(ours), "µs", note=keeper),
        Result("change, the median of the pairs", "≤ -25 %", change <= PROMISED, change * 100, "%", note=note),
    ]


def _measured(sources: str) -> tuple[float, float]:
    with (
        tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch,
        service(Path(scratch), {"PYTHONPATH": sources}) as server,
    ):
        sent(server.port, 0, WARMING)
        before = server.cpu_s(), server.children_cpu_s()
        sent(server.port, WARMING, WARMING + SIGNALS)
        after = server.cpu_s(), server.children_cpu_s()
    own_us, keeper_us = ((one - other) / SIGNALS * 1e6 for one, other in zip(after, before, strict=True))
    return own_us, keeper_us
