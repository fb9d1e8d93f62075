"""The clocks, and instants read exactly."""

from __future__ import annotations

import asyncio

import pytest

from overmind.clock.clocks import SystemClock
from overmind.clock.desk_clock import DeskClock
from overmind.clock.instants import instant_ns
from overmind.clock.virtual import run_virtual
from overmind.core.model.units import NS
from overmind.ports import MachineClock

T = 1_743_897_600 * NS  # 2025-04-06T00:00:00Z


def test_the_wall_clock() -> None:
    async def nap() -> int:
        clock = SystemClock()
        before = clock.now_ns()
        await clock.sleep(0.001)
        return clock.now_ns() - before

    assert asyncio.run(nap()) >= 1_000_000


def test_the_clocks_of_the_machine_that_cannot_jump() -> None:
    clock = SystemClock()
    assert isinstance(clock, MachineClock)
    before = clock.steady_ns(), clock.boot_ns()
    assert clock.steady_ns() > before[0]
    assert clock.boot_ns() > before[1]


def test_virtual_time_waits_for_the_end_of_the_default_threads() -> None:
    """The loop ends them when it closes. Their thread may take long to say so."""

    async def used() -> int:
        return await asyncio.to_thread(lambda: 1)

    assert [run_virtual(used()) for _ in range(20)] == [1] * 20


class SetClock:
    """A wall clock that a test sets."""

    def __init__(self, now_ns: int) -> None:
        self.at_ns = now_ns

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def test_desk_time_runs_on_at_half_speed_until_a_clock_set_back_has_caught_up() -> None:
    wall = SetClock(T)
    clock = DeskClock(wall)
    for wall_s, desk_s in [(0, 0), (10, 10), (-3_590, 10), (-3_580, 15), (-3_490, 60), (20, 1_815), (7_200, 7_200)]:
        wall.at_ns = T + wall_s * NS
        assert clock.now_ns() == T + desk_s * NS, wall_s


def test_desk_time_is_never_before_the_journal() -> None:
    wall = SetClock(T)
    clock = DeskClock(wall)
    clock.begin_after(T + 100 * NS, in_doubt=False)
    assert clock.now_ns() == T + 100 * NS
    wall.at_ns = T + 10 * NS
    assert clock.now_ns() == T + 105 * NS


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-04-06T00:00:00Z", T),
        ("2025-04-06 02:00:00+02:00", T),
        ("2025-04-06T00:00:00.000001+00:00", T + 1_000),
        ("1743897600", T),
        ("1743897600.000000001", T + 1),
        ("1743897600000", T),
        ("1743897600000.5", T + 500_000),
        ("1.7438976e9", T),
        ("2025", 2_025 * NS),
        ("100000000000", 100_000_000 * NS),
    ],
)
def test_instants(text: str, instant: int) -> None:
    assert instant_ns(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2025-04-06T00:00:00",
        "2025-13-06T00:00:00Z",
        "2300-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "0",
        "-5",
        "99999999999",  # the last that counts as seconds: the year 5138
        "1e99999",
        "NaN",
        "Infinity",
        "1_743_897_600",
        "１７４３８９７６００",
        "\ud800" * 12,
    ],
)
def test_no_instants(text: str) -> None:
    with pytest.raises(ValueError, match="'"):
        instant_ns(text)
