"""A live page gets again what was found, for a while that grows with what the look took. A loaded page looks anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from starlette.requests import Request

from overmind.clock.virtual import run_virtual
from overmind.http.archive import Pages
from overmind.http.pages.records.sparing import KEPT_MAX, SHARED_MAX_S, TIMES, Sparing
from overmind.http.pages.showing import FRAGMENT

T = TypeVar("T")
NO_JOURNAL: Any = None


class Slow:
    """Each look takes so long."""

    def __init__(self, took_s: float) -> None:
        self._took_s = took_s
        self.looks = 0

    async def look(self, look: Callable[[Pages], T]) -> T:
        self.looks += 1
        await asyncio.sleep(self._took_s)
        return look(NO_JOURNAL)


def asked(path: str, live: bool = True) -> Request:
    headers = [(FRAGMENT.encode(), b"1")] if live else []
    where = {"path": path, "query_string": b"", "server": ("127.0.0.1", 80), "scheme": "http"}
    return Request({"type": "http", "method": "GET", "headers": headers, **where})


@pytest.mark.parametrize(
    ("took_s", "live", "after_s", "looks"),
    [
        (0.1, True, 0.0, 1),
        (0.1, True, 0.1 * TIMES - 0.01, 1),
        (0.1, True, 0.1 * TIMES + 0.01, 2),
        (0.1, False, 0.0, 2),
        (9.0, True, SHARED_MAX_S - 0.01, 1),
        (9.0, True, SHARED_MAX_S + 0.01, 2),
    ],
)
def test_a_look_is_shared_for_as_long_as_it_was_dear(took_s: float, live: bool, after_s: float, looks: int) -> None:
    async def run() -> int:
        slow = Slow(took_s)
        sparing = Sparing[str](slow)
        assert await sparing.look(asked("/desk/orders"), lambda _: "first") == "first"
        await asyncio.sleep(after_s)
        again = await sparing.look(asked("/desk/orders", live), lambda _: "second")
        assert again == ("first" if slow.looks == 1 else "second")
        return slow.looks

    assert run_virtual(run()) == looks


def test_each_question_has_its_own_answer_and_few_are_kept() -> None:
    async def run() -> int:
        slow = Slow(0.01)
        sparing = Sparing[int](slow)
        for number in range(KEPT_MAX + 1):
            assert await sparing.look(asked(f"/desk/{number}"), lambda _, number=number: number) == number
        assert await sparing.look(asked("/desk/0"), lambda _: -1) == -1, "the oldest one is forgotten"
        return slow.looks

    assert run_virtual(run()) == KEPT_MAX + 2
