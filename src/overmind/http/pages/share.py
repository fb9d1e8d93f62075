"""How much of the processor live pages may take together, so that open pages do not slow trading.

After a view was rendered, the next live one waits until the share has paid for it. Whoever opens a page never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from overmind.ports import Clock

SHARE: Final = 0.04
WAIT_MAX_S: Final = 0.4  # With a tick it is less than the second in which a fill must show.


class Share:
    def __init__(self, clock: Clock, now_s: Callable[[], float]) -> None:
        self._clock = clock
        self._now_s = now_s  # of a clock that never jumps
        self._paid_s = 0.0  # when everything so far is paid for

    def add(self, used_ns: int) -> None:
        """Processor time that a view took."""
        now_s = self._now_s()
        paid_s = max(now_s, self._paid_s) + used_ns / 1e9 / SHARE
        self._paid_s = min(paid_s, now_s + WAIT_MAX_S)

    async def wait(self) -> None:
        if (wait_s := self._paid_s - self._now_s()) > 0:
            await self._clock.sleep(wait_s)
