"""Answers fit Telegram's bound and say where they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overmind.notices.telegram.texts import UNITS_MAX, cut


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize("line", ["a wallet", "🜲" * 10, "x"])
def test_a_long_answer_is_cut_at_a_line_and_says_so(line: str) -> None:
    told = cut("\n".join([line] * 5_000), "why")
    assert units(told) <= UNITS_MAX
    *kept, last = told.splitlines()
    assert {*kept} == {line}
    assert last == "… cut here: `overmind explain` on the machine shows all of it."


def test_a_long_line_without_an_end_is_cut_too() -> None:
    assert units(cut("🜲" * 10_000, "status")) <= UNITS_MAX


def test_nothing_in_an_answer_moves_a_cursor() -> None:
    assert cut("a\x1b[2J\nb\u202e", "status") == "a\\x1b[2J\nb\\u202e"


@given(st.text(max_size=6_000))
def test_every_answer_is_within_the_bound(text: str) -> None:
    assert units(cut(text, "status")) <= UNITS_MAX
