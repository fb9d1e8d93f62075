"""Files of costs: read strictly, and the package's own hold to the measured facts of the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from overmind.core.model.units import PPM
from overmind.venues.depth.classes import PARAMETERS, Level
from overmind.venues.depth.reading import SHIPPED, BadCosts, costs_from, shipped_costs

ROOT: Final = Path(__file__).parents[3]
SOL_FILE: Final = (ROOT / "src/overmind/data/costs/sol.toml").read_text()
FACTS: Final = (ROOT / "docs/solana-facts.md").read_text()
FEE_TABLE: Final = "[sol.pool_fee_bps]\ncalm = 1\nnormal = 2\nstress = 4\n"


def facts() -> dict[str, tuple[int, int]]:
    """The ranges of solana-facts §6: what is measured, from and to."""
    rows = re.findall(r"^\*\*6\.\d+\*\* `(\w+)`: ([\d,]+) to ([\d,]+)\.", FACTS, re.MULTILINE)
    return {name: (int(low.replace(",", "")), int(high.replace(",", ""))) for name, low, high in rows}


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("name", SHIPPED)
def test_each_class_holds_to_the_measured_facts(name: str, level: Level) -> None:
    of, known = shipped_costs(level).classes[name].token_class(), facts()
    assert set(known) == {"pool_fee_bps", "latency_ms", "priority_fee_lamports", "tip_lamports"}
    low, high = known["pool_fee_bps"]
    assert low * 100 <= of.pool_fee_ppm <= high * 100
    for values, field in (
        (of.latency_ms, "latency_ms"),
        (of.priority_fee_lamports, "priority_fee_lamports"),
        (of.tip_lamports, "tip_lamports"),
    ):
        low, high = known[field]
        assert low <= values[0], f"{field} begins below what is possible"
        assert values[-1] >= high, f"the tail of {field} ends before what was seen"


def test_a_busy_level_costs_no_less_than_a_calmer_one() -> None:
    calm, normal, stress = (shipped_costs(level).classes for level in Level)
    for name in SHIPPED:
        for easy, hard in ((calm[name], normal[name]), (normal[name], stress[name])):
            before, after = easy.token_class(), hard.token_class()
            for field in ("pool_fee_ppm", "spread_ppm", "failure_ppm", "expiry_ppm", "route_down_ppm"):
                assert getattr(before, field) <= getattr(after, field), (name, field)
            assert before.impact_half_life_ns <= after.impact_half_life_ns
            assert before.depth_per_volume_ppm >= after.depth_per_volume_ppm
            assert before.depth_floor_micros >= after.depth_floor_micros
            assert all(a <= b for a, b in zip(before.priority_fee_lamports, after.priority_fee_lamports, strict=True))


def test_chances_of_each_class_leave_room_for_a_fill() -> None:
    for level in Level:
        for one in shipped_costs(level).classes.values():
            of = one.token_class()
            assert of.failure_ppm + of.expiry_ppm + of.route_down_ppm < PPM // 2


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("SOL", "sol"),
        ("sol", "sol"),
        ("ETH", "major"),
        ("JitoSOL", "major"),
        ("USDT", "stable"),
        ("WIF", "meme"),
        ("", "meme"),
    ],
)
def test_the_class_of_a_symbol(symbol: str, name: str) -> None:
    assert shipped_costs().class_of(symbol).name == name


def test_a_parameter_says_where_it_comes_from() -> None:
    for one in shipped_costs().classes.values():
        assert list(one.stated) == [parameter.name for parameter in PARAMETERS]
        assert all(len(stated.source) > 10 and stated.fills == 0 for stated in one.stated.values())


def read(folder: Path, text: str) -> str:
    """What is wrong with a file; blank: nothing."""
    file = folder / "mine.toml"
    file.write_text(text)
    try:
        costs_from(file)
    except BadCosts as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[sol]", "[gold]", "mine.toml: gold: no such class. The classes are sol, major, stable, meme."),
        ("calm = 1\n", "calm = nan\n", "mine.toml: sol.pool_fee_bps.calm: 'nan' is not a finite number"),
        ("calm = 1\n", "calm = -1\n", "mine.toml: sol.pool_fee_bps.calm: -1 is out of bounds. Write a number from 0"),
        ("calm = 1\n", "calm = 1e9\n", "mine.toml: sol.pool_fee_bps.calm: "),
        ("calm = 1\n", "calm = 0.001\n", "mine.toml: sol.pool_fee_bps.calm: 0.001 has too many decimals"),
        ("calm = 1\n", 'calm = "much"\n', "mine.toml: sol.pool_fee_bps.calm: "),
        ("calm = 1\n", "calm = true\n", "mine.toml: sol.pool_fee_bps.calm: "),
        ("calm = 1\n", "", "mine.toml: sol.pool_fee_bps.calm: missing. Write a number from 0 to 1000"),
        ("calm = 1\n", "calm = 1\ncalm = 2\n", "mine.toml: no TOML: "),
        ("calm = 1\n", "kind = 1\n", "mine.toml: sol.pool_fee_bps.kind: nobody knows it. The fields are calm, fills,"),
        ("calm = 1\n", "value = 1\n", "mine.toml: sol.pool_fee_bps: value beside calm, normal, stress"),
        (FEE_TABLE, "[sol.other]\nvalue = 1\n", "mine.toml: sol.other: nobody knows it"),
        ('symbols = ["SOL"]', "symbols = 7", "mine.toml: sol.symbols: no list of symbols"),
        ("fills = 0", "fills = -1", "mine.toml: sol.pool_fee_bps.fills: '-1' is out of bounds"),
        ("source = ", "# ", "mine.toml: sol.pool_fee_bps.source: missing"),
        ("[400, 800, 1200, 2000, 8000]", "[400, 800]", "mine.toml: sol.latency_ms.calm: no list of five numbers"),
        ("[400, 800, 1200, 2000, 8000]", "[400, 800, 700, 2000, 8000]", "sol.latency_ms.calm: a number less than the"),
        (
            "[400, 800, 1200, 2000, 8000]",
            "[400, 800, 1200, 2000, 60000]",
            "sol.latency_ms.calm: 60000 is out of bounds",
        ),
    ],
)
def test_a_bad_value_is_refused_with_its_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOL_FILE, old
    assert said in read(tmp_path, SOL_FILE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it states no class"),
        ("sol = 3", "sol: no table"),
        (
            "[sol]\nsymbols = []",
            "sol.pool_fee_bps: missing. Write [sol.pool_fee_bps] with a value and a source: what the",
        ),
        ("[sol", "no TOML: "),
        ("x" * 300_000, "too large"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in read(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCosts, match=r"absent\.toml: cannot be read: No such file"):
        costs_from(tmp_path / "absent.toml")


def test_a_file_replaces_the_classes_that_it_states(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        SOL_FILE.replace(FEE_TABLE, "[sol.pool_fee_bps]\nvalue = 3.25\n").replace("fills = 0", "fills = 231", 1)
    )
    found = costs_from(file)
    assert (found.name, found.classes["sol"].stated["pool_fee_bps"].fills) == ("mine.toml", 231)
    assert found.classes["sol"].token_class().pool_fee_ppm == 325
    assert found.classes["sol"].token_class().spread_ppm == 200  # of a parameter with three levels: normal
    assert found.classes["meme"] == shipped_costs().classes["meme"]
