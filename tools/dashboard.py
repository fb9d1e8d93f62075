"""The dashboard of Grafana, as classic JSON: `python -m tools.dashboard deploy/grafana/overmind.json` writes it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

from tools.dashboard_rows import ROWS, Panel, Query

from overmind.http.metrics import table
from overmind.http.metrics.family import Family

COLUMNS: Final = 24  # of Grafana's grid
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    variables = (_data_source(), _variable("instance", table.READY), _variable("wallet", table.WALLET_ACTIVE))
    return {
        "uid": "overmind-desk",
        "title": "Overmind",
        "description": "A trading desk of several Solana wallets. Written by tools.dashboard: change it there.",
        "tags": ["overmind"],
        "timezone": "utc",
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": list(variables)},
        "panels": list(_panels()),
    }


def _data_source() -> dict[str, Any]:
    return {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}


def _variable(label: str, family: Family) -> dict[str, Any]:
    """A choice of the values that a label has; all of them at first."""
    query = f"label_values({family.full_name}, {label})"
    return {
        "type": "query",
        "name": label,
        "label": label.capitalize(),
        "datasource": SOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels() -> Iterator[dict[str, Any]]:
    numbers, top = count(1), 0
    for row in ROWS:
        place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        yield {
            "id": next(numbers),
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top, left, lowest = top + 1, 0, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, lowest = top + lowest, 0, 0
            yield _panel(panel, next(numbers), {"x": left, "y": top, "w": panel.width, "h": panel.height})
            left, lowest = left + panel.width, max(lowest, panel.height)
        top += lowest


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, **_colours(panel)}, "overrides": []},
        "options": _options(panel.kind),
        "targets": [_target(query, at) for at, query in enumerate(panel.queries)],
    }


def _colours(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    if panel.red_below is not None:
        steps = [{"color": "red", "value": None}, {"color": "green", "value": panel.red_below}]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _options(kind: str) -> dict[str, Any]:
    if kind == "timeseries":
        return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}}
    shown = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    return shown if kind == "stat" else {**shown, "displayMode": "basic", "orientation": "horizontal"}


def _target(query: Query, at: int) -> dict[str, Any]:
    letter = chr(ord("A") + at)
    return {"refId": letter, "datasource": SOURCE, "expr": query.expr, "legendFormat": query.legend or "__auto"}


def text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), encoding="utf-8")
