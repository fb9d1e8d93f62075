"""The reference tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from tools import layers, metrics_table, notice_kinds, reference, routes
from tools.generated import renewed

from overmind.core.model.codes import Code
from overmind.core.model.defaults import TYPE_LIMITS, default_strategies
from overmind.core.model.enums import WalletType
from overmind.core.model.outcome import Cause
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import Limits, StrategyShare
from overmind.http.endpoints import ENDPOINTS
from overmind.http.reference.openapi import is_described

ROOT = Path(__file__).parents[2]


def test_the_tables_of_operations_are_those_of_the_code() -> None:
    document = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert renewed(document, reference.TABLES) == document, "run: python -m tools.reference docs/operations.md"


def test_the_tables_of_metrics_are_those_of_the_code() -> None:
    document = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert renewed(document, metrics_table.TABLES) == document, "run: python -m tools.metrics_table docs/metrics.md"


def test_the_kinds_of_notices_are_those_of_the_code() -> None:
    document = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
    assert renewed(document, notice_kinds.TABLES) == document, "run: python -m tools.notice_kinds docs/notices.md"


def test_every_code_and_cause_is_explained() -> None:
    assert all(code.unit and code.meaning for code in Code)
    assert set(reference.CAUSES) == set(Cause)


def test_the_lock_names_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--hash=sha256:" in lock


def test_no_document_points_to_a_file_that_is_not_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:docs|tests)/[^`]*)`", text))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_map_of_the_rooms_is_that_of_the_contracts() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert renewed(document, layers.MAPS) == document, "run: python -m tools.layers docs/architecture.md"


def test_the_map_names_every_room() -> None:
    package = ROOT / "src" / "overmind"
    rooms = {path.stem for path in package.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    assert {room for layer in layers.layers_of("overmind") for room in layer} == rooms - {"__init__"}


def test_every_route_is_listed_and_explained() -> None:
    document = (ROOT / "docs" / "http-api.md").read_text(encoding="utf-8")
    assert renewed(document, routes.LISTS) == document, "run: python -m tools.routes docs/http-api.md"
    explained = document.split("<!-- reference -->", 1)[1]
    assert [one for one in ENDPOINTS if is_described(one) and f"### {one.method} {one.path}\n" not in explained] == []


def test_the_table_of_routes_is_that_of_the_routers() -> None:
    """A route that is in one of them alone is served to nobody, or is a promise that nobody keeps."""
    found = sorted((one.method, one.path) for one in routes.routes())
    assert found == sorted((one.method, one.path) for one in ENDPOINTS)
    assert len(set(found)) == len(found) > 20


def test_the_limits_of_the_specification_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
    row = re.compile(r"^\| ([\w, ]+) \| " + r"([\d.,]+) \| " * 6 + r"([\d.]+) \|$", re.MULTILINE)
    printed = {WalletType(one): found[1:] for found in row.findall(text) for one in found[0].split(", ")}
    taking_entries = set(WalletType) - {WalletType.EMERGENCY}
    assert printed == {kind: _printed(TYPE_LIMITS[kind]) for kind in taking_entries}


def _printed(limits: Limits) -> tuple[str, ...]:
    return (
        f"{limits.daily_loss_max_micros // MICROS:,}",
        f"{limits.position_max_micros // MICROS:,}",
        f"{limits.exposure_max_ppm * 100 // PPM}",
        f"{limits.positions_max}",
        f"{limits.stop_loss_ppm * 100 // PPM}",
        f"{limits.trades_per_day_max}",
        f"{limits.risk_level_ppm / PPM:g}",
    )


def test_the_shares_of_the_specification_are_those_of_the_code() -> None:
    text = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\w, ]+) \| ((?:\w+ \d+ / [\d,]+(?: · )?)+) \|$", text, re.MULTILINE)
    printed = {WalletType(one): shares for kinds, shares in rows for one in kinds.split(", ")}
    split = {kind: default_strategies(kind) for kind in WalletType}
    assert printed == {kind: " · ".join(map(_share, shares.items())) for kind, shares in split.items() if shares}


def _share(of_strategy: tuple[str, StrategyShare]) -> str:
    strategy, share = of_strategy
    return f"{strategy} {share.share_ppm * 100 // PPM} / {share.position_max_micros // MICROS:,}"
