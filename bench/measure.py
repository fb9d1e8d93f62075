"""Distributions of times, and the machine that they were measured on."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from overmind.desk.interpreter import tune_interpreter


class Spread(msgspec.Struct, frozen=True):
    """A distribution of times, in microseconds."""

    count: int
    p50: float
    p90: float
    p99: float
    max: float
    mean: float


class Result(msgspec.Struct, frozen=True):
    name: str
    target: str
    reached: bool | None  # None: measured for comparison, nothing is promised
    value: float
    unit: str
    spread: Spread | None = None
    note: str = ""


def spread_of(nanoseconds: Iterable[int]) -> Spread:
    times = sorted(nanoseconds)

    def at(share: float) -> float:
        return times[min(len(times) - 1, int(len(times) * share))] / 1_000

    return Spread(len(times), at(0.5), at(0.9), at(0.99), times[-1] / 1_000, sum(times) / len(times) / 1_000)


def timed(call: Callable[[], object]) -> int:
    began = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - began


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Sets the garbage collector as a running desk does: objects of the set-up are frozen, new ones are collected."""
    tune_interpreter()
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def cpu_model() -> str:
    """The processor's name as the kernel tells it; blank if it does not."""
    return _cpu().get("model name", "")


def microarchitecture() -> str:
    """The numbers of the processor's design, if the kernel tells them: one name can stand for many designs."""
    known = _cpu()
    return "/".join(known[name] for name in ("cpu family", "model") if name in known)


def _cpu() -> dict[str, str]:
    """The fields of the first processor."""
    pairs = [line.partition(":") for line in _lines("/proc/cpuinfo") if ":" in line]
    return {name.strip(): value.strip() for name, _, value in reversed(pairs)}


def machine() -> dict[str, object]:
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(int(memory) / 2**20, 1),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
