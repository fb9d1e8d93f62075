"""How the views of the past write ids, rules, basis points and limits."""

from __future__ import annotations

import pytest

from overmind.http.pages.record_formats import alike, bps, by_cost, short_id, since, some


def test_wallets_that_need_the_same_changes_share_a_row() -> None:
    enable, smaller = {"code": "A", "change": "enable"}, {"code": "B", "change": "smaller"}
    ways = [
        {"wallet_id": None, "changes": [smaller]},
        {"wallet_id": "w1", "changes": [enable]},
        {"wallet_id": "w2", "changes": [enable, smaller]},
        {"wallet_id": "w3", "changes": [enable]},
    ]
    assert [(row["wallets"], len(row["changes"])) for row in alike(ways)] == [
        (["every wallet"], 1),
        (["w1", "w3"], 1),
        (["w2"], 2),
    ]


@pytest.mark.parametrize(
    ("names", "told"), [(["a"], "a"), (["a", "b", "c"], "a, b, c"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")]
)
def test_a_few_names_are_told(names: list[str], told: str) -> None:
    assert some(names) == told


def test_those_that_may_take_it_come_first_and_the_cheapest_of_them() -> None:
    given = [("a", ["x"], 1.0), ("b", [], 3.0), ("c", ["x"], None), ("d", [], 2.0)]
    rows = [{"wallet_id": name, "refusals": why, "expected_cost_bps": cost} for name, why, cost in given]
    assert [row["wallet_id"] for row in by_cost(rows)] == ["d", "b", "a", "c"]


def test_a_mint_within_an_id_is_shortened() -> None:
    assert short_id("stop:w1:So11111111111111111111111111111111111111112:0.0.0") == "stop:w1:So111…1112:0.0.0"
    assert short_id("momentum-2025-04-06") == "momentum-2025-04-06"


@pytest.mark.parametrize(
    ("value", "told"), [(None, "\u2013"), (0.0, "0.0 bps"), (1.25, "+1.2 bps"), (-3.0, "\u22123.0 bps")]
)
def test_basis_points_have_a_sign(value: float | None, told: str) -> None:
    assert bps(value) == told


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (None, "\u2013"),
        ("", "\u2013"),
        ("last spring", "last spring"),
        ("2026-11-29T08:00:00+00:00", '<time datetime="2026-11-29T08:00:00Z">2026-11-29 <b>08:00:00</b></time>'),
    ],
)
def test_a_time_that_is_none_does_not_take_the_page_down(at: str | None, told: str) -> None:
    assert since(at) == told
