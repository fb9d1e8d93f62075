"""The core never waits, reads a clock, draws random numbers, logs or does IO."""

import ast
from pathlib import Path

import pytest

import overmind.core.decide

FILES = sorted(Path(overmind.core.decide.__file__).parent.rglob("*.py"))
PURE = {
    "__future__",
    "bisect",
    "collections",
    "copy",
    "decimal",
    "enum",
    "hashlib",
    "heapq",
    "itertools",
    "math",
    "re",
    "typing",
}
ALLOWED = PURE | {"copy", "msgspec", "numpy", "overmind"}
FORBIDDEN_CALLS = {"open", "print", "input", "eval", "exec", "breakpoint", "__import__"}
WAITING = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=module):
            return [module or "."]
    return []


def test_the_core_has_modules() -> None:
    assert {"decide.py", "rules.py", "state.py", "ledger.py", "selection_index.py"} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_core_is_pure(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        assert not isinstance(node, WAITING), (file.name, node.lineno)
        for module in imported(node):
            assert module.split(".")[0] in ALLOWED, (file.name, module)
            assert not module.startswith("overmind") or module.startswith("overmind.core"), (file.name, module)
            assert not module.startswith("numpy.random"), (file.name, module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FORBIDDEN_CALLS, (file.name, node.lineno)
        if isinstance(node, ast.Attribute):
            assert node.attr != "random", (file.name, node.lineno)
