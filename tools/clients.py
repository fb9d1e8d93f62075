"""Writes the clients for Python and TypeScript from the description of the API: `make clients`.

Both are also packed, for pip and for npm. Nothing that is generated is kept in the repository. The description comes
from the code, so no service has to run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.bare_routes import bare_routes
from tools.client_packages import pack
from tools.client_view import client_view, without_large_numbers

from overmind import __version__
from overmind.http.reference.openapi import described, openapi
from overmind.http.reference.parameters import routed

CONFIGURATION: Final = Path(__file__).parents[1] / "clients"
# Written by hand: the file, and its name beside what is generated.
BESIDE: Final = {
    "python": {"python.toml": "pyproject.toml"},
    "typescript": {"desk.ts": "desk.ts", "package.json": "package.json"},
}
VERSION: Final = "@VERSION@"  # stands for it in these files
UNWANTED: Final = (
    "git_push.sh", "tox.ini", ".travis.yml", ".gitlab-ci.yml", ".github", "setup.py", "setup.cfg", "requirements.txt",
    "test-requirements.txt", "README.md",
)  # fmt: skip
GENERATE_MAX_S: Final = 300.0


def write_clients(target: Path) -> None:
    """`target/python` and `target/typescript`. Raises RuntimeError with what the generator says."""
    target.mkdir(parents=True, exist_ok=True)
    view = client_view(openapi(described(routed(bare_routes()))))
    for language, shown in (("python", view), ("typescript", without_large_numbers(view))):
        description = target / f"{language}.json"
        description.write_text(json.dumps(shown, indent=1))
        _generate(language, description, target / language)


def _generate(language: str, description: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("openapi-generator-cli")), "generate"]
    asked = ["-i", str(description), "-c", str(CONFIGURATION / f"{language}.yaml"), "-o", str(target)]
    version = f"packageVersion={__version__}"
    try:
        done = subprocess.run(
            [*command, *asked, f"--additional-properties={version}"],
            capture_output=True,
            text=True,
            timeout=GENERATE_MAX_S,
            check=False,
        )
    except FileNotFoundError:
        raise RuntimeError("openapi-generator-cli is not installed: run `make clients`, which installs it") from None
    if done.returncode:
        raise RuntimeError(f"{language}: the generator failed: {(done.stdout + done.stderr)[-2_000:]}")
    for name in UNWANTED:
        found = target / name
        shutil.rmtree(found) if found.is_dir() else found.unlink(missing_ok=True)
    for source, name in BESIDE[language].items():
        text = (CONFIGURATION / source).read_text(encoding="utf-8")
        (target / name).write_text(text.replace(VERSION, __version__), encoding="utf-8")


if __name__ == "__main__":
    write_clients(Path(sys.argv[1]))
    pack(Path(sys.argv[1]))
