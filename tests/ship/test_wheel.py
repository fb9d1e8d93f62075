"""The wheel alone, with the run-time lock, in an environment of its own: it is complete, and it trades."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKER = Path(sys.executable).with_name("check-wheel-contents")
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


def run(*words: str | Path, folder: Path) -> str:
    done = subprocess.run([*words], cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """From a copy of what git knows, so that nothing of this checkout's own gets in."""
    copy, target = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    archive = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", folder=ROOT)
    for name in filter(None, archive.split("\0")):
        if name.startswith(("src/", "pyproject.toml", "README.md", "LICENSE")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    run(
        sys.executable, *PIP, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", target, copy,
        folder=copy,
    )  # fmt: skip
    (made,) = target.glob("*.whl")
    return made


def test_it_holds_what_it_should(wheel: Path) -> None:
    run(CHECKER, wheel, folder=ROOT)
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src" / "overmind").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if name.startswith("overmind/")} == package
    assert {name.partition("/")[0] for name in names} == {"overmind", wheel.name.split("-py3")[0] + ".dist-info"}


def test_it_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    for field in ("Name", "Version", "Summary", "License-Expression", "Requires-Python", "Keywords", "Author-email"):
        assert said[field], field
    assert said["License-File"] == "LICENSE"
    assert len(said.get_all("Classifier", [])) >= 10
    assert said["Description-Content-Type"] == "text/markdown"
    assert "notices" in said.get_all("Provides-Extra", [])
    needed = [one for one in said.get_all("Requires-Dist", []) if "extra ==" not in one]
    assert not [one for one in needed if re.match(r"pytest|mypy|ruff|hypothesis|setuptools", one)]


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_it_trades_alone(wheel: Path, tmp_path: Path) -> None:
    """As `uvx` and `pipx` run it: no checkout, no tools for tests."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    run(python, *PIP, "install", "--require-hashes", "-r", ROOT / "requirements-run.lock", folder=tmp_path)
    run(python, *PIP, "install", "--no-deps", "--no-index", wheel, folder=tmp_path)
    run(python, *PIP, "check", folder=tmp_path)
    told = json.loads(run(home / "bin" / "overmind", "demo", "--paper", "--signals", "50", "--json", folder=tmp_path))
    assert told["books_equal_chain"]
    assert told["filled"] > 0
    assert [path.name for path in tmp_path.iterdir()] == ["venv"], "a demo leaves nothing"
