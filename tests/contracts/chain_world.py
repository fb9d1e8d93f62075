"""The venue on a cluster as a world: a localnet of short slots, a maker over HTTP, a wallet with plenty of money."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from tests.contracts.worlds import BONK, SOL_TOKEN, USDC, closing_of, move_of, order_of

from overmind.clock.clocks import SystemClock
from overmind.core.model.enums import Side
from overmind.core.model.ids import SOL, Mint, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Move, Order
from overmind.core.model.units import LAMPORTS, MICROS, PICO
from overmind.keys.secret_key import SecretKey
from overmind.ports import Priority, Tick, Venue
from overmind.sandbox.localnet import Faults, Localnet
from overmind.sandbox.maker.server import Maker
from overmind.solana.chain import RpcChain
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.notifications import Notifications
from overmind.solana.rpc import Rpc
from overmind.solana.signer import LocalSigner
from overmind.venues.jupiter import BLOCKHASH_BLOCKS, JupiterVenue

UNLISTED = Mint("2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo")
ROUGH = Faults(
    too_many_requests_ppm=5_000,
    unhealthy_ppm=20_000,
    html_ppm=20_000,
    truncated_ppm=10_000,
    wrong_json_ppm=10_000,
    nulls_ppm=20_000,
    drop_ppm=100_000,
    delay_ppm=100_000,
    duplicate_ppm=100_000,
    status_lag_slots=3,
    status_flap_ppm=100_000,
    stale_balance_ppm=50_000,
)
SLOT_MS = 5
FINAL_BLOCKS = 32
SPARE_BLOCKS = 40  # between the maker's blockhash and our read of the height, on a slow machine
TICKS_DEPTH_MICROS = 3_000_000 * MICROS
CAPITAL_USDC = 100_000_000 * MICROS
CAPITAL_LAMPORTS = 10_000 * LAMPORTS


class Market:
    """`ports.Prices` that do not move: SOL at 150 dollars, and no other token."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    def ticks(self) -> Mapping[Mint, Tick]:
        return {SOL: Tick(SOL, 150 * PICO, self._clock.now_ns(), TICKS_DEPTH_MICROS, 40)}


class ChainWorld:
    orders = 8
    life_s = (BLOCKHASH_BLOCKS + FINAL_BLOCKS + SPARE_BLOCKS) * SLOT_MS / 1_000

    def __init__(self, stack: AsyncExitStack, clock: SystemClock, net: Localnet, swap_url: str) -> None:
        self.key, self.other = SecretKey.generate(), SecretKey.generate()
        self.net = net
        self._stack = stack
        self._clock = clock
        self._swap_url = swap_url

    async def open(self) -> None:
        self.venue: Venue = await self.restart()

    async def restart(self) -> Venue:
        """New connections, like those of another process."""
        enter, clock = self._stack.enter_async_context, self._clock
        rpc = await enter(Rpc([self.net.url], clock, requests_per_s=math.inf))
        chain = await enter(RpcChain(rpc, clock, notifications=await enter(Notifications(self.net.ws_url, clock))))
        api = await enter(JupiterApi(self._swap_url, clock))
        keys = {WalletId("w1"): self.key.public_key}
        return JupiterVenue(api, chain, LocalSigner([self.key]), clock, keys, listed())

    def order(self, number: int, side: Side, **changes: object) -> Order:
        return order_of(number, side, self._clock.now_ns(), **changes)

    def unpriced(self) -> Order:
        return self.order(0, Side.BUY, receive=UNLISTED)

    def move(self, number: int, money: Money, **changes: object) -> Move:
        return move_of(number, money, self.other.public_key, self._clock.now_ns(), **changes)

    def closing(self, number: int) -> Move:
        return closing_of(number, self.key.public_key, self._clock.now_ns())

    async def wait(self, seconds: float) -> None:
        """Waits for as many blocks as that time has. A slow machine needs longer, but its tickets live longer too."""
        height = self._height() + round(seconds * 1_000 / SLOT_MS)
        while True:
            await self._clock.sleep(min(seconds, SLOT_MS / 1_000))
            if self._height() >= height:
                return

    def _height(self) -> int:
        return self.net.chain.blocks.head.height

    async def fund(self, rpc: Rpc) -> None:
        """Waits until it is visible."""
        net, owner = self.net.chain, self.key.public_key
        net.airdrop(owner, CAPITAL_LAMPORTS)
        net.mint_to(BONK.mint, owner, 0)
        net.mint_to(USDC.mint, owner, CAPITAL_USDC)
        async with RpcChain(rpc, self._clock) as chain:
            while (await chain.balances(owner, priority=Priority.MARK)).units.get(USDC.mint) != CAPITAL_USDC:
                await self._clock.sleep(SLOT_MS / 1_000)


def listed() -> dict[Mint, Token]:
    return {token.mint: token for token in (USDC, SOL_TOKEN, BONK)}


@asynccontextmanager
async def maker_on_localnet(faults: Faults | None = None) -> AsyncIterator[ChainWorld]:
    """`faults` apply after the wallet was funded."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        net = await stack.enter_async_context(Localnet(port=0, slot_ms=SLOT_MS))
        rpc = await stack.enter_async_context(Rpc([net.url], clock, requests_per_s=math.inf))
        tokens = tuple(listed().values())
        maker = await stack.enter_async_context(Maker(rpc, SecretKey.generate(), tokens, Market(clock), clock))
        world = ChainWorld(stack, clock, net, maker.url)
        await world.fund(rpc)
        net.chain.set_faults(faults or Faults())
        await world.open()
        yield world
