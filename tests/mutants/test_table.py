"""The table of planted bugs does not rot: every one can still be planted, and who must notice is there."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
from tests.mutants.__main__ import SOURCES, is_seed
from tests.mutants.table import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_it_can_be_planted(mutation: Mutation) -> None:
    text = (SOURCES / mutation.file).read_text()
    assert text.count(mutation.old) == 1
    planted = text.replace(mutation.old, mutation.new)
    assert planted != text
    ast.parse(planted)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_who_must_notice_is_there(mutation: Mutation) -> None:
    if is_seed(mutation.by):
        assert mutation.by.partition(" ")[2].isdigit()
    else:
        path, _, test = mutation.by.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ROOT / path).read_text()


def test_every_name_is_given_once() -> None:
    names = sorted(one.name for one in MUTATIONS)
    assert [name for name, more in itertools.groupby(names) if len(list(more)) > 1] == []
