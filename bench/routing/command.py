"""`python -m bench routing --world FILE.py`: how each policy chooses in a world. Exit code 2: the file is no world."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import msgspec
from rich.console import Console

from bench.routing.others import Chance, DiscountedThompson, DLinUcb, EpsilonGreedy, Static
from bench.routing.ours import CostModel, Exploring, Learning
from bench.routing.report import Report, report, table
from bench.routing.runner import MakePolicy, Score, run
from bench.routing.world import NoWorld, load

OURS: tuple[MakePolicy, ...] = (Static, CostModel, Learning, Exploring)
ALL: tuple[MakePolicy, ...] = (*OURS, Chance, EpsilonGreedy, DiscountedThompson, DLinUcb)


def one_seed(path: Path, wallets: int, signals: int, makers: Sequence[MakePolicy], seed: int) -> dict[str, Score]:
    world = load(path)(seed, wallets, signals)
    return run(world, [make(world, seed) for make in makers])


def measure(
    path: Path, wallets: int, signals: int, seeds: Sequence[int], makers: Sequence[MakePolicy] = ALL, processes: int = 1
) -> Report:
    load(path)  # A file that is no world is told before anything runs.
    job = partial(one_seed, path, wallets, signals, makers)
    if processes == 1:
        scores = [job(seed) for seed in seeds]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            scores = list(pool.map(job, seeds))
    return report(path.stem, wallets, signals, dict(zip(seeds, scores, strict=True)))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench routing", description=__doc__)
    parser.add_argument("--world", type=Path, action="append", required=True, help="a file of a world; may be repeated")
    parser.add_argument("--wallets", type=int, default=50)
    parser.add_argument("--signals", type=int, default=6_000)
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--ours", action="store_true", help="without the textbook policies, which take most of the time"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each world")
    wanted = parser.parse_args(arguments)
    if min(wanted.wallets, wanted.signals, wanted.seeds, wanted.processes) < 1:
        parser.error("--wallets, --signals, --seeds and --processes are at least 1")
    makers = OURS if wanted.ours else ALL
    try:
        for path in wanted.world:
            found = measure(path, wanted.wallets, wanted.signals, range(wanted.seeds), makers, wanted.processes)
            if wanted.json:
                print(msgspec.json.encode(found).decode(), flush=True)
            else:
                Console(width=180).print(table(found))
    except NoWorld as fault:
        print(f"bench routing: {fault}", file=sys.stderr)
        return 2
    return 0
