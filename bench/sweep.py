"""Measures a sweep of 100 short runs in one process and in two, as the command plays them: start-up included."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.measure import Result
from overmind.desk.market import tokens_by_symbol
from overmind.prices.candles import load_tape, shipped_tape_path
from overmind.sandbox.demo import demo_config, demo_env, demo_signals
from overmind.signals.encode import encode_signal
from overmind.sweep.executor import Processes
from overmind.sweep.plan import Plan, read_plan
from overmind.sweep.tasks import tasks_of

RUNS: Final = 100
SIGNALS: Final = 100
SEED: Final = 1
PROMISED: Final = 1.8
FILE: Final = """tape = "{tape}"
signals = "signals.jsonl"
[vary]
OVERMIND_ASSET_MAX_PERCENT = {{ from = 5, to = 50, steps = 10 }}
"*.stop_loss_threshold" = {{ from = 1, to = 10, steps = 10 }}
"""


def sweep() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch, _desk(Path(scratch).absolute()) as plan:
        one, two = (_seconds(plan, count) for count in (1, 2))
    ratio = one / two
    cores = len(os.sched_getaffinity(0))
    note = f"{cores} cores; whatever else ran on them counts against it"
    return [
        Result(f"sweep of {RUNS} short runs, one process", "", None, one, "s", note=f"{SIGNALS} signals, a week each"),
        Result("the same, two processes", "", None, two, "s"),
        Result("its gain", "≥ 1.8", ratio >= PROMISED if cores > 1 else None, ratio, "times", note=note),
    ]


def _seconds(plan: Plan, count: int) -> float:
    tasks = tasks_of(plan, "")
    assert len(tasks) == RUNS, len(tasks)
    began = time.perf_counter()
    results = [*Processes(count).results(plan.work, tasks)]
    seconds = time.perf_counter() - began
    assert all(one.figures is not None for one in results), [one.error for one in results if one.error][:1]
    return seconds


@contextmanager
def _desk(folder: Path) -> Iterator[Plan]:
    """The demo's desk in this process's environment, which the others inherit."""
    config = demo_config(SEED, folder)
    tape = load_tape(shipped_tape_path(), tokens_by_symbol(config.desk))
    lines = [msgspec.json.encode(encode_signal(one, config.desk.tokens)) for one in demo_signals(tape, SEED, SIGNALS)]
    (folder / "signals.jsonl").write_bytes(b"\n".join(lines))
    (folder / "sweep.toml").write_text(FILE.format(tape=shipped_tape_path()))
    kept = dict(os.environ)
    os.environ.update(demo_env(SEED, folder))
    try:
        yield read_plan(folder / "sweep.toml")
    finally:
        os.environ.clear()
        os.environ.update(kept)
