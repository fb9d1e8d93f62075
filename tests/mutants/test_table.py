"""The table of planted bugs does not rot: every one can still be planted, and who must notice is there."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from tests.mutants import document
from tests.mutants.__main__ import SOURCES, is_noticed, planted
from tests.mutants.mutation import WORLDS, Mutation
from tests.mutants.table import MUTATIONS
from tools.generated import renewed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_it_can_be_planted(mutation: Mutation) -> None:
    text = planted(mutation)
    assert text != (SOURCES / mutation.file).read_text(encoding="utf-8")
    ast.parse(text)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_who_must_notice_is_there(mutation: Mutation) -> None:
    assert mutation.world in ("", *WORLDS)
    if mutation.by_seed:
        assert mutation.by.partition(" ")[2].isdigit()
    else:
        path, _, test = mutation.by.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ROOT / path).read_text()


def test_every_name_is_given_once() -> None:
    names = sorted(one.name for one in MUTATIONS)
    assert [name for name, more in itertools.groupby(names) if len(list(more)) > 1] == []


def test_no_bug_is_only_a_missing_name(tmp_path: Path) -> None:
    """A name that is not defined fails any test, and would prove nothing."""
    for number, mutation in enumerate(MUTATIONS):
        (tmp_path / f"{number}.py").write_text(planted(mutation), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_change_that_is_no_bug_is_not_noticed() -> None:
    harmless = Mutation("harmless", "core/decide.py", "# Signals\n", "# Signals.\n", "tests/core/test_day.py")
    assert not is_noticed(harmless)


def test_the_document_lists_every_bug() -> None:
    text = (ROOT / "docs" / "planted-bugs.md").read_text(encoding="utf-8")
    assert renewed(text, document.PARTS) == text, "run: python -m tests.mutants.document docs/planted-bugs.md"
