"""A desk of two wallets on an embedded chain, with two swap servers: an honest one, and one with injected faults.

A router between desk and servers sends the requests of some wallets to the faulty server. So a test can break one
wallet's server and check that the other wallet still trades.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from solders.keypair import Keypair
from tests.support.maker_on_chain import NEW, BentPrices, FixedPrices

from overmind.clock.clocks import SystemClock
from overmind.config import MultiWalletConfig
from overmind.config.problems import Findings
from overmind.config.token_list import tokens_of
from overmind.config.variables.chain import Cluster
from overmind.core.model.enums import SaleScope, Side, StrategyType, TradeAction
from overmind.core.model.events import OrderClosed, OrderPlaced
from overmind.core.model.ids import SOL, Mint, SignalId, WalletId
from overmind.core.model.outcome import Outcome
from overmind.core.model.signal import Signal
from overmind.core.model.units import LAMPORTS, MICROS
from overmind.desk.app import App
from overmind.desk.market import connected
from overmind.desk.running import running
from overmind.journal.memory import MemoryJournal
from overmind.keys.secret_key import SecretKey
from overmind.ports import Priority
from overmind.sandbox.localnet import Faults, Localnet
from overmind.sandbox.maker.faults import MakerFaults
from overmind.sandbox.maker.server import Maker
from overmind.sandbox.rehearsal import books_equal_chain, live_on
from overmind.solana.chain import RpcChain
from overmind.solana.rpc import Rpc
from overmind.views.decisions import Decision, DecisionStatus

SLOT_MS: Final = 10
PATIENCE_S: Final = 90.0
DRAIN_S: Final = 60.0
CASH_UNITS: Final = 20_000 * MICROS
FLOAT_LAMPORTS: Final = 20 * LAMPORTS
KEYS: Final = {WalletId(f"w{n}"): Keypair.from_seed(bytes([90 + n] * 32)) for n in (1, 2)}
W1, W2 = KEYS
OWNERS: Final = {wallet_id: str(keypair.pubkey()) for wallet_id, keypair in KEYS.items()}
QUOTE, LISTED = tokens_of(Cluster.LOCALNET, None, Findings())
TOKENS: Final = (QUOTE, *LISTED.values(), NEW)


class RequestRouter:
    """Forwards requests: those of the chosen wallets to the faulty server, all others to the honest one."""

    def __init__(self, honest: Maker, spoilt: Maker) -> None:
        self.spoilt: set[WalletId] = set()
        self.spoils_prices = False
        self.url = ""
        self._servers = (honest, spoilt)
        self._http = aiohttp.ClientSession()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.get("/{path:.*}", self._pass_on)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _pass_on(self, request: web.Request) -> web.Response:
        taker = request.query.get("taker")
        hit = self.spoils_prices if taker is None else taker in {OWNERS[wallet_id] for wallet_id in self.spoilt}
        async with self._http.get(self._servers[hit].url + request.path_qs) as answer:
            headers = {name: answer.headers[name] for name in ("Retry-After", "Content-Type") if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


class ChainDesk:
    def __init__(self, folder: Path, net: Localnet, rpc: Rpc, prices: FixedPrices) -> None:
        self.net, self.rpc, self.prices, self.lies = net, rpc, prices, BentPrices(prices)
        self.clock = SystemClock()
        self.journal = MemoryJournal()
        self.folder = folder
        self._tokens = folder / "tokens.json"
        entry = {"symbol": NEW.symbol, "mint": NEW.mint, "decimals": NEW.decimals, "program": NEW.program}
        self._tokens.write_text(json.dumps({"localnet": [entry]}))

    def open(self, honest: Maker, spoilt: Maker, router: RequestRouter) -> None:
        self.honest, self.spoilt, self.router = honest, spoilt, router

    def environment(self, **more: str) -> dict[str, str]:
        wallets = f"{W1}:env:W1_KEY:primary:medium:0.5,{W2}:env:W2_KEY:hft:high:0.5"
        env = {f"{wallet_id.upper()}_KEY": str(keypair) for wallet_id, keypair in KEYS.items()}
        env |= {
            "OVERMIND_MANAGED_WALLETS": wallets,
            "OVERMIND_TOKENS_FILE": str(self._tokens),
            "OVERMIND_DATA_DIR": str(self.folder),
            "OVERMIND_LOCK_DIR": str(self.folder / "locks"),
            "OVERMIND_ANCHOR_DIR": str(self.folder.with_name(f"{self.folder.name}-anchors")),
            "OVERMIND_ATTEMPTS_MAX": "1",
            "OVERMIND_BALANCE_CHECK_INTERVAL_SEC": "1",
        }
        return live_on(env, self.net.url, self.router.url) | more

    async def fund(self) -> None:
        """Funds the wallets and waits until that is confirmed."""
        for owner in OWNERS.values():
            self.net.chain.airdrop(owner, FLOAT_LAMPORTS)
            self.net.chain.mint_to(QUOTE.mint, owner, CASH_UNITS)
        for owner in OWNERS.values():
            await self.until(partial(self.has, owner, QUOTE.mint, CASH_UNITS))
            await self.until(partial(self.has, owner, SOL, FLOAT_LAMPORTS))

    async def has(self, owner: str, mint: Mint, units: int) -> bool:
        async with RpcChain(self.rpc, self.clock) as chain:
            found = await chain.balances(owner, priority=Priority.MARK)
        return (found.lamports if mint == SOL else found.units.get(mint, 0)) == units

    @asynccontextmanager
    async def desk(self, **more: str) -> AsyncIterator[App]:
        """Runs a desk on the one journal; a second call is a restart."""
        config = MultiWalletConfig.from_env(self.environment(**more), dotenv=None)
        async with (
            connected(config, self.clock) as connect,
            running(App(config, self.journal, self.clock, connect), DRAIN_S) as app,
        ):
            yield app

    async def until(self, check: Callable[[], bool | Awaitable[bool]]) -> None:
        """Waits with a long timeout, for slow machines."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = check()
                if answer if isinstance(answer, bool) else await answer:
                    return
                await asyncio.sleep(0.02)

    async def agrees(self, app: App) -> None:
        """Waits until everything is final, then compares books and chain to the last unit."""
        assert await app.settle_finally(PATIENCE_S)
        assert await self.equal(app)

    async def equal(self, app: App) -> bool:
        async with RpcChain(self.rpc, self.clock) as chain:
            return await books_equal_chain(app.engine.state, chain)

    async def buy(self, app: App, number: int | str, wallet_id: WalletId = W1, **changes: Any) -> Decision:
        return await app.submit(buy_signal(number, wallet_id, **changes))

    async def outcome(self, app: App, decision: Decision) -> Outcome:
        """The outcome of a placed order, as first booked."""
        assert decision.status is DecisionStatus.PLACED, decision
        order_id = decision.order_id
        assert order_id is not None
        await self.until(lambda: order_id not in app.engine.state.open_orders)
        await app.engine.read(lambda state: state.seq)
        closed = [one.event for one in self.journal.read() if isinstance(one.event, OrderClosed)]
        return next(one.outcome for one in closed if one.order_id == order_id)

    def placed(self, side: Side) -> int:
        events = [one.event for one in self.journal.read()]
        return sum(isinstance(one, OrderPlaced) and one.order.side is side for one in events)


