"""The alert rules and the dashboard under deploy/ are those of the code, and each says what to do.

`make ship` also gives them to the programs that they are for: tests/ship/test_metrics.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tools import dashboard

from overmind.http.metrics.table import FAMILIES

ROOT: Final = Path(__file__).parents[3]
DEPLOYED: Final = ROOT / "deploy"
RULES: Final = DEPLOYED / "prometheus" / "overmind.rules.yml"
TESTS: Final = DEPLOYED / "prometheus" / "overmind.rules.test.yml"
NAMED: Final = re.compile(r"\bovermind_\w+")
SUFFIXES: Final = ("", "_bucket", "_sum", "_count")

ALERTS: Final[list[dict[str, Any]]] = [
    rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]


def known_names() -> set[str]:
    return {f"{family.full_name}{suffix}" for family in FAMILIES for suffix in SUFFIXES}


def anchors(document: Path) -> set[str]:
    """As the sites that show Markdown make them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one["alert"])
def test_an_alert_says_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert {"summary", "description", "runbook"} == set(alert["annotations"])
    assert alert["annotations"]["description"].endswith(".")
    document, _, anchor = alert["annotations"]["runbook"].partition("#")
    assert anchor in anchors(ROOT / document)
    assert set(NAMED.findall(alert["expr"])) <= known_names()


def test_every_alert_has_a_test_of_its_own() -> None:
    tried = Counter(re.findall(r'alertname="(\w+)"', TESTS.read_text(encoding="utf-8")))
    assert tried == {alert["alert"]: 2 for alert in ALERTS}, "once silent, and once firing"


def test_the_example_of_prometheus_reads_the_rules_and_a_file_of_the_token() -> None:
    example = yaml.safe_load((DEPLOYED / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert example["rule_files"] == [RULES.name]
    (job,) = example["scrape_configs"]
    assert job["job_name"] == "overmind"
    assert set(job["authorization"]) == {"type", "credentials_file"}, "a secret in the file would be in backups"


def test_the_dashboard_is_that_of_the_generator() -> None:
    path = DEPLOYED / "grafana" / "overmind.json"
    assert path.read_text(encoding="utf-8") == dashboard.text(), f"run: python -m tools.dashboard {path}"


def test_every_panel_can_be_read_by_a_stranger() -> None:
    panels = json.loads(dashboard.text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    shown = [panel for panel in panels if panel["type"] != "row"]
    for panel in shown:
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= dashboard.COLUMNS for place in places)
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or above)


def test_a_query_names_labels_that_its_metric_has() -> None:
    """A legend or a filter by another label would be blank, or find nothing."""
    labels = {family.full_name: {*family.labels, "instance", "job", "le"} for family in FAMILIES}
    for panel in json.loads(dashboard.text())["panels"]:
        for target in panel.get("targets", ()):
            names = [re.sub("_bucket$", "", name) for name in NAMED.findall(target["expr"])]
            if not names:
                continue
            known = set.intersection(*(labels[name] for name in names))
            used = {*re.findall(r"{{(\w+)}}", target["legendFormat"]), *re.findall(r"(\w+)=~?\"", target["expr"])}
            assert used <= known, (panel["title"], used - known)
