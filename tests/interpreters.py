"""The heart of the quick tier on every interpreter that this machine offers, each in an environment of its own.

python -m tests.interpreters

An environment is kept under build/ and made anew when the lock changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

Version = tuple[int, int]

ROOT: Final = Path(__file__).parents[1]
HOME: Final = ROOT / "build" / "interpreters"
VERSIONS: Final[tuple[Version, ...]] = ((3, 11), (3, 12), (3, 13), (3, 14))
TESTS: Final = (
    "tests/core",
    "tests/views",
    "tests/signals",
    "tests/config",
    "tests/journal",
    "tests/keys",
    "tests/sim",
)
DEMO: Final = ("demo", "--paper", "--signals", "100")
ASK: Final = "import sys; print(sys.version_info[0], sys.version_info[1])"


def interpreters() -> Mapping[Version, Path]:
    """One of each version, those of the PATH first."""
    found: dict[Version, Path] = {}
    for path in _candidates():
        version = _version(path)
        if version in VERSIONS:
            found.setdefault(version, path)
    return dict(sorted(found.items()))


def _candidates() -> Iterator[Path]:
    for major, minor in VERSIONS:
        if on_path := shutil.which(f"python{major}.{minor}"):
            yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob("versions/3.*/bin/python"), reverse=True)


def _version(path: Path) -> Version | None:
    """None: it does not run. A shim may stand for a version that is not there."""
    done = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None
    major, minor = done.stdout.split()
    return int(major), int(minor)


def environment(version: Version, interpreter: Path) -> Path:
    """Its Python, with everything that the lock pins."""
    home = HOME / f"{version[0]}.{version[1]}"
    python, stamp = home / "bin" / "python", home / "lock"
    lock = hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != lock:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([interpreter, "-m", "venv", home], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True)
        subprocess.run([*install, "--no-deps", "--no-build-isolation", "-e", ROOT], check=True)
        stamp.write_text(lock)
    return python


def main() -> int:
    found = interpreters()
    missing = ", ".join(f"{major}.{minor}" for major, minor in VERSIONS if (major, minor) not in found)
    failed = []
    for version, interpreter in found.items():
        name = f"{version[0]}.{version[1]}"
        print(f"Python {name}: {interpreter}", flush=True)
        python = environment(version, interpreter)
        for words in ([python, "-m", "pytest", "-n", "2", *TESTS], [python.with_name("overmind"), *DEMO]):
            if subprocess.run(words, cwd=ROOT, check=False).returncode:
                failed.append(f"{name}: {' '.join(map(str, words))}")
    if missing:
        print(f"skipped, as this machine does not have them: {missing}")
    print(f"failed: {'; '.join(failed)}" if failed else f"all passed on {len(found)} interpreters")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
