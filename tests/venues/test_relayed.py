"""An order of the relay's route on a chain: how it lands, who sees it before, and what whoever sees it can take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from tests.support import maker_on_chain
from tests.support.maker_on_chain import BONK, SOL_TOKEN, TOKENS, USDC, MakerOnChain, until
from tests.support.sandwicher import Pool, Swap, Watcher, best_attack, gain_bound
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.enums import Side
from overmind.core.model.ids import SOL, WalletId
from overmind.core.model.order import Order, Ticket
from overmind.core.model.outcome import Cause, Filled, Rejected
from overmind.core.model.route import RouteName
from overmind.core.model.units import LAMPORTS
from overmind.ports import VenueUnavailable
from overmind.sandbox.localnet.relay import RelayTerms
from overmind.sandbox.localnet.relay.engine import BundleState
from overmind.solana.chain import RpcChain
from overmind.solana.jupiter_api import JupiterApi
from overmind.solana.routes.relay import RelayRoute, RelaySettings
from overmind.solana.signer import LocalSigner
from overmind.venues.jupiter import JupiterVenue

TIP, CAP = 12_345, 50_000
LISTED = {token.mint: token for token in TOKENS}
WALLET = WalletId("w1")
QUICK = RelayTerms(requests_per_s=0)


def entry(spend: str = USDC.mint, receive: str = BONK.mint, units: int = 1_000_000, **changes: Any) -> Order:
    relayed = {"route": RouteName.RELAY, "tip_max_lamports": CAP, "mev_protected": True}
    return replace(order(spend, receive, units), **(relayed | changes))


class Trader:
    def __init__(self, stage: MakerOnChain, api: JupiterApi, chain: RpcChain, relay: RelayRoute) -> None:
        self.stage, self.relay, self.terms = stage, relay, stage.net.relay
        self._api, self.chain = api, chain
        self.watcher = Watcher(stage.net.chain)

    def venue(self, relay: RelayRoute | None) -> JupiterVenue:
        """A new one each time, as after a restart: it knows the journaled order and ticket alone."""
        signer, keys = LocalSigner([self.stage.key]), {WALLET: self.stage.trader}
        return JupiterVenue(self._api, self.chain, signer, SystemClock(), keys, LISTED, relay=relay)

    async def signed(self, wanted: Order) -> Ticket:
        venue = self.venue(self.relay)
        quote = await venue.quote(wanted)
        assert not isinstance(quote, Rejected), quote
        ticket = await venue.sign(wanted, quote)
        assert isinstance(ticket, Ticket), ticket
        return ticket

    async def send(self, wanted: Order, ticket: Ticket) -> None:
        await self.venue(self.relay).send(wanted, ticket)

    async def filled(self, wanted: Order, ticket: Ticket) -> Filled:
        venue, found = self.venue(self.relay), []

        async def decided() -> bool:
            found.append(await venue.outcome(wanted, ticket))
            return found[-1] is not None

        await until(decided)
        assert isinstance(found[-1], Filled), found
        return found[-1]

    async def is_decided(self, landed: bool) -> bool:
        """Whether the relay has decided the newest bundle: it landed, or it did not."""
        return self.terms.newest is (BundleState.LANDED if landed else BundleState.FAILED)

    async def lamports(self) -> int:
        return await self.stage.lamports()

    def swaps_seen(self) -> list[Swap]:
        return self.watcher.swaps_of(self.stage.trader)


@asynccontextmanager
async def trading(terms: RelayTerms = QUICK) -> AsyncIterator[Trader]:
    clock = SystemClock()
    async with maker_on_chain.staged() as stage:
        stage.net.relay.change(terms)
        settings = RelaySettings((stage.net.relay_url,), tip_lamports=TIP, requests_per_s=1_000)
        async with (
            JupiterApi(stage.maker.url, clock) as api,
            RpcChain(stage.rpc, clock) as chain,
            RelayRoute(settings, clock) as relay,
        ):
            await relay.look()
            yield Trader(stage, api, chain, relay)


def on_chain(story: Callable[[Trader], Coroutine[Any, Any, None]], terms: RelayTerms = QUICK) -> None:
    async def run() -> None:
        async with trading(terms) as trader:
            await asyncio.wait_for(story(trader), 60)

    asyncio.run(run())


def test_relayed_swaps_land_unseen_and_book_their_tip_apart() -> None:
    async def story(trader: Trader) -> None:
        for wanted in (
            entry(),
            entry(receive=SOL_TOKEN.mint, units=150_000_000),
            entry(SOL, USDC.mint, LAMPORTS, side=Side.SELL),
        ):
            before, usdc = await trader.lamports(), await trader.stage.units(USDC)
            ticket = await trader.signed(wanted)
            await trader.send(wanted, ticket)
            fill = await trader.filled(wanted, ticket)
            assert fill.tip_lamports == TIP
            sol = fill.received_units * (wanted.receive == SOL) - fill.spent_units * (wanted.spend.mint == SOL)
            costs = fill.fee_lamports + fill.rent_lamports + TIP
            assert await trader.lamports() - before == sol - costs
            quote = fill.received_units if wanted.side is Side.SELL else -fill.spent_units
            assert await trader.stage.units(USDC) - usdc == quote
        assert trader.swaps_seen() == []
        assert trader.relay.counts.sent == 3

    on_chain(story)


def test_no_outage_repetition_or_restart_shows_a_relayed_transaction() -> None:
    async def story(trader: Trader) -> None:
        wanted = entry()
        ticket = await trader.signed(wanted)
        trader.terms.change(replace(QUICK, down=True))
        async with RelayRoute(trader.relay.settings, SystemClock()) as refused:
            for relay in (refused, None, RelayRoute(None, SystemClock())):
                with pytest.raises(VenueUnavailable):
                    await trader.venue(relay).send(wanted, ticket)
        with pytest.raises(VenueUnavailable, match="its route is public"):
            await trader.venue(trader.relay).send(replace(wanted, route=RouteName.PUBLIC), ticket)
        for landing_ppm in (0, 10**6):  # Accepted and lost in the auction, then sent again after a restart.
            trader.terms.change(replace(QUICK, landing_ppm=landing_ppm))
            async with RelayRoute(trader.relay.settings, SystemClock()) as restarted:
                await trader.venue(restarted).send(wanted, ticket)
                await until(partial(trader.is_decided, landing_ppm > 0))
        assert (await trader.filled(wanted, ticket)).spent_units == 1_000_000
        assert trader.swaps_seen() == []
        await _leaked(trader)
        await _public_exit(trader)
        await _not_quoted(trader)

    on_chain(story)


async def _leaked(trader: Trader) -> None:
    """What a leak shows is bounded by the signed minimum."""
    trader.terms.change(replace(QUICK, leak_ppm=10**6))
    wanted = entry(units=7_000_000)
    ticket = await trader.signed(wanted)
    await trader.send(wanted, ticket)
    (seen,) = trader.swaps_seen()
    fill = await trader.filled(wanted, ticket)
    assert fill.received_units >= seen.receives_min >= wanted.received_min


async def _public_exit(trader: Trader) -> None:
    """An exit whose journaled route is public is seen like any other."""
    wanted = entry(SOL, USDC.mint, LAMPORTS, side=Side.SELL, route=RouteName.PUBLIC, tip_max_lamports=0)
    ticket = await trader.signed(wanted)
    await trader.send(wanted, ticket)
    fill = await trader.filled(wanted, ticket)
    assert fill.tip_lamports == 0
    seen = trader.swaps_seen()[-1]
    assert (seen.spends, seen.receives_min) == (LAMPORTS, fill.received_units)


async def _not_quoted(trader: Trader) -> None:
    for wanted, relay in (
        (entry(), None),
        (entry(), RelayRoute(None, SystemClock())),
        (entry(route=RouteName.PUBLIC), trader.relay),
        (entry(mev_protected=False), None),
    ):
        found = await trader.venue(relay).quote(wanted)
        assert isinstance(found, Rejected)
        assert found.cause is Cause.NO_PROTECTED_ROUTE


# What whoever sees a transaction can take


def drawn(seed: int) -> tuple[Pool, Swap]:
    random = Random(seed)
    pool = Pool(random.randrange(10**6, 10**15), random.randrange(10**6, 10**15))
    spends = max(1, pool.spent * random.randrange(1, 2_000) // 10_000)
    fair, _ = pool.bought(spends)
    slippage_bps = random.choice((0, 1, 10, 50, 100, 300, 1_000))
    return pool, Swap(spends, max(1, fair * (10_000 - slippage_bps) // 10_000))


def test_a_sandwich_takes_no_more_than_the_signed_minimum_leaves() -> None:
    paid, whole = 0, 0
    for seed in range(400):
        pool, swap = drawn(seed)
        attack, bound = best_attack(pool, swap), gain_bound(pool, swap)
        assert attack.gain <= bound, (seed, pool, swap, attack, bound)
        assert attack.victim_gets >= swap.receives_min or attack.victim_gets == 0, seed
        paid += attack.gain > 0
        whole += attack.gain > 0.9 * bound > 0
    assert paid > 100, "an adversary that never gains proves nothing"
    assert whole > 50, "a bound that nobody comes near proves nothing"


def test_a_delayed_transaction_gives_no_more_either() -> None:
    """The pool has moved since the quote: either the transaction reverts, or the bound is that of the new pool."""
    for seed in range(200):
        pool, swap = drawn(seed)
        for moved_bps in (-500, -20, 20, 500):
            moved = Pool(pool.spent, max(2, pool.received * (10_000 + moved_bps) // 10_000))
            attack = best_attack(moved, swap)
            assert attack.gain <= gain_bound(moved, swap), (seed, moved_bps)
            assert attack.victim_gets >= swap.receives_min or (attack.gain, attack.victim_gets) == (0, 0)


def test_without_a_minimum_there_is_no_bound_worth_its_name() -> None:
    pool, swap = Pool(10**12, 10**12), Swap(10**10, 1)
    careful = replace(swap, receives_min=pool.bought(swap.spends)[0] * 99 // 100)
    assert best_attack(pool, swap).gain > 50 * best_attack(pool, careful).gain > 0
