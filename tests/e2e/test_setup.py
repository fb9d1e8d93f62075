"""Python and make are enough: a copy of the repository is set up, shown and tested with nothing else on the PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Tools that every shell has; no compiler, no git, no node.
SHELL = ("sh", "touch", "rm", "mkdir", "env", "uname", "cat")
LEFT_BEHIND = shutil.ignore_patterns(".venv", ".git", "build", "*.egg-info", "*_cache", "__pycache__", ".hypothesis")
FEW = "tests/clock tests/sandbox/localnet/test_javascript.py"
PATIENCE_S = 900


def only_python_and_make(folder: Path) -> Path:
    """A folder for the PATH."""
    folder.mkdir()
    for name in (*SHELL, "make"):
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(Path(sys.executable).resolve())
    return folder


@pytest.mark.soak
def test_python_and_make_are_enough(tmp_path: Path) -> None:
    copy = shutil.copytree(ROOT, tmp_path / "overmind", ignore=LEFT_BEHIND)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("OVERMIND_", "SNIPER_", "PYTEST"))
    }
    # The demo leaves its journal and its report in the folder for temporary files.
    environment = {**kept, "PATH": str(only_python_and_make(tmp_path / "bin")), "TMPDIR": str(tmp_path)}
    for words in (["make", "demo"], ["make", "test", f"TESTS={FEW}", "JOBS=2"]):
        done = subprocess.run(
            words, cwd=copy, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert done.returncode == 0, (words, done.stdout[-4_000:], done.stderr[-4_000:])
