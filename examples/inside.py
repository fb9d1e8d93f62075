"""The momentum strategy inside the desk: one process that decides, trades and keeps the books. Ctrl-C ends it.

    python examples/inside.py

It needs the package `overmind` alone, and a folder with a desk's `.env`: `overmind init` makes one. No service may run
there meanwhile, because a journal has one owner. It does what momentum_bot.py does over HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from decimal import Decimal

import overmind as om
from strategies import momentum

SYMBOL, USD, ENTER = "SOL", Decimal(500), Decimal("0.005")
BAR_S, LOOKBACK = 300, 12
STRATEGY = om.StrategyType.MOMENTUM_TRADING


async def bars() -> AsyncIterator[int]:
    """The time at which each bar begins, in seconds since 1970."""
    while True:
        await asyncio.sleep(BAR_S - time.time() % BAR_S)
        yield round(time.time()) // BAR_S * BAR_S


async def trade(
    manager: om.WalletManager, begins: AsyncIterator[int], signals: asyncio.Queue[object], lookback_s: int
) -> None:
    """Watches the desk's prices bar by bar, and puts a signal into the queue when the strategy wants to trade."""
    seen: dict[int, Decimal] = {}  # price by time of the bar
    async for at_s in begins:
        price = next((row for row in await manager.get_prices() if row.symbol == SYMBOL and not row.doubted), None)
        if price is None:
            print(f"the desk has no price of {SYMBOL} that it believes; waiting")
            continue
        now, first_s = Decimal(str(price.price_usd)), at_s - lookback_s
        seen = {one: kept for one, kept in seen.items() if one >= first_s} | {at_s: now}
        before, open_orders = seen.get(first_s), (await manager.get_portfolio_summary()).open_orders
        if before is None or open_orders:  # What an open order does to the holdings is not known yet.
            continue
        lots = [row.quantity_by_strategy for row in await manager.get_positions() if row.symbol == SYMBOL]
        wanted = momentum(SYMBOL, now, before, any(STRATEGY in owned for owned in lots), USD, ENTER)
        if wanted is not None:
            # The id follows from the bar, so that no bar is ever decided twice.
            of_bar = {"signal_id": f"inside-{SYMBOL}-{at_s}", "strategy_type": STRATEGY, "timestamp": str(at_s)}
            await signals.put({**of_bar, "action": wanted.action, "symbol": SYMBOL, **wanted.amount})


def told(record: om.Record) -> str:
    """What became of a signal or an order, in plain English."""
    match record:
        case om.Decision():
            return f"{record.signal_id}: {record.status.value}, {record.selection_reason}"
        case om.RejectedSignal():
            return f"{record.signal_id}: not decided, {record.error}"
        case om.ExecutionRecord():
            return f"{record.order_id}: {record.side} {record.status} in {record.wallet_id} {record.detail}".rstrip()


async def main() -> None:
    config, signals, records = om.MultiWalletConfig.from_env(), asyncio.Queue[object](), asyncio.Queue[om.Record]()
    async with om.WalletManager(config) as manager, asyncio.TaskGroup() as tasks:
        await manager.initialize(config.wallets.values())
        await om.MultiWalletExecutor(signals, records, manager).start()
        tasks.create_task(trade(manager, bars(), signals, LOOKBACK * BAR_S))
        while True:
            print(told(await records.get()))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
