"""The bill of materials lists what the run-time lock installs, all of it and no more, by hash and without a host."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tools import sbom

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-run.lock"
PACKAGE = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def packages(lock: Path) -> dict[tuple[str, str], set[str]]:
    """By name and version, the hashes of its files."""
    found = PACKAGE.findall(lock.read_text(encoding="utf-8"))
    return {(name, version): set(re.findall(r"sha256:([0-9a-f]{64})", hashes)) for name, version, hashes in found}


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    return sbom.bill(LOCK, ROOT / "pyproject.toml")


def test_it_lists_every_package_with_its_hashes(bill: dict[str, Any]) -> None:
    listed = {
        (one["name"], one["version"]): {known["content"] for known in one["hashes"]} for one in bill["components"]
    }
    assert listed == packages(LOCK)
    assert len(listed) > 40
    assert bill["metadata"]["component"]["name"] == "overmind"


def test_it_names_no_host(bill: dict[str, Any]) -> None:
    """But those of its own format and of the fields that our pyproject.toml gives."""
    components = json.dumps(bill["components"])
    assert "://" not in components


def test_it_follows_the_format(bill: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)) is None


def test_most_licences_are_told(bill: dict[str, Any]) -> None:
    without = [one["name"] for one in bill["components"] if "licenses" not in one]
    assert len(without) < len(bill["components"]) / 2, without


def test_it_is_the_same_each_time(bill: dict[str, Any]) -> None:
    assert sbom.bill(LOCK, ROOT / "pyproject.toml") == bill


def test_the_run_time_lock_is_a_part_of_the_lock_that_is_tested() -> None:
    """With other versions, what runs would be another program than the one that the tests have seen."""
    tested, runs = packages(ROOT / "requirements.lock"), packages(LOCK)
    assert runs.items() <= tested.items()
    tools = {"pytest", "mypy", "ruff", "hypothesis", "setuptools", "wheel", "pip"}
    assert not tools & {name for name, _ in runs}
    assert "://" not in LOCK.read_text(encoding="utf-8")
