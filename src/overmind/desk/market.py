"""Connects a desk to a venue and to prices: paper on a tape, paper on live prices, or a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, NamedTuple

import msgspec

from overmind.clock.desk_clock import DeskClock
from overmind.config import MultiWalletConfig, WalletConfig
from overmind.config.variables.chain import Cluster
from overmind.config.variables.paper import PriceSource
from overmind.core.books.state import State
from overmind.core.model.commands import CommandRefused, SellDue
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import TradingMode
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Order
from overmind.core.model.route import RouteName
from overmind.desk.engine import Engine
from overmind.desk.executor import at_once
from overmind.desk.proceeds import ProceedsWitness
from overmind.desk.relaying import relay_settings
from overmind.desk.tokens import LiveTokens, PricedMints
from overmind.journal.key_locks import KeyLocks
from overmind.ports import TRUSTED, Clock, FirstPrice, Prices, SecondSource, Tick, Venue
from overmind.prices.candles import load_tape, shipped_tape_path
from overmind.prices.feeds import LoopedTape, TapePrices
from overmind.prices.jupiter import JupiterPrices
from overmind.prices.pyth import PythPrices
from overmind.prices.tape import Tape
from overmind.solana.chain import RpcChain
from overmind.solana.clusters import WrongCluster, verify_cluster
from overmind.solana.jupiter_api import JupiterApi, JupiterLooks
from overmind.solana.notifications import Notifications
from overmind.solana.pyth import PythFeed
from overmind.solana.routes.counts import LandingCounts, RouteCounts
from overmind.solana.routes.priority import PriorityFees
from overmind.solana.routes.relay import RelayRoute
from overmind.solana.rpc import Endpoint, Rpc
from overmind.solana.signer import LocalSigner
from overmind.venues.jupiter import JupiterVenue
from overmind.venues.paper import PaperModel, PaperVenue, PlainMarket, makes_account
from overmind.venues.paper_market import PaperMarket
from overmind.venues.paper_routes import RoutedMarket
from overmind.venues.proceeds import SaleProceeds
from overmind.venues.round_trip import RoundTrip

MARK_EVERY_S: Final = 1.0
STALE_CANDLES: Final = 2

Service = Callable[[], Awaitable[None]]


class OnChain(msgspec.Struct, frozen=True):
    """What live trading needs beside a venue and prices."""

    chain: RpcChain
    notifications: Notifications
    genesis_hash: str
    signer: LocalSigner
    public_keys: dict[WalletId, str]  # wallets that can sign
    relay: RelayRoute
    locks: KeyLocks | None = None  # None: a scratch desk, whose keys nobody else has

    def admit(self, wallet: WalletConfig) -> None:
        """Lets the wallet sign from now on. Raises JournalLocked if another desk on this machine has its key."""
        if self.locks is not None and wallet.wallet.id not in self.public_keys:
            self.locks.take(wallet.wallet.public_key)
        self.signer.add(wallet.key)
        self.public_keys[wallet.wallet.id] = wallet.wallet.public_key


class RouteSource(NamedTuple):
    """A route to the chain, with what it was asked to carry and what became of that."""

    name: RouteName
    sends: RouteCounts
    landings: LandingCounts


class Remote(NamedTuple):
    """Whom the desk asks over the network, for whoever watches that they answer."""

    nodes: tuple[Endpoint, ...] = ()
    swap_servers: tuple[JupiterApi, ...] = ()
    first_prices: JupiterPrices | None = None  # None: a tape
    second_prices: JupiterPrices | PythPrices | None = None  # None: there is no second source
    routes: tuple[RouteSource, ...] = ()


class MarketAccess(msgspec.Struct, frozen=True):
    venue: Venue
    prices: Prices
    desk: Desk
    mark_every_s: float = MARK_EVERY_S
    services: Sequence[Service] = ()
    look_first: Service | None = None  # runs before the first marks
    on_chain: OnChain | None = None  # None on paper
    second: SecondSource | None = None  # confirms `prices`
    proceeds: SecondSource | None = None  # confirms `prices` for sales
    round_trip: RoundTrip | None = None  # tries tokens that no list has; None on paper
    remote: Remote = Remote()
    first_price_ns: FirstPrice = at_once  # when an order meets its first price
    look_inside: Callable[[], Iterable[SellDue]] = tuple  # sales that prices since the newest mark have made due


Connect = Callable[[Engine, Clock], MarketAccess]


def paper(
    config: MultiWalletConfig, tape: Tape, *, seed: int = 0, historical: bool = False, model: PaperModel | None = None
) -> Connect:
    """A paper market on a tape. `historical`: the clock runs on tape time, and prices are as old as their candles."""

    def connect(engine: Engine, clock: Clock) -> MarketAccess:
        # A tape is its own witness: what it says is what happens.
        desk = msgspec.structs.replace(config.desk, price_jump_max_ppm=0, witness_bound_bps=0)
        if not historical:
            prices: Prices = LoopedTape(tape, clock)
            return MarketAccess(paper_venue(config, engine, clock, prices, seed, model), prices, desk)
        prices = TapePrices(tape, clock)
        desk = msgspec.structs.replace(desk, mark_age_max_ns=STALE_CANDLES * tape.longest_ns)
        venue = paper_venue(config, engine, clock, prices, seed, model)
        return MarketAccess(venue, prices, desk, mark_every_s=tape.step_ns / 1e9)

    return connect


def paper_venue(
    config: MultiWalletConfig,
    engine: Engine,
    clock: Clock,
    prices: Prices,
    seed: int,
    model: PaperModel | None,
    bounds_slippage: bool = False,
    awaits_price: bool = False,
    tick_of: Callable[[Order], Tick | None] | None = None,
    market: PaperMarket | None = None,
) -> PaperVenue:
    """A venue on paper for the wallets of this engine."""

    def has_account(wallet_id: WalletId, mint: Mint) -> bool:
        book = engine.state.wallets[wallet_id]
        if mint in book.token_accounts or mint not in book.entries:
            return mint in book.token_accounts
        signed = (known for known in engine.state.open_orders.values() if known.order.wallet_id == wallet_id)
        return any(one.ticket is not None and one.order.receive == mint and makes_account(one.ticket) for one in signed)

    def held(wallet_id: WalletId, mint: Mint) -> int:
        return engine.state.ledger.owned(engine.state.wallets[wallet_id].accounts, mint)

    desk, tokens = config.desk, _sellable(engine.state, config.desk)
    if market is None and desk.routing.routes:
        market = RoutedMarket(PlainMarket(model or PaperModel(), desk.costs), desk.routing.routes)
    return PaperVenue(
        prices,
        clock,
        seed,
        model or PaperModel(),
        desk.quote,
        tokens,
        desk.costs,
        has_account,
        held,
        bounds_slippage,
        awaits_price,
        tick_of,
        market,
    )


def _sellable(state: State, desk: Desk) -> dict[Mint, Token]:
    """The listed tokens, and delisted ones that are held or on order: delisting never blocks an exit."""
    held = {mint: one.token for book in state.wallets.values() for mint, one in book.positions.items()}
    ordered = {known.order.mint: known.token for known in state.open_orders.values() if known.token is not None}
    return {**ordered, **held, **desk.tokens}


@asynccontextmanager
async def connected(
    config: MultiWalletConfig, clock: Clock, *, seed: int = 0, model: PaperModel | None = None
) -> AsyncIterator[Connect]:
    """The configured market, with its connections open for the duration of the block.

    Raises TapeError; CommandRefused for a cluster that may not be traded on; ChainSilent if the cluster is unreachable.
    """
    async with AsyncExitStack() as stack:
        if config.mode is TradingMode.LIVE:
            yield await _live(config, clock, stack)
        elif config.paper_prices is PriceSource.LIVE:
            api = await stack.enter_async_context(_swap_api(config, clock))
            witnesses = Witnesses(await _witness_api(config, clock, stack), await _oracle_node(config, clock, stack))
            yield _paper_on_live_prices(config, api, witnesses, seed, model)
        else:
            yield paper(config, open_tape(config), seed=seed, model=model)


def open_tape(config: MultiWalletConfig) -> Tape:
    """The configured price tape, or the shipped one. Raises TapeError."""
    return load_tape(config.price_tape or shipped_tape_path(), tokens_by_symbol(config.desk))


def tokens_by_symbol(desk: Desk) -> dict[str, Token]:
    return {token.symbol: token for token in desk.tokens.values()}


def _swap_api(config: MultiWalletConfig, clock: Clock) -> JupiterApi:
    key = config.chain.swap_api_key
    return JupiterApi(
        config.chain.swap_url.reveal(),
        clock,
        None if key is None else key.reveal(),
        requests_per_min=config.chain.swap_requests_per_min,
    )


async def _witness_api(config: MultiWalletConfig, clock: Clock, stack: AsyncExitStack) -> JupiterApi | None:
    """The second price source; None: there is none."""
    url, key = config.chain.witness_url, config.chain.witness_api_key
    if url is None:
        return None
    api = JupiterApi(url.reveal(), clock, None if key is None else key.reveal())
    return await stack.enter_async_context(api)


async def _oracle_node(config: MultiWalletConfig, clock: Clock, stack: AsyncExitStack) -> Rpc | None:
    """On paper, a node is only needed to read an oracle."""
    urls = [url.reveal() for url in config.chain.rpc_urls]
    if not config.chain.pyth_feeds or not urls:
        return None
    return await stack.enter_async_context(Rpc(urls, clock, requests_per_s=config.chain.requests_per_s))


async def _rival(config: MultiWalletConfig, clock: Clock, stack: AsyncExitStack) -> Rival | None:
    """The second swap server with two nodes; None: there is none."""
    url, key = config.chain.second_swap_url, config.chain.second_swap_api_key
    if url is None:
        return None
    api = JupiterApi(url.reveal(), clock, None if key is None else key.reveal())
    nodes = []
    for one in config.chain.proceeds_rpc_urls:
        rpc = await stack.enter_async_context(Rpc([one.reveal()], clock, requests_per_s=config.chain.requests_per_s))
        nodes.append(await stack.enter_async_context(RpcChain(rpc, clock)))
    return Rival(await stack.enter_async_context(api), nodes)


class Rival(NamedTuple):
    """Another swap server than the one that the desk trades with, and nodes that simulate what it offers."""

    api: JupiterApi
    nodes: Sequence[RpcChain]


class Witnesses(NamedTuple):
    """What a second source needs, if there is one."""

    api: JupiterApi | None
    rpc: Rpc | None
    rival: Rival | None = None

    def source(
        self, config: MultiWalletConfig, mints: Iterable[Mint], clock: Clock
    ) -> JupiterPrices | PythPrices | None:
        trust = clock if isinstance(clock, DeskClock) else TRUSTED
        if self.api is not None:
            aged_ns = config.desk.mark_age_max_ns
            return JupiterPrices(self.api, mints, clock, self.api.name, trust, aged_ns)
        desk = config.desk
        mint_of = {token.symbol.upper(): token.mint for token in (desk.quote, *desk.tokens.values())}
        feeds = {mint_of[one.symbol]: PythFeed(one.account, one.feed_id) for one in config.chain.pyth_feeds}
        return PythPrices(self.rpc, feeds, clock, trust=trust) if feeds and self.rpc is not None else None


def _remote(
    nodes: tuple[Endpoint, ...],
    api: JupiterApi,
    witnesses: Witnesses,
    first: JupiterPrices,
    second: JupiterPrices | PythPrices | None,
) -> Remote:
    """`nodes`: of the chain. Witnesses may ask the same ones."""
    rival = witnesses.rival
    oracle = () if witnesses.rpc is None else witnesses.rpc.endpoints
    simulating = () if rival is None else (node for chain in rival.nodes for node in chain.endpoints)
    servers = (api, witnesses.api, None if rival is None else rival.api)
    return Remote(
        tuple(dict.fromkeys((*nodes, *oracle, *simulating))),
        tuple(one for one in servers if one is not None),
        first,
        second,
    )


def _polled(*sources: JupiterPrices | PythPrices | None) -> tuple[Sequence[Service], Service]:
    """What polls these sources for ever, and what polls each of them once."""
    known = [one for one in sources if one is not None]

    async def look_first() -> None:
        await asyncio.gather(*(one.poll() for one in known))

    return [one.run for one in known], look_first


def _paper_on_live_prices(
    config: MultiWalletConfig, api: JupiterApi, witnesses: Witnesses, seed: int, model: PaperModel | None
) -> Connect:
    def connect(engine: Engine, clock: Clock) -> MarketAccess:
        mints = (config.desk.quote.mint, *_sellable(engine.state, config.desk))
        prices, second = JupiterPrices(api, mints, clock), witnesses.source(config, mints, clock)
        venue = paper_venue(config, engine, clock, prices, seed, model, awaits_price=True)
        services, look_first = _polled(prices, second)
        remote = _remote((), api, witnesses, prices, second)
        return MarketAccess(
            venue, prices, config.desk, services=services, look_first=look_first, second=second, remote=remote
        )

    return connect


async def _live(config: MultiWalletConfig, clock: Clock, stack: AsyncExitStack) -> Connect:
    if config.cluster is Cluster.MAINNET:
        raise CommandRefused("this version does not trade live on mainnet: set OVERMIND_CLUSTER to devnet or localnet")
    urls = [url.reveal() for url in config.chain.rpc_urls]
    rpc = await stack.enter_async_context(Rpc(urls, clock, requests_per_s=config.chain.requests_per_s))
    try:
        genesis_hash = await verify_cluster(rpc, config.cluster.value)
    except WrongCluster as wrong:
        raise CommandRefused(f"{wrong} (SNIPER_SOLANA_RPC_URL, OVERMIND_RPC_FALLBACK_URLS)") from None
    notifications = await stack.enter_async_context(Notifications(urls[0], clock))
    chain = await stack.enter_async_context(RpcChain(rpc, clock, notifications=notifications))
    api = await stack.enter_async_context(_swap_api(config, clock))
    locks = None if config.lock_dir is None else KeyLocks(config.lock_dir, genesis_hash)
    if locks is not None:
        stack.callback(locks.release)
    relay = await stack.enter_async_context(RelayRoute(relay_settings(config), clock))
    on_chain = OnChain(chain, notifications, genesis_hash, LocalSigner(()), {}, relay, locks)
    for wallet in config.wallets.values():
        on_chain.admit(wallet)
    witnesses = Witnesses(await _witness_api(config, clock, stack), rpc, await _rival(config, clock, stack))
    return _on_cluster(config, api, witnesses, on_chain)


def _on_cluster(config: MultiWalletConfig, api: JupiterApi, witnesses: Witnesses, on_chain: OnChain) -> Connect:
    def connect(engine: Engine, clock: Clock) -> MarketAccess:
        desk = config.desk
        tokens = _sellable(engine.state, desk)
        at_start = {desk.quote.mint: desk.quote, **tokens}
        mints, all_tokens = PricedMints(engine, at_start), LiveTokens(engine, at_start)
        prices, second = JupiterPrices(api, mints, clock), witnesses.source(config, mints, clock)
        venue = JupiterVenue(
            swaps=api,
            chain=on_chain.chain,
            signer=on_chain.signer,
            clock=clock,
            public_keys=on_chain.public_keys,
            tokens=all_tokens,
            booked_slot=lambda wallet_id: engine.state.wallets[wallet_id].booked_slot,
            relay=on_chain.relay,
            fees=(fees := PriorityFees(on_chain.chain, clock)),
        )
        polled, look_first = _polled(prices, second)
        services = [*polled, on_chain.relay.run, fees.run]
        looks, proceeds, sale_swaps = JupiterLooks(api), None, None
        if (rival := witnesses.rival) is not None:
            sale = SaleProceeds(rival.api, rival.nodes, on_chain.public_keys, all_tokens)
            proceeds, sale_swaps = ProceedsWitness(engine, sale, clock, rival.api.name), JupiterLooks(rival.api)
            services = [*services, proceeds.run]
        return MarketAccess(
            venue,
            prices,
            desk,
            services=services,
            look_first=look_first,
            on_chain=on_chain,
            second=second,
            proceeds=proceeds,
            round_trip=RoundTrip(looks, on_chain.chain, looks, sale_swaps),
            remote=_remote(on_chain.chain.endpoints, api, witnesses, prices, second)._replace(
                routes=tuple(
                    RouteSource(route.name, route.counts, venue.landings[route.name])
                    for route in (on_chain.chain.public, on_chain.relay)
                )
            ),
        )

    return connect
