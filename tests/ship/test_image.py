"""The image and its compose file. No container is run here: hadolint reads the one, and what must hold of the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
DOCKERFILE = DEPLOY / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")
SECRET = re.compile(r"(?i)(passphrase|token|private_key|_KEY)\s*[=:]")


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    content = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    (one,) = content["services"].values()
    assert isinstance(one, dict)
    return one


def steps(name: str) -> list[str]:
    text = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in text.splitlines() if line.startswith(f"{name} ")]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([HADOLINT, "--failure-threshold", "style", DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nRUN cd /tmp && apt-get install curl\n")
    done = subprocess.run([HADOLINT, tmp_path / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode != 0


def test_the_image_runs_as_nobody_and_holds_no_secret() -> None:
    assert steps("USER") == ["10001:10001"]
    assert all(re.fullmatch(r"python:3\.\d+-slim-\w+( AS \w+)?", base) for base in steps("FROM")), "pinned by tag"
    assert len(steps("FROM")) == 2, "what builds it stays out of it"
    assert SECRET.findall(DOCKERFILE.read_text(encoding="utf-8")) == []
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    taken = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert steps("COPY")[0].split()[:-1] == taken, "the builder sees nothing else"


def test_every_folder_that_the_image_writes_is_a_volume() -> None:
    folders = re.findall(r"OVERMIND_\w+_DIR=(/\w+)", DOCKERFILE.read_text(encoding="utf-8"))
    (volumes,) = steps("VOLUME")
    assert sorted(folders) == sorted(re.findall(r"/\w+", volumes))
    assert len(folders) == 4


def test_the_container_has_nothing_that_it_does_not_need(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "cap_add" not in service
    assert service["environment"]["OVERMIND_BIND"] == "127.0.0.1"
    assert "ports" not in service, "the loopback alone"
    assert all("noexec" in one for one in service["tmpfs"])
    mounted = {one.split(":")[1] for one in service["volumes"] if not one.endswith(":ro")}
    assert mounted == {"/data", "/logs", "/anchor", "/locks"}
    assert service["stop_grace_period"] == "90s", "open orders are settled first"


def test_no_secret_stands_in_the_compose_file(service: dict[str, Any]) -> None:
    assert SECRET.findall("\n".join(service["environment"])) == []
    assert service["environment"]["CREDENTIALS_DIRECTORY"] == "/run/secrets"
    assert [one["source"] for one in service["secrets"]] == ["keystore_passphrase"]
