"""Work in several processes at once, for commands that read a whole journal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

Part = TypeVar("Part")
Done = TypeVar("Done")


def over_all_cores(work: Callable[[Part], Done], parts: Sequence[Part]) -> Iterator[Done]:
    """Like `map`, on all cores that this process may use. One part, or one core, needs no further process."""
    cores = min(len(parts), len(os.sched_getaffinity(0)))
    if cores < 2:
        yield from map(work, parts)
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, parts)
