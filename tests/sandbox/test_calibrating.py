"""A calibration on the embedded chain's own fills: signed transactions, a maker's quotes, and no market model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.command import as_json, overmind

from overmind.sandbox.maker.quoting import Terms


@pytest.mark.soak
def test_a_fit_predicts_later_fills_of_the_embedded_chain(tmp_path: Path) -> None:
    as_json(overmind(tmp_path, "demo", "--signals", "400", "--seed", "5", "--journal-dir", "chain", "--json"))
    done = overmind(tmp_path, "calibrate", "chain", "--out", "fit.toml", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)["classes"]}
    concluded = [row for row in rows.values() if row["check"] is not None]
    assert concluded, rows
    assert all(row["verdict"] == "holds" for row in concluded), concluded
    spreads = [row["fit"]["fixed_bps"] for row in concluded]
    assert all(one["low"] - 1 <= Terms().half_spread_bps <= one["high"] for one in spreads), spreads
    assert (done.returncode, (tmp_path / "fit.toml").exists()) == (0, True)
