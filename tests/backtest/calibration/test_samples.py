"""What a journal tells about the costs of its orders, and the command that fits to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from msgspec import structs
from tests.backtest.tapes import FREE, START_NS, STEP_NS, buy, costs_with, run, tape_of
from tests.backtest.test_costs import by_hft
from tests.support.command import overmind

from overmind.backtest.calibration.samples import Simulated, samples_of
from overmind.core.model.enums import TradingMode
from overmind.core.model.events import DeskFounded, Entry, OrderClosed
from overmind.core.model.outcome import Filled
from overmind.core.model.units import MICROS, NS
from overmind.journal.sqlite import SqliteJournal
from overmind.venues.depth.classes import Costs
from overmind.venues.depth.reading import costs_from

ORDERS: Final = 78


def entries_of(folder: Path, half_life_s: int, failing_percent: int = 0) -> list[Entry]:
    """78 buys of $30 to $205, as if a live desk had made them. The market before them stands still at $100."""
    costs: Costs = costs_with(
        **{
            **FREE,
            "pool_fee_bps": 500,
            "depth_per_volume_percent": 0,
            "depth_floor_usd": 500_000 * MICROS,
            "impact_half_life_s": half_life_s * NS,
            "failure_percent": failing_percent * 10_000,
        }
    )
    sizes = [30 + 37 * number % 176 for number in range(ORDERS)]
    signals = [
        by_hft(buy(f"s{number}", START_NS + round((15.5 + number) * STEP_NS), dollars))
        for number, dollars in enumerate(sizes)
    ]
    _, entries = run(folder, tape_of([(100, 100)] * 100), signals, costs=costs)
    return [live(entry) for entry in entries]


def live(entry: Entry) -> Entry:
    if isinstance(entry.event, DeskFounded):
        return structs.replace(entry, event=structs.replace(entry.event, mode=TradingMode.LIVE))
    return entry


def test_a_sample_says_what_an_order_cost(tmp_path: Path) -> None:
    first, second, *rest = samples_of(entries_of(tmp_path, 1), lambda symbol: symbol.lower())
    assert len(rest) == ORDERS - 2
    assert (first.class_name, first.value_usd, first.outcome) == ("sol", 30, "filled")
    assert first.shortfall_bps == pytest.approx(5 + 30 / 500_030 * 10_000, abs=0.01)
    assert second.shortfall_bps == pytest.approx(5 + 67 / 500_067 * 10_000, abs=0.01)
    assert (first.priority_lamports, second.at_ns - first.at_ns) == (0, STEP_NS)


def test_a_failed_order_is_a_sample_without_a_price(tmp_path: Path) -> None:
    samples = samples_of(entries_of(tmp_path, 1, failing_percent=50), lambda symbol: symbol)
    failed = [one for one in samples if one.outcome == "failed"]
    assert 20 < len(failed) < 60
    assert {(one.shortfall_bps, one.priority_lamports, one.latency_ms is None) for one in failed} == {(None, 0, False)}


def test_a_models_own_fills_teach_nothing(tmp_path: Path) -> None:
    _, entries = run(tmp_path, tape_of([(100, 100)] * 20), [buy("a", START_NS + STEP_NS)])
    with pytest.raises(Simulated):
        samples_of(entries, lambda symbol: symbol)


def written(folder: Path, entries: Sequence[Entry]) -> Path:
    path = folder / "overmind.db"
    with closing(SqliteJournal.open(path)) as journal:
        asyncio.run(journal.append(entries))
    return path


def test_the_command_fits_writes_and_its_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, entries_of(tmp_path, 1))
    done = overmind(tmp_path, "calibrate", str(path), "--out", "mine.toml", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (row,) = told["classes"]
    assert (row["name"], row["verdict"], row["fills"], told["sent"]) == ("sol", "holds", ORDERS, ORDERS)
    assert row["fit"]["depth_usd"]["value"] == pytest.approx(500_000, rel=0.02)
    stated = costs_from(tmp_path / "mine.toml").classes["sol"].stated["pool_fee_bps"]
    assert (stated.value, stated.fills) == (500, 55)


@pytest.mark.parametrize(
    ("kept", "worse_from", "said"),
    [
        (ORDERS, 60, "does not hold"),
        (30, ORDERS, "sol: 30 fills, where 67 are needed. Nothing is concluded."),
    ],
    ids=["a market that changed", "too few"],
)
def test_the_command_does_not_conclude_what_fills_do_not_say(
    tmp_path: Path, kept: int, worse_from: int, said: str
) -> None:
    entries = [*until_order(entries_of(tmp_path, 1), kept, worse_from)]
    done = overmind(tmp_path, "calibrate", str(written(tmp_path, entries)), "--out", "mine.toml")
    assert (done.returncode, said in done.stdout, "nothing is concluded" in done.stderr) == (3, True, True)
    assert not (tmp_path / "mine.toml").exists()


def until_order(entries: Sequence[Entry], kept: int, worse_from: int) -> Iterator[Entry]:
    """As many orders as that; from the `worse_from`th on each got a thousandth less."""
    closed = 0
    for entry in entries:
        event = entry.event
        if isinstance(event, OrderClosed) and isinstance(event.outcome, Filled):
            closed += 1
            if closed >= worse_from:
                less = structs.replace(event.outcome, received_units=event.outcome.received_units * 999 // 1_000)
                event = structs.replace(event, outcome=less)
        yield structs.replace(entry, event=event)
        if closed == kept:
            return


def test_the_command_refuses_a_paper_desk(tmp_path: Path) -> None:
    _, entries = run(tmp_path, tape_of([(100, 100)] * 20), [buy("a", START_NS + STEP_NS)])
    done = overmind(tmp_path, "calibrate", str(written(tmp_path, entries)))
    assert (done.returncode, "a paper desk's journal" in done.stderr) == (3, True)
