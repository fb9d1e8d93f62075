"""The maker's rules without a chain: its offers, its reservations, and that all its transactions differ."""

from __future__ import annotations

import asyncio
from hashlib import blake2b

import pytest
from solders.hash import Hash
from solders.keypair import Keypair
from tests.support.maker_on_chain import BONK, NEW, PRICES, SOL_TOKEN, TOKENS, USDC
from tests.support.swap_orders import order

from overmind.clock.clocks import SystemClock
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import Side
from overmind.core.model.ids import Mint
from overmind.core.model.money import Token
from overmind.core.model.order import Quote
from overmind.core.model.units import LAMPORTS, MICROS, NS, PICO, PRICE_MAX_PICO
from overmind.ports import ChainSilent, Tick
from overmind.sandbox.maker.blockhash_cache import BlockhashCache
from overmind.sandbox.maker.cluster import BLOCKHASH_LIFE_BLOCKS, RecentBlock
from overmind.sandbox.maker.drafts import Draft, budget_of, sign
from overmind.sandbox.maker.inventory import Inventory
from overmind.sandbox.maker.legs import Swap, legs
from overmind.sandbox.maker.listing import listing
from overmind.sandbox.maker.quoting import Deal, NoDeal, Priced, Terms, deal, priced
from overmind.sandbox.maker.wire import number_of
from overmind.solana.transactions import PACKET_BYTES_MAX, parse
from overmind.venues.paper import PERFECT, PaperVenue

DEPTH = 1_000_000 * MICROS
CASH, SOL_PRICE = Priced(PICO), Priced(150 * PICO, DEPTH)
NOW = 1_700_000_000 * NS


class _Feed:
    def ticks(self) -> dict[Mint, Tick]:
        return {mint: Tick(mint, pico, NOW, DEPTH, 0) for mint, pico in PRICES.items()}


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("units", [1, 999, 1_000_003, 777_777_777, 10_000_000_000, 99_999_999_999])
def test_it_gives_what_the_paper_venue_gives(side: Side, units: int) -> None:
    """A desk that moves from paper to the localnet gets the same prices."""
    given, wanted = (USDC, SOL_TOKEN) if side is Side.BUY else (SOL_TOKEN, USDC)
    in_price, out_price = (CASH, SOL_PRICE) if side is Side.BUY else (SOL_PRICE, CASH)
    costs = CostModel(half_spread_bps=2.0)
    listed = {token.mint: token for token in TOKENS if token is not USDC}
    venue = PaperVenue(_Feed(), SystemClock(), 0, PERFECT, USDC, listed, costs, lambda *_: True)
    theirs = asyncio.run(venue.quote(order(given.mint, wanted.mint, units, side)))
    ours = deal(given, wanted, units, in_price, out_price, Terms(half_spread_bps=2))
    if isinstance(theirs, Quote):
        assert isinstance(ours, Deal)
        assert (ours.out_units, ours.impact_bps) == (theirs.received, theirs.impact_bps)
    else:  # Too small for one unit, or beyond the order's own bounds, which the maker does not know.
        assert isinstance(ours, NoDeal) or ours.impact_bps > 100


def test_a_round_trip_never_pays() -> None:
    for units in (1, 7, 10**6, 10**9, 3 * 10**10):
        there = deal(USDC, SOL_TOKEN, units, CASH, SOL_PRICE, Terms(half_spread_bps=0))
        if isinstance(there, Deal):
            back = deal(SOL_TOKEN, USDC, there.out_units, SOL_PRICE, CASH, Terms(half_spread_bps=0))
            assert isinstance(back, NoDeal) or back.out_units < units


@pytest.mark.parametrize(
    ("units", "depth", "answer"),
    [
        (1, DEPTH, "NO_ROUTES_FOUND: the amount is too small"),
        (2**64 - 1, 10**12 * MICROS, "NO_ROUTES_FOUND: more than this maker trades at once"),
        (LAMPORTS, 600 * MICROS, "Deal"),  # 150 USD are a quarter of it.
        (LAMPORTS, 599 * MICROS, "NO_ROUTES_FOUND: insufficient liquidity"),
    ],
)
def test_amounts_have_bounds(units: int, depth: int, answer: str) -> None:
    found = deal(SOL_TOKEN, USDC, units, Priced(150 * PICO, depth), CASH, Terms())
    assert (found.error if isinstance(found, NoDeal) else "Deal").startswith(answer)


def test_a_pair_of_two_priced_tokens_goes_through_the_shallower_pool() -> None:
    deep, shallow = Priced(150 * PICO, 10**6 * MICROS), Priced(2 * PICO, 10**4 * MICROS)
    there = deal(SOL_TOKEN, NEW, LAMPORTS, deep, shallow, Terms())
    back = deal(NEW, SOL_TOKEN, 75 * 10**6, shallow, deep, Terms())
    assert isinstance(there, Deal)
    assert isinstance(back, Deal)
    assert there.impact_bps == back.impact_bps == 148


@pytest.mark.parametrize(
    "tick",
    [
        None,
        Tick(BONK.mint, PICO, NOW - 31 * NS, DEPTH, 0),
        Tick(BONK.mint, 0, NOW, DEPTH, 0),
        Tick(BONK.mint, -1, NOW, DEPTH, 0),
        Tick(BONK.mint, PRICE_MAX_PICO + 1, NOW, DEPTH, 0),
        Tick(BONK.mint, PICO, NOW, 0, 0),
    ],
)
def test_a_missing_or_stale_price_is_not_traded(tick: Tick | None) -> None:
    ticks = {} if tick is None else {BONK.mint: tick}
    assert priced(BONK.mint, USDC.mint, ticks, NOW, Terms()) is None
    assert priced(USDC.mint, USDC.mint, {}, NOW, Terms()) == CASH


