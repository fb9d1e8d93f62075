"""Adding an event that nobody applies, logs or exports fails `make check`: the type checker names each such place."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDED = '''
class DeskRenamed(Value, frozen=True, tag=True):
    """An event of the desk that nothing handles yet."""


class OrderAmended(Value, frozen=True, tag=True):
    """An event of an order that nothing handles yet."""


OrderEvent = OrderAmended | '''
FOLDS = ("overmind.core.books.apply", "overmind.desk.log.decisions", "overmind.views.accounts", "overmind.views.orders")
UNHANDLED = re.compile(r'overmind/(\S+\.py):\d+: error: Match statement has unhandled case for values of type "(.*?)"')


def test_an_event_that_nobody_applies_logs_or_exports_fails_the_type_check(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "src/overmind", tmp_path / "src/overmind", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    events = tmp_path / "src/overmind/core/model/events.py"
    source = events.read_text()
    assert source.count("\nOrderEvent = ") == source.count("\nEvent = (\n") == 1, "the unions have other names now"
    source = source.replace("\nOrderEvent = ", ADDED).replace("\nEvent = (\n", "\nEvent = (\n    DeskRenamed |\n")
    events.write_text(source)

    modules = [argument for module in FOLDS for argument in ("-m", module)]
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", *modules]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert checked.returncode == 1, checked.stdout + checked.stderr
    unhandled = set(UNHANDLED.findall(checked.stdout))
    assert unhandled == {
        ("core/books/apply.py", "DeskRenamed | OrderAmended"),
        ("desk/log/decisions.py", "DeskRenamed | OrderAmended"),
        ("desk/log/decisions.py", "OrderAmended"),
        ("views/accounts.py", "DeskRenamed | OrderAmended"),
        ("views/orders.py", "OrderAmended"),
    }, checked.stdout
