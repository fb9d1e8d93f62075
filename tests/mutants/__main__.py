"""Plants each bug of the table in a copy of the sources, and expects the seed or test that is named for it to notice.

python -m tests.mutants            # all of them
python -m tests.mutants firewall   # those whose name contains a word
python -m tests.mutants --find X   # the first seeds of both worlds that notice, for the table
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.mutants.mutation import QUICK_SEEDS, WORLDS, Mutation
from tests.mutants.table import MUTATIONS

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ROOT / "src" / "overmind"
PROCESSES: Final = 2
PATIENCE_S: Final = 600
CAUGHT: Final = "caught"
LAST_SEED: Final = 399  # that --find looks at
SEED: Final = re.compile(r"(plain|chain) seed (\d+),")


def planted(mutation: Mutation) -> str:
    """The file with the bug in it."""
    text = (SOURCES / mutation.file).read_text()
    assert text.count(mutation.old) == 1, f"{mutation.name}: {mutation.file} has {mutation.old!r} not once"
    return text.replace(mutation.old, mutation.new)


@contextmanager
def copy_with(mutation: Mutation) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "src" / "overmind"
        shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / mutation.file).write_text(planted(mutation))
        yield copy.parent


def run(sources: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """With the planted sources before those of the repository."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(sources), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def is_noticed(mutation: Mutation) -> bool:
    """Whether everybody notices it who must."""
    with copy_with(mutation) as sources:
        seen = fails_a_seed(sources, mutation.by) if mutation.by_seed else fails_a_test(sources, mutation.by)
        seeds = f"{mutation.world} 0 {QUICK_SEEDS - 1}"
        return seen and (not mutation.world or fails_a_seed(sources, seeds))


def verdict(mutation: Mutation) -> str:
    try:
        return CAUGHT if is_noticed(mutation) else "NOT NOTICED"
    except subprocess.TimeoutExpired:
        return f"HANGS for {PATIENCE_S} s: plant a bug that ends"


def fails_a_seed(sources: Path, seeds: str) -> bool:
    done = run(sources, ["-m", "tests.sim.simulate", *seeds.split()])
    failed = SEED.search(done.stderr) is not None
    assert failed or done.returncode == 0, f"{seeds} did not run: {done.stderr[-2_000:]}"
    return failed


def fails_a_test(sources: Path, test: str) -> bool:
    """An error outside of the test, as in an import, is no failure."""
    done = run(
        sources,
        ["-m", "pytest", "-x", "-p", "no:cacheprovider", "-o", f"pythonpath={sources} {ROOT} {ROOT}/examples", test],
    )
    failed = done.returncode == 1 and " failed" in done.stdout.splitlines()[-1]
    assert failed or done.returncode == 0, f"{test} did not run: {done.stdout[-2_000:]}"
    return failed


def first_seeds(mutation: Mutation) -> str:
    found = []
    with copy_with(mutation) as sources:
        for world in WORLDS:
            done = run(sources, ["-m", "tests.sim.simulate", world, "0", str(LAST_SEED)])
            seen = SEED.search(done.stderr)
            found.append(f"{world} {seen[2]}" if seen else f"{world}: {'none' if done.returncode == 0 else 'unknown'}")
    return ", ".join(found)


def main(words: Sequence[str]) -> int:
    find = "--find" in words
    wanted = [one for one in words if one != "--find"]
    chosen = [one for one in MUTATIONS if all(word in one.name for word in wanted)]
    missed = 0
    with ThreadPoolExecutor(PROCESSES) as pool:
        if find:
            for mutation, seeds in zip(chosen, pool.map(first_seeds, chosen), strict=True):
                print(f"{mutation.name}: {seeds}", flush=True)
            return 0
        for number, (mutation, seen) in enumerate(zip(chosen, pool.map(verdict, chosen), strict=True), 1):
            missed += seen != CAUGHT
            said = f"{CAUGHT} in make {mutation.tier}" if seen == CAUGHT else seen
            print(f"{number}/{len(chosen)} {mutation.name}: {said}, by {mutation.everybody}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} planted bugs were caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