def test_a_reservation_stays_until_later_balances_include_its_outcome() -> None:
    inventory = Inventory([BONK.mint])
    inventory.refresh({BONK.mint: 100}, height=10)
    assert not inventory.reserve(BONK.mint, 101, 160)
    assert inventory.reserve(BONK.mint, 60, 160)
    assert not inventory.reserve(BONK.mint, 41, 161)
    assert inventory.reserve(BONK.mint, 40, 161)
    inventory.refresh({BONK.mint: 40}, height=160)  # One was paid and may be counted twice for a while.
    assert inventory.available(BONK.mint) == -60
    inventory.refresh({BONK.mint: 40}, height=161)
    assert inventory.available(BONK.mint) == 0
    inventory.refresh({BONK.mint: 40}, height=162)
    assert inventory.available(BONK.mint) == 40


MAKER, TAKER = (Keypair.from_seed(bytes([seed]) * 32) for seed in (1, 2))


def _swap(given: Token, wanted: Token, *, creates: bool) -> Swap:
    listed = listing(TOKENS, MAKER.pubkey())
    return Swap(TAKER.pubkey(), MAKER.pubkey(), listed[given.mint], listed[wanted.mint], 5, 7, creates)


def test_65536_equal_orders_are_as_many_transactions_and_none_costs_more() -> None:
    swap = _swap(USDC, BONK, creates=True)
    budgets = [budget_of(swap, number, None) for number in range(65_536)]
    assert len(set(budgets)) == 65_536
    assert max(budget.priority_lamports for budget in budgets) == 3_000
    assert min(budget.priority_lamports for budget in budgets) > 2_960
    drafts = [Draft(swap, swap.taker, one, tuple(legs(swap)), Hash.default()) for one in budgets[:300]]
    assert len({sign(draft, MAKER, MAKER.pubkey()).message for draft in drafts}) == 300


@pytest.mark.parametrize("given", TOKENS)
@pytest.mark.parametrize("wanted", TOKENS)
def test_every_swap_is_a_transaction_that_only_the_trader_still_has_to_sign(given: Token, wanted: Token) -> None:
    if given is wanted:
        return
    swap = _swap(given, wanted, creates=wanted is not SOL_TOKEN)
    draft = Draft(swap, swap.taker, budget_of(swap, 0, None), tuple(legs(swap)), Hash.default())
    signed = sign(draft, MAKER, MAKER.pubkey())
    assert len(signed.transaction) <= PACKET_BYTES_MAX
    read = parse(signed.transaction)
    assert read.signers == (str(TAKER.pubkey()), str(MAKER.pubkey()))
    assert read.message == signed.message
    assert read.unsigned() == ()
    assert read.signatures[0] == bytes(64)


@pytest.mark.parametrize(
    ("units", "text"),
    [(0, b"0"), (1, b"0.000000000001"), (PICO, b"1"), (147_480_000_000_000, b"147.48"), (10**24, b"1000000000000")],
)
def test_numbers_are_exact(units: int, text: bytes) -> None:
    assert bytes(number_of(units)) == text


class _Chain:
    """A chain of 10 ms blocks, with only the methods that the blockhash cache calls."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self.silent = False
        self.asked = 0

    async def block(self) -> RecentBlock:
        self.asked += 1
        if self.silent:
            raise ChainSilent("nobody is there")
        height = self._clock.now_ns() // 10_000_000
        return RecentBlock(Hash(blake2b(str(height).encode(), digest_size=32).digest()), height + BLOCKHASH_LIFE_BLOCKS)


class _Clock:
    def __init__(self) -> None:
        self.at_ns = NOW

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        self.at_ns += round(seconds * NS)
        await asyncio.sleep(0)


def test_a_blockhash_is_never_old() -> None:
    async def main() -> None:
        clock = _Clock()
        chain = _Chain(clock)
        blockhashes = BlockhashCache(chain, clock)
        first = await blockhashes.block()
        clock.at_ns += NS  # A hundred blocks; the block time is not known yet.
        second = await blockhashes.fetch()
        assert second.height - first.height == 100
        assert abs(blockhashes.block_s - 0.01) < 1e-9
        assert abs(blockhashes.life_s(second) - 1.5) < 0.1
        clock.at_ns += 200_000_000
        assert await blockhashes.block() == second
        clock.at_ns += 200_000_000
        assert (await blockhashes.block()).height == second.height + 40
        chain.silent = True
        assert (await blockhashes.block()).height == second.height + 40
        clock.at_ns += NS
        with pytest.raises(ChainSilent):
            await blockhashes.block()

    asyncio.run(main())


def test_the_blockhash_cache_survives_silence() -> None:
    async def main() -> None:
        clock = _Clock()
        chain = _Chain(clock)
        chain.silent = True
        beating = asyncio.create_task(BlockhashCache(chain, clock).run())
        for _ in range(50):
            await asyncio.sleep(0)
        assert chain.asked >= 5
        beating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beating

    asyncio.run(main())
