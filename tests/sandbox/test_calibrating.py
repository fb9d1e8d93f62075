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
    for row in concluded:  # Its depth changes from hour to hour, so a fit may fail its test by a little.
        assert abs(row["check"]["difference_bps"]["value"]) < 2, row
        assert abs(row["fit"]["fixed_bps"]["value"] - Terms().half_spread_bps) < 2, row
    holding = {row["name"] for row in concluded if row["verdict"] == "holds"}
    assert done.returncode == (0 if holding else 3)
    written = (tmp_path / "fit.toml").read_text() if holding else ""
    assert {name for name in rows if f"[{name}]" in written} == holding
