"""Live pages wait for their share of the processor (specification §13.4)."""

from __future__ import annotations

import asyncio
from typing import Final

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.units import NS
from overmind.http.pages.share import SHARE, WAIT_MAX_S, Share

MS: Final = NS // 1_000


def waited(*used_ms: int, after_s: float = 0.0) -> float:
    """How long a live view waits after views that took so long."""

    async def play() -> float:
        loop = asyncio.get_running_loop()
        share = Share(VirtualClock(0), loop.time)
        for used in used_ms:
            share.add(used * MS)
        await asyncio.sleep(after_s)
        began = loop.time()
        await share.wait()
        return round(loop.time() - began, 6)

    return run_virtual(play())


def test_nobody_waits_for_what_is_paid() -> None:
    assert waited() == 0
    assert waited(2, after_s=2 / 1_000 / SHARE) == 0


def test_a_view_is_paid_by_time() -> None:
    assert waited(2) == 2 / 1_000 / SHARE
    assert waited(2, 4) == round(6 / 1_000 / SHARE, 6)
    assert waited(4, after_s=0.04) == round(4 / 1_000 / SHARE - 0.04, 6)


def test_no_page_waits_for_long() -> None:
    assert waited(*[500] * 10) == WAIT_MAX_S
