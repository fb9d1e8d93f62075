"""Measures a sweep of 100 short runs in one process and in two, as the command plays them: start-up included."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.history import write_tape
from bench.measure import Result
from overmind.desk.market import tokens_by_symbol
from overmind.prices.candles import load_tape
from overmind.sandbox.demo import demo_config, demo_env, demo_signals
from overmind.signals.encode import encode_signal
from overmind.sweep.executor import Processes
from overmind.sweep.plan import Plan, read_plan
from overmind.sweep.tasks import tasks_of

RUNS: Final = 100
SIGNALS: Final = 30
CANDLES: Final = 576  # two days of three assets: a run takes about 0.2 s of processor time
SEED: Final = 1
PROMISED: Final = 1.8
FILE: Final = """tape = "tape"
signals = "signals.jsonl"
[vary]
OVERMIND_ASSET_MAX_PERCENT = { from = 5, to = 50, steps = 10 }
"*.stop_loss_threshold" = { from = 1, to = 10, steps = 10 }
"""


def sweep() -> list[Result]:
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch, _desk(Path(scratch).absolute()) as plan:
        (one, cpu_one), (two, cpu_two) = (_measured(plan, count) for count in (1, 2))
    ratio = one / two
    cores = len(os.sched_getaffinity(0))
    cpu = f"processor time {cpu_one:.1f} s in one and {cpu_two:.1f} s in two"
    note = f"{cpu}; {cores} cores, and whatever else ran on them counts against the gain"
    size = f"{SIGNALS} signals, two days each"
    return [
        Result(f"sweep of {RUNS} short runs, one process", "", None, one, "s", note=size),
        Result("the same, two processes", "", None, two, "s"),
        Result("its gain", "≥ 1.8", ratio >= PROMISED if cores > 1 else None, ratio, "times", note=note),
    ]


def _measured(plan: Plan, count: int) -> tuple[float, float]:
    """How long it took, and the processor time of its processes."""
    tasks = tasks_of(plan, "")
    assert len(tasks) == RUNS, len(tasks)
    began, used = time.perf_counter(), _used_s()
    results = [*Processes(count).results(plan.work, tasks)]
    seconds = time.perf_counter() - began
    assert all(one.figures is not None for one in results), [one.error for one in results if one.error][:1]
    return seconds, _used_s() - used


def _used_s() -> float:
    """The processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _desk(folder: Path) -> Iterator[Plan]:
    """The demo's desk in this process's environment, which the others inherit."""
    config = demo_config(SEED, folder)
    (folder / "tape").mkdir()
    write_tape(folder / "tape", candles=CANDLES)
    tape = load_tape(folder / "tape", tokens_by_symbol(config.desk))
    lines = [msgspec.json.encode(encode_signal(one, config.desk.tokens)) for one in demo_signals(tape, SEED, SIGNALS)]
    (folder / "signals.jsonl").write_bytes(b"\n".join(lines))
    (folder / "sweep.toml").write_text(FILE)
    kept = dict(os.environ)
    os.environ.update(demo_env(SEED, folder))
    try:
        yield read_plan(folder / "sweep.toml")
    finally:
        os.environ.clear()
        os.environ.update(kept)
