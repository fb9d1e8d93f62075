"""What is promised of the examples as files: each bot is short, and the strategies ask nobody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES_MAX = 80
PURE = {"__future__", "collections.abc", "dataclasses", "decimal"}


@pytest.mark.parametrize("name", ["momentum_bot.py", "rebalancing_bot.py", "inside.py"])
def test_a_bot_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < LINES_MAX


def test_the_strategies_are_pure() -> None:
    """A run over history has to get the same answers as the bot."""
    tree = ast.parse((EXAMPLES / "strategies.py").read_text(encoding="utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= PURE
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_the_one_inside_uses_public_names() -> None:
    source = (EXAMPLES / "inside.py").read_text(encoding="utf-8")
    modules = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert not {one for one in modules if one and one.startswith("overmind")}
    assert "import overmind as om" in source
