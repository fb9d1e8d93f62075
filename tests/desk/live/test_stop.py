"""A stop ends sending, also for a request that waited for its turn when the stop came."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.support.chain_desk import W1, W2, staged

from overmind.core.model.commands import EmergencyStop

RATE = "12"  # requests a second: sends wait for seconds
BLOCKS = 1_000


def test_no_entry_leaves_after_a_stop_was_acknowledged(tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            staged(tmp_path) as stage,
            stage.desk(OVERMIND_RPC_REQUESTS_PER_SEC=RATE, OVERMIND_ATTEMPTS_MAX="1") as app,
        ):
            for number, wallet in enumerate((W1, W2, W1, W2)):
                await stage.buy(app, number, wallet)
            state, chain = app.engine.state, stage.net.chain
            await stage.until(lambda: any(known.ticket is not None for known in state.open_orders.values()))
            await app.engine.handle(EmergencyStop("now"))
            landed, height = chain.history.count, chain.blocks.head.height
            await stage.until(lambda: chain.blocks.head.height > height + BLOCKS)
            assert chain.history.count <= landed + 1, "more than what was on its way when the stop came"

    asyncio.run(test())
