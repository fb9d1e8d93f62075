"""What time it is. The only module that may read the wall clock; everyone else takes a Clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`ports.Clock`, really."""

    def now_ns(self) -> int:
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
