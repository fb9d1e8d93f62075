"""The wall clock runs; instants are read exactly."""

from __future__ import annotations

import asyncio

import pytest

from overmind.clock import SystemClock
from overmind.core.model import NS
from overmind.instants import instant_ns

T = 1_743_897_600 * NS  # 2025-04-06T00:00:00Z


def test_the_wall_clock() -> None:
    async def nap() -> int:
        clock = SystemClock()
        before = clock.now_ns()
        await clock.sleep(0.001)
        return clock.now_ns() - before

    assert asyncio.run(nap()) >= 1_000_000


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
