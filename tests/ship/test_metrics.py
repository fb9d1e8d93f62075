"""The programs that the metrics are for take them: promtool a real scrape and the rules, a parser every query.

promtool is that of Debian's package of Prometheus; `make ship` unpacks it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.support.processes import wait_until
from tests.support.service import BUY, Service

ROOT: Final = Path(__file__).parents[2]
PROMTOOL: Final = ROOT / ".venv" / "promtool" / "usr" / "bin" / "promtool"
PROMETHEUS: Final = ROOT / "deploy" / "prometheus"
RULES: Final = PROMETHEUS / "overmind.rules.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "overmind.json"
OF_PROMETHEUS: Final = "up"  # It makes this series itself.


def promtool(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    assert PROMTOOL.exists(), "there is no promtool: `make ship` unpacks it"
    return subprocess.run([PROMTOOL, *words], input=given, capture_output=True, text=True, cwd=PROMETHEUS)


def expressions() -> dict[str, str]:
    """Of every rule and panel, with what Grafana would put in. By the place where each stands."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}
    panels = {
        f"{panel['title']} {target['refId']} of panel {panel['id']}": target["expr"]
        for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", ())
    }
    return rules | {place: expr.replace("$__rate_interval", "5m") for place, expr in panels.items()}


EXPRESSIONS: Final = expressions()


def selectors(parsed: Any) -> Iterator[Any]:
    """Every selector of series in an expression."""
    if isinstance(parsed, promql_parser.VectorSelector):
        yield parsed
    for name in ("lhs", "rhs", "expr", "args", "vector_selector", "param"):
        inner = getattr(parsed, name, None)
        for one in inner if isinstance(inner, list) else [inner]:
            if one is not None and not isinstance(one, str):
                yield from selectors(one)


@pytest.fixture(scope="module")
def scrape(service: Service) -> str:
    assert service.post("/v1/signals", {**BUY, "signal_id": "scraped"}).status == 202
    wait_until(lambda: service.get("/v1/stats").json["successful_executions"] > 0, "it is filled")
    return service.get("/metrics").text


@pytest.fixture(scope="module")
def names(scrape: str) -> set[str]:
    """Of the series that a scrape has, and of families that it has none of now."""
    told = {sample.name for family in text_string_to_metric_families(scrape) for sample in family.samples}
    return told | {line.split()[2] for line in scrape.splitlines() if line.startswith("# TYPE ")}


def test_promtool_finds_nothing_in_a_real_scrape(scrape: str) -> None:
    done = promtool("check", "metrics", given=scrape)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_would_find_something(scrape: str) -> None:
    done = promtool("check", "metrics", given=scrape.replace("overmind_signals_total", "overmind_signals"))
    assert done.returncode != 0


def test_a_scrape_of_a_desk_that_has_traded_counts_each_step(scrape: str) -> None:
    series = {
        (sample.name, sample.labels.get("kind")): sample.value
        for family in text_string_to_metric_families(scrape)
        for sample in family.samples
        if sample.name.endswith("_seconds_count")
    }
    for step in ("signed", "sent", "confirmed"):
        assert series[f"overmind_order_{step}_seconds_count", "entry"] > 0, step
    assert series["overmind_signal_decided_seconds_count", None] > 0
    assert series["overmind_signal_durable_seconds_count", None] > 0


def test_promtool_takes_the_rules() -> None:
    done = promtool("check", "rules", RULES.name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_when_it_should() -> None:
    done = promtool("test", "rules", "overmind.rules.test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_example_of_prometheus(tmp_path: Path) -> None:
    token = tmp_path / "overmind.token"
    token.touch()
    example = (PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8")
    written = example.replace("/etc/prometheus/overmind.token", str(token)).replace(RULES.name, str(RULES))
    assert written != example
    (tmp_path / "prometheus.yml").write_text(written, encoding="utf-8")
    done = promtool("check", "config", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_a_query_parses_and_names_what_a_real_scrape_has(place: str, names: set[str]) -> None:
    found = list(selectors(promql_parser.parse(EXPRESSIONS[place])))
    assert found, "it selects nothing"
    assert {one.name for one in found} - {OF_PROMETHEUS} <= names


def test_a_variable_of_the_dashboard_asks_for_a_metric_that_is_there(names: set[str]) -> None:
    asked = re.findall(r"label_values\((\w+),", DASHBOARD.read_text(encoding="utf-8"))
    assert asked
    assert set(asked) <= names
