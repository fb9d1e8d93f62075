"""Writes the bill of materials of what runs: every package of the run-time lock, with its hashes and its licence.

    python -m tools.sbom requirements-run.lock dist/overmind.cdx.json

cyclonedx-py reads the lock. It puts each hash beside an address of a package registry; the lock names none, so the
hashes go to the package itself, and the address is left out.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

COMMAND: Final = Path(sys.executable).with_name("cyclonedx-py")
LICENCE_MAX: Final = 80  # characters; some packages give the whole text


def bill(lock: Path, project: Path) -> dict[str, Any]:
    """Equal inputs give equal bills. Raises CalledProcessError."""
    words = ["requirements", str(lock), "--pyproject", str(project), "--output-reproducible", "-o", "-"]
    made = subprocess.run([str(COMMAND), *words], capture_output=True, check=True)
    found: dict[str, Any] = msgspec.json.decode(made.stdout)
    for component in found["components"]:
        _tidy(component)
    return found


def _tidy(component: dict[str, Any]) -> None:
    references = component.pop("externalReferences", [])
    component["hashes"] = [known for one in references for known in one.get("hashes", [])]
    component.pop("description", None)  # the lines of the lock once more
    if licence := _licence(component["name"]):
        component["licenses"] = [licence]


def _licence(name: str) -> dict[str, Any] | None:
    """As the package says. None: it is not installed here, or says nothing short."""
    try:
        said = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if "License-Expression" in said:
        return {"expression": said["License-Expression"]}
    if "License" not in said:
        return None
    named = said["License"]
    return {"license": {"name": named}} if 0 < len(named) <= LICENCE_MAX and "\n" not in named else None


def main(lock: str, target: str) -> None:
    Path(target).parent.mkdir(exist_ok=True)
    content = bill(Path(lock), Path("pyproject.toml"))
    Path(target).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
