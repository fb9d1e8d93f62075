"""At most so many wallets execute at the same time, in the order in which they asked (specification §7.7)."""

from __future__ import annotations

import asyncio

from bench.desks import bench_desk
from tests.desk.test_executor import running

from overmind.core.model.ids import WalletId
from overmind.desk.executor import RETRY_S, WalletSlots

A, B, C = WalletId("a"), WalletId("b"), WalletId("c")


def test_first_come_first_served_and_one_wallet_needs_one_slot() -> None:
    async def run() -> None:
        slots, served = WalletSlots(1), list[WalletId]()

        async def work(wallet_id: WalletId) -> None:
            await slots.acquire(wallet_id)
            served.append(wallet_id)

        await work(A)
        await work(A)
        waiting = [asyncio.create_task(work(wallet_id)) for wallet_id in (B, C)]
        for expected in ([A, A], [A, A], [A, A, B], [A, A, B, C]):
            await asyncio.sleep(0)
            assert served == expected
            slots.release(expected[-1])
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

    asyncio.run(run())


def test_an_order_gives_its_slot_back_and_only_then_the_next_is_signed() -> None:
    async def run() -> None:
        async with running(settings=bench_desk(2), wallets_max=1) as desk:
            for number in range(8):
                await desk.place(number)
            await desk.pass_s(RETRY_S)
            wallets = {known.order.wallet_id for known in desk.engine.state.open_orders.values()}
            assert len(wallets) > 1
            assert desk.venue.signed == 8

    asyncio.run(run())
