"""`make budget`: how many machine instructions the usual work takes, against `budget.json`. Exit code 1: it takes more.

Callgrind counts `bench.workload` in a process of its own. Times differ from run to run, instructions do not: they
repeat to a few in a million, whatever else the machine does. They depend on the interpreter and a little on the
processor, so `budget.json` has a row for each pair; without a row the parent commit is counted in the same run.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from bench.measure import cpu_model, microarchitecture
from bench.workload import BATCHES, PAIRS, TRADES

ROOT: Final = Path(__file__).parents[1]
BUDGET: Final = Path(__file__).with_name("budget.json")
RISE_MAX: Final = 0.02
MARK: Final = "getppid"  # the function of the C library that `bench.workload.mark` calls
# After the start, each piece of the pairs, the batches, nothing, each piece of the learner's pairs, the first trades,
# the trades.
MARKS: Final = 4 * PAIRS + 5
TIMEOUT_S: Final = 600
PARENT: Final = "the parent commit"
DECISION, SETTLEMENT = "a ranked decision", "a settlement"
BATCH, TRADE = "a batch of marks, 50 wallets", "a paper trade, background work included"
LEARNED, LESSON = "a decision of the learner, 50 wallets on 2 routes", "a settlement with its lesson"

Counts = dict[str, int]  # instructions, by what is done


class CountFailed(Exception):
    """The work could not be counted. Says why, and what to do."""


class Change(msgspec.Struct, frozen=True):
    """The counts of one kind of work, before and after."""

    work: str
    before: int
    after: int

    @property
    def share(self) -> float:
        return self.after / self.before - 1

    @property
    def is_over(self) -> bool:
        return self.share > RISE_MAX

    def __str__(self) -> str:
        return f"{self.work}: {self.before:,} → {self.after:,} instructions ({self.share:+.2%})"


class Report(msgspec.Struct, frozen=True):
    machine: str
    against: str
    counts: Counts
    before: Counts
    over: list[str]  # what takes more than it may


def changes(before: Counts, after: Counts) -> list[Change]:
    """Compares each work of `after`, in that order, with its count before. Skips work that was not counted before."""
    return [Change(work, before[work], count) for work, count in after.items() if work in before]


def this_machine() -> str:
    """The interpreter and the processor, on which the counts depend as well as on the code."""
    python = f"{platform.python_implementation().lower()}-{platform.python_version()}"
    return f"{python} {platform.machine()} {cpu_model()} {microarchitecture()}".strip()


def known_rows(path: Path) -> dict[str, Counts]:
    return msgspec.json.decode(path.read_bytes(), type=dict[str, Counts]) if path.exists() else {}


def with_row(rows: dict[str, Counts], machine: str, counts: Counts) -> bytes:
    """The text of the budget file with this row. It replaces an older row of the same machine."""
    return msgspec.json.format(msgspec.json.encode(dict(sorted({**rows, machine: counts}.items())))) + b"\n"


def compared(rows: dict[str, Counts], machine: str, counts: Counts, parent: Counts | None, commit: str) -> Report:
    """Compares with the row of this machine. Without one, it compares with `parent`, the counts of `commit`."""
    before = rows.get(machine, parent)
    assert before is not None, f"neither a row of {machine} nor a commit to compare with"
    against = "bench/budget.json" if machine in rows else commit
    over = [str(change) for change in changes(before, counts) if change.is_over]
    return Report(machine, against, counts, before, over)


def count(tree: Path) -> Counts:
    """Counts the work of the source tree `tree` in a scratch copy, because the length of a path changes the counts a
    little. Raises CountFailed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        for part in ("src", "bench"):
            shutil.copytree(tree / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        _run_under_callgrind(copy, Path(folder) / "counted")
        dumps = [_total(Path(folder) / f"counted.{number}") for number in range(1, MARKS + 1)]
    pairs, (batches, _, *learned, _, trades) = dumps[1 : 2 * PAIRS + 1], dumps[2 * PAIRS + 1 :]
    return {
        DECISION: round(sum(pairs[0::2]) / PAIRS),
        SETTLEMENT: round(sum(pairs[1::2]) / PAIRS),
        LEARNED: round(sum(learned[0::2]) / PAIRS),
        LESSON: round(sum(learned[1::2]) / PAIRS),
        BATCH: round(batches / BATCHES),
        TRADE: round(trades / TRADES),
    }


def _run_under_callgrind(tree: Path, out: Path) -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountFailed("valgrind is not installed, which counts the instructions: apt-get install valgrind")
    workload = [sys.executable, "-P", str(ROOT / "bench" / "workload.py")]
    callgrind = [valgrind, "--tool=callgrind", f"--dump-before={MARK}", f"--callgrind-out-file={out}"]
    # At first without: a mistake shows at once, and whether modules have to be compiled changes the counts a little.
    for command in (workload, [*callgrind, *workload]):
        _run(command, tree)


def _run(command: list[str], tree: Path) -> None:
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": f"{tree / 'src'}{os.pathsep}{tree}",
    }
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise CountFailed(f"the work of {tree} did not end within {TIMEOUT_S} s") from None
    except subprocess.CalledProcessError as failed:
        raise CountFailed(f"the work of {tree} failed:\n{failed.stderr.strip()[-2_000:]}") from None


