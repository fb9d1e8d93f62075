"""The benchmark of choosing wallet and route: a world is a file, policies are paired, and the gate holds."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from bench.routing.command import ALL, OURS, main, measure
from bench.routing.ours import CostModel, Learning
from bench.routing.report import Report, difference, ratio
from bench.routing.runner import run
from bench.routing.world import NoWorld, World, load

ROOT = Path(__file__).parents[2]
WORLDS = sorted((ROOT / "bench" / "worlds").glob("[!_]*.py"))
DRIFT = ROOT / "bench" / "worlds" / "drift.py"


@pytest.mark.parametrize("path", WORLDS, ids=lambda path: path.stem)
def test_every_world_runs_without_a_breach_and_repeats(path: Path) -> None:
    first, again = (measure(path, 6, 25, [3], OURS) for _ in range(2))
    assert first == again
    assert {row.breaches for row in first.rows} == {0}
    assert {row.policy for row in first.rows} == {"static", "cost model", "learned", "learned, exploring"}


def test_every_policy_meets_the_same_world() -> None:
    """A policy's choices do not depend on who else runs."""

    def decisions(world: World, makers: tuple[type[CostModel], ...]) -> str:
        return run(world, [make(world, 1) for make in makers])["cost model"].decisions

    alone = decisions(load(DRIFT)(1, 6, 40), (CostModel,))
    assert alone == decisions(load(DRIFT)(1, 6, 40), (Learning, CostModel))
    assert alone != decisions(load(DRIFT)(2, 6, 40), (CostModel,))


def test_where_nothing_differs_and_nothing_was_learned_the_learner_is_the_cost_model() -> None:
    found = measure(ROOT / "bench" / "worlds" / "homogeneous.py", 6, 20, [1], OURS)
    assert found.row("learned").decisions == found.row("cost model").decisions


def test_writing_the_cost_down_is_most_of_the_gain() -> None:
    found = measure(DRIFT, 20, 150, [1, 2], OURS)
    assert found.row("cost model").regret_bps < 0.6 * found.row("static").regret_bps


def test_the_command_prints_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--world", str(DRIFT), "--wallets", "4", "--signals", "20", "--seeds", "2"]
    assert main([*wanted, "--json"]) == 0
    found = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert (found.world, found.wallets, found.signals, found.seeds) == ("drift", 4, 20, [0, 1])
    assert len(found.rows) == len(ALL)
    assert main(wanted) == 0
    assert "cost model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "there is no such file"),
        ("world = 1", "has no function world(seed, wallets, signals)"),
        ("def wrld(): ...", "has no function world(seed, wallets, signals)"),
        ("import nothing_of_that_name", "cannot be read: No module named"),
        ("def", "cannot be read"),
    ],
)
def test_a_file_that_is_no_world_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, says: str
) -> None:
    path = tmp_path / "odd.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(NoWorld, match=f"{path}: "):
        load(path)
    assert main(["--world", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_intervals_hold_what_they_are_of() -> None:
    one, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])
    found = ratio(one, other)
    assert found is not None
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)
    gained = difference(one, other)
    assert gained.low <= gained.value == -2.0 <= gained.high
    assert ratio(one, np.zeros(3)) is None


def test_the_product_never_imports_the_benchmark() -> None:
    sources = list((ROOT / "src").rglob("*.py"))
    assert sources
    assert [path for path in sources if "import bench" in (text := path.read_text()) or "from bench" in text] == []
