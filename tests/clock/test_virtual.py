"""Virtual time: it reaches every timer, however long the run is."""

from __future__ import annotations

import asyncio

from overmind.clock.virtual import run_virtual

MONTHS_S = 7_800_000.0  # a float there counts in steps of about a nanosecond


def test_time_reaches_every_timer_after_months() -> None:
    async def sleep_often() -> float:
        await asyncio.sleep(MONTHS_S)
        for number in range(2_000):
            await asyncio.sleep(0.0123456789 * (number % 7 + 1) / 3)
        return asyncio.get_running_loop().time()

    assert run_virtual(sleep_often()) > MONTHS_S + 30