def _total(dump: Path) -> int:
    """Reads the number of instructions from one dump. Raises CountFailed."""
    try:
        lines = dump.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise CountFailed(f"callgrind did not see all marks ({MARK}): {dump.name} is missing") from None
    return next(int(line.removeprefix("totals:")) for line in lines if line.startswith("totals:"))


def _parent() -> str:
    """The commit to compare with: the last one if there is uncommitted work, else its parent."""
    changed = _git("status", "--porcelain", "--untracked-files=no").strip()
    return "HEAD" if changed else "HEAD^"


def count_commit(commit: str | None) -> Counts:
    """Counts the work of a commit with the libraries that are installed now. None: the parent. Raises CountFailed."""
    archive = _git("archive", "--format=tar", commit or _parent(), "--", "src", "bench")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        return count(Path(folder))


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise CountFailed("git is not installed, and this machine has no row in bench/budget.json") from None
    except subprocess.CalledProcessError as failed:
        said = failed.stderr.decode(errors="replace").strip()
        raise CountFailed(f"no commit to compare with (git {arguments[0]}: {said}): name one by --against") from None


def main(
    arguments: Sequence[str] | None = None,
    path: Path = BUDGET,
    count_tree: Callable[[Path], Counts] = count,
    count_commit: Callable[[str | None], Counts] = count_commit,
) -> int:
    parser = argparse.ArgumentParser(prog="budget", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--update", action="store_true", help="write this machine's row; the commit says why")
    parser.add_argument("--against", metavar="COMMIT", help="compare with this commit, also where there is a row")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    wanted = parser.parse_args(arguments)
    try:
        if wanted.update:
            return _update(path, count_tree(ROOT))
        machine = this_machine()
        rows = known_rows(path) if wanted.against is None else {}
        with ThreadPoolExecutor() as threads:
            other = None if machine in rows else threads.submit(count_commit, wanted.against)
            counts = count_tree(ROOT)
            report = compared(rows, machine, counts, other.result() if other else None, wanted.against or PARENT)
    except CountFailed as failed:
        print(f"budget: {failed}", file=sys.stderr)
        return 2
    return _tell(report, machine in rows, wanted.json)


def _update(path: Path, counts: Counts) -> int:
    machine = this_machine()
    path.write_bytes(with_row(known_rows(path), machine, counts))
    print(f"{path.name}: the row of {machine} is written. Say in the commit why what rose may rise.")
    return 0


def _tell(report: Report, has_row: bool, as_json: bool) -> int:
    """Returns the exit code."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _show(report)
    for rise in report.over:
        print(f"budget: over by more than {RISE_MAX:.0%}: {rise}", file=sys.stderr)
    if report.over:
        print(f"budget: {_advice(has_row)}", file=sys.stderr)
    return 1 if report.over else 0


def _advice(has_row: bool) -> str:
    how = "run `python -m bench.budget --update` and commit bench/budget.json" if has_row else "commit it"
    return f"make it cheaper; or, if the work is worth it, {how} with the reason in the message"


def _show(report: Report) -> None:
    table = Table(title=f"Machine instructions, against {report.against}", caption=report.machine)
    for column in ("work", "before", "now", "change"):
        table.add_column(column, justify="left" if column == "work" else "right")
    for change in changes(report.before, report.counts):
        table.add_row(change.work, f"{change.before:,}", f"{change.after:,}", f"{change.share:+.2%}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
