"""How often answers are sent, all sources together, because each of them costs the event loop a fraction of a turn."""

from __future__ import annotations

from typing import Final

from overmind.core.model.units import NS
from overmind.ports import Clock

PER_S_MAX: Final = 100


class Pace:
    def __init__(self, clock: Clock, per_s_max: int = PER_S_MAX) -> None:
        self._clock = clock
        self._gap_ns = NS // per_s_max
        self._free_ns = 0  # when the next answer may be sent

    async def wait(self) -> None:
        now_ns = self._clock.now_ns()
        begin_ns = max(now_ns, min(self._free_ns, now_ns + NS))  # The clock of the machine may have been set back.
        self._free_ns = begin_ns + self._gap_ns
        if begin_ns > now_ns:
            await self._clock.sleep((begin_ns - now_ns) / NS)
