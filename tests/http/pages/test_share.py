"""Live views take their share of the processor and no more (specification §13.4)."""

from __future__ import annotations

import pytest

from overmind.core.model.units import NS
from overmind.http.pages.share import AGE_MAX_S, LIVE_S, SHARE, Share

MS = NS // 1_000


class Desk:
    """Views that are made whenever they are too old for their readers, on a clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.share = Share(lambda: self.now_s)

    def lives(self, costs_ms: dict[str, int], for_s: float) -> dict[str, int]:
        """How often each view is made while a live page asks for it every tenth of a second."""
        made_at, made = dict.fromkeys(costs_ms, -AGE_MAX_S), dict.fromkeys(costs_ms, 0)
        for _ in range(round(for_s * 10)):
            for view, cost_ms in costs_ms.items():
                if self.now_s - made_at[view] >= self.share.age_max_s(view):
                    self.share.made(view, cost_ms * MS)
                    made_at[view] = self.now_s
                    made[view] += 1
            self.now_s += 0.1
        return made


@pytest.mark.parametrize("costs_ms", [{"a": 2}, {"a": 30}, {"a": 2, "b": 10, "c": 30}, dict.fromkeys("abcdefghij", 10)])
def test_live_views_take_their_share_and_no_more(costs_ms: dict[str, int]) -> None:
    made = Desk().lives(costs_ms, 100)
    used_s = sum(made[view] * cost_ms / 1_000 for view, cost_ms in costs_ms.items())
    first_s = sum(costs_ms.values()) / 1_000
    assert used_s <= 100 * SHARE + first_s


def test_one_page_alone_shows_a_fill_within_a_second() -> None:
    made = Desk().lives({"wallets": 20}, 60)
    assert made["wallets"] >= 60


def test_no_view_is_older_than_its_bound() -> None:
    made = Desk().lives(dict.fromkeys(map(str, range(30)), 100), 60)
    assert min(made.values()) >= 60 / AGE_MAX_S - 1


def test_a_view_without_readers_takes_no_share() -> None:
    desk = Desk()
    desk.lives({"a": 20, "b": 20}, 5)
    both_s = desk.share.age_max_s("a")
    desk.lives({"a": 20}, LIVE_S + 1)
    assert desk.share.age_max_s("a") == both_s / 2
    assert desk.share.age_max_s("never made") == 0.0
