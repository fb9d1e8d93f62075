"""The tables of docs/planted-bugs.md, written from the table of planted bugs in tests/mutants.

`python -m tests.mutants.document docs/planted-bugs.md` renews them; a test holds both equal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from typing import Final

from tests.mutants.mutation import Mutation
from tests.mutants.table import MUTATIONS, SUBJECTS
from tools.generated import Parts, renew_file_named


def table_of(bugs: Iterable[Mutation]) -> str:
    lines = ["| bug | planted in | caught by | caught in |", "|---|---|---|---|"]
    return "\n".join([*lines, *map(_row, bugs)])


def _row(bug: Mutation) -> str:
    by = f"seed {bug.by}" if bug.by_seed else f"`{bug.by.removeprefix('tests/')}`"
    by += f", world {bug.world}" if bug.world else ""
    return f"| {bug.name} | `{bug.file}` | {by} | `make {bug.tier}` |"


def summary() -> str:
    tiers, seeds = Counter(bug.tier for bug in MUTATIONS), sum(bug.by_seed for bug in MUTATIONS)
    return (
        f"{len(MUTATIONS)} bugs: {tiers['test']} are caught in `make test`, {tiers['soak']} in `make soak` alone. "
        f"{len(MUTATIONS) - seeds} are caught by a test of their own, {seeds} by a seed of the simulator."
    )


def subjects() -> str:
    """A section for each subject: its module has the same name, and says in its docstring what it is about."""
    return "\n\n".join(
        f"## {subject.capitalize()}\n\n{_about(subject)}\n\n{table_of(SUBJECTS[subject])}" for subject in SUBJECTS
    )


def _about(subject: str) -> str:
    text = import_module(f"tests.mutants.{subject}").__doc__
    assert text, f"tests/mutants/{subject}.py does not say what it is about"
    return " ".join(text.split())


PARTS: Final[Parts] = {"summary": summary, "subjects": subjects}

if __name__ == "__main__":
    renew_file_named(PARTS)