def buy_signal(number: int | str, wallet_id: WalletId = W1, **changes: Any) -> Signal:
    """A signal that buys SOL for $100 in that wallet; `changes` replace fields."""
    fields: dict[str, Any] = {
        "id": SignalId(f"s{number}"),
        "strategy": StrategyType.ARBITRAGE,
        "action": TradeAction.BUY,
        "mint": SOL,
        "risk_tolerance_ppm": 1_000_000,
        "notional_micros": 100 * MICROS,
        "exclude": tuple(one for one in OWNERS if one != wallet_id),
    }
    if changes.get("action") is TradeAction.SELL:
        fields |= {"notional_micros": None, "sell_all": "quantity" not in changes, "scope": SaleScope.DESK}
    return Signal(**(fields | changes))


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[ChainDesk]:
    clock = SystemClock()
    prices = FixedPrices(clock)
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(Localnet(port=0, slot_ms=SLOT_MS))
        rpc = await stack.enter_async_context(Rpc([net.url], clock, requests_per_s=math.inf))
        stage = ChainDesk(folder, net, rpc, prices)
        makers = [Maker(rpc, SecretKey.generate(), TOKENS, one, clock) for one in (prices, stage.lies)]
        honest, spoilt = [await stack.enter_async_context(maker) for maker in makers]
        stage.open(honest, spoilt, await stack.enter_async_context(RequestRouter(honest, spoilt)))
        await stage.fund()
        yield stage
        net.chain.set_faults(Faults())
        spoilt.faults = MakerFaults()


def on_stage(test: Callable[[ChainDesk], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Makes a test that runs on a funded stage."""

    async def play(folder: Path) -> None:
        async with staged(folder) as stage:
            await test(stage)

    def run(tmp_path: Path) -> None:
        asyncio.run(asyncio.wait_for(play(tmp_path), 4 * PATIENCE_S))

    return run
