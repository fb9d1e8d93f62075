"""The clients as packages: they install without a network and trade as the documents show."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest
from tests.support.service import Service
from tools.client_packages import NODE, NPM, PIP, pack

from overmind import __version__

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
PLACEHOLDERS: Final = ("GIT_USER_ID", "OpenAPI Generator Community", "@VERSION@")


@pytest.fixture(scope="module")
def packages(clients: Path) -> tuple[Path, Path]:
    return pack(clients)


def ran(command: list[str], folder: Path, **more: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **more}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def snippet(language: str, signal_id: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return re.sub(r"docs-\d", signal_id, found)


def test_the_wheel_installs_and_trades(packages: tuple[Path, Path], service: Service, tmp_path: Path) -> None:
    wheel, _ = packages
    assert wheel.name == f"overmind_client-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as opened:
        (metadata,) = (name for name in opened.namelist() if name.endswith("/METADATA"))
        told = opened.read(metadata).decode()
        assert "overmind_client/py.typed" in opened.namelist()
    assert [one for one in PLACEHOLDERS if one in told] == []
    ran([sys.executable, "-m", "check_wheel_contents", str(wheel)], tmp_path)
    ran([*PIP, "install", "--no-deps", "--no-index", "--target", "installed", str(wheel)], tmp_path)
    of_desk = {"DESK_URL": service.url, "DESK_TOKEN": service.token, "PYTHONPATH": str(tmp_path / "installed")}
    assert "placed packed-1.0.0" in ran([sys.executable, "-c", snippet("python", "packed-1")], tmp_path, **of_desk)


def test_the_archive_installs_and_trades(packages: tuple[Path, Path], service: Service, tmp_path: Path) -> None:
    _, archive = packages
    assert archive.name == f"overmind-client-{__version__}.tgz"
    of_npm = {"npm_config_cache": str(tmp_path / ".npm"), "npm_config_update_notifier": "false"}
    (tmp_path / "package.json").write_text('{"private": true}')
    ran([*NPM, "install", "--silent", "--offline", "--ignore-scripts", "--no-audit", str(archive)], tmp_path, **of_npm)
    text = snippet("typescript", "packed-2").replace("./build/clients/typescript/desk.ts", "overmind-client")
    assert "from 'overmind-client'" in text
    (tmp_path / "snippet.ts").write_text(text)
    of_desk = {"DESK_URL": service.url, "DESK_TOKEN": service.token}
    said = ran([NODE, "--disable-warning=ExperimentalWarning", "snippet.ts"], tmp_path, **of_desk)
    assert "placed packed-2.0.0 []" in said
    assert "404 the journal knows no signal" in said
