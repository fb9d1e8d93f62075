"""A simulated buy with a sale right after it: by the balances that a node shows, of legs that are signed by others.

(specification §15.15)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace
from tests.support.hostile_transactions import (
    BLOCKHASH,
    BONK,
    FEE_MAX,
    OWNER,
    RECEIVE,
    RENT_MAX,
    SPEND,
    THIEF,
    USDC,
    address,
    offered,
    pay,
    swap,
)

from overmind.core.model.enums import Side
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.mints import Trial
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.ports import (
    NO_BID,
    Bid,
    ChainSilent,
    Effects,
    Priority,
    Simulation,
    SwapOffer,
    TokenBalance,
    VenueUnavailable,
)
from overmind.solana.jupiter_api import UsdPrice
from overmind.solana.transactions import parse
from overmind.venues.round_trip import RoundTrip, Taker

US = str(OWNER.pubkey())
PLACES = (US, str(address(USDC)), str(address(BONK)))
LIQUID = 9_000_000
TAKER = Taker(WalletId("w1"), US, SPEND, 300, FEE_MAX, RENT_MAX)
BUY = SwapOffer(USDC.mint, BONK.mint, SPEND, RECEIVE + 5, RECEIVE, 11, offered(swap(USDC, BONK)).raw, 1)
SALE_RAW = offered(swap(BONK, USDC, RECEIVE, SPEND - 7)).raw
SALE = SwapOffer(BONK.mint, USDC.mint, RECEIVE, SPEND - 7, SPEND - 7, 12, SALE_RAW, 1)
NO_ROUTE = Rejected(Cause.NO_LIQUIDITY, "no route")


def effects(quote: int = -7, left: int = 0, error: str | None = None, place: int = 2) -> Effects:
    """What a node shows: the changes of our quote currency and of the token."""
    balances = (
        TokenBalance(1, USDC.mint, US, 10**9, 10**9 + quote),
        TokenBalance(place, BONK.mint, US, 50, 50 + left),
    )
    return Effects(error, 20_000, (*PLACES, "elsewhere"), (10**9, 5, 0, 0), (10**9, 5, 0, 0), balances, 1, 2)


class Market:
    """`ports.Swaps`, a chain and the Price API, as a test sets them."""

    def __init__(self, shown: Effects | None, buy: SwapOffer | Rejected | None, sale: SwapOffer | Rejected) -> None:
        self.shown, self.buy, self.sale = shown, buy, sale
        self.orders: list[Order] = []
        self.simulated: list[bytes] = []
        self.told: dict[Mint, UsdPrice] = {}

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        self.orders.append(order)
        found = self.buy if order.spend.mint == USDC.mint else self.sale
        if found is None:
            raise VenueUnavailable("no answer")
        return found

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        self.simulated.append(transaction)
        if self.shown is None:
            raise ChainSilent("a node is silent")
        return Simulation(self.shown, 1)

    async def latest_blockhash(self, priority: Priority) -> tuple[str, int]:
        return str(BLOCKHASH), 1

    async def prices(self, mints: Sequence[Mint]) -> Mapping[Mint, UsdPrice]:
        return {mint: self.told[mint] for mint in mints if mint in self.told}


def tried(market: Market) -> Trial:
    return asyncio.run(RoundTrip(market, market, market).trial(TAKER, USDC, BONK, LIQUID))


def test_what_comes_back_is_what_the_node_shows() -> None:
    market = Market(effects(), BUY, SALE)
    assert tried(market) == Trial(LIQUID, 12, SPEND, SPEND - 7)
    buy, sale = market.orders
    assert (buy.spend.units, sale.spend.units) == (SPEND, RECEIVE)  # It sells what the buy guarantees.
    # More was bought than sold: the rest counts at the sale's rate.
    assert tried(Market(effects(left=RECEIVE), BUY, SALE)).back_units == 2 * (SPEND - 7)
    # The sale took of what the wallet held before.
    assert tried(Market(effects(left=-RECEIVE), BUY, SALE)).back_units == 0
    assert tried(Market(effects(quote=-SPEND), BUY, SALE)).back_units == 0
    assert tried(Market(effects(quote=-2 * SPEND), BUY, SALE)).back_units == 0


def test_another_server_offers_the_sale() -> None:
    first, second = Market(effects(), BUY, NO_ROUTE), Market(None, NO_ROUTE, SALE)
    trial = asyncio.run(RoundTrip(first, first, first, second).trial(TAKER, USDC, BONK, LIQUID))
    assert trial == Trial(LIQUID, 12, SPEND, SPEND - 7)
    assert [order.side for order in second.orders] == [Side.SELL]


def test_both_legs_are_one_transaction_that_nobody_has_signed() -> None:
    market = Market(effects(), BUY, SALE)
    tried(market)
    (raw,) = market.simulated
    both = parse(raw)
    legs = [parse(BUY.transaction), parse(SALE_RAW)]
    wanted = [one for leg in legs for one in leg.instructions if not one.program.startswith("ComputeBudget")]
    assert list(both.instructions[1:]) == wanted
    assert both.instructions[0].program.startswith("ComputeBudget")
    assert both.keys[0] == US
    assert set(both.signatures) == {bytes(64)}
    assert set(both.signers) == {*legs[0].signers, *legs[1].signers}


FAULTS = {
    "a sale that reverts": (effects(error='{"Custom":1}'), BUY, SALE, "right after it revert"),
    "no sale": (effects(), BUY, NO_ROUTE, "no sale is offered: NO_LIQUIDITY"),
    "no buy": (effects(), NO_ROUTE, SALE, "no buy is offered: NO_LIQUIDITY"),
    "a sale to holders alone": (effects(), BUY, Rejected(Cause.WALLET_FUNDS, "code 1"), "WALLET_FUNDS"),
    "a buy of nothing": (effects(), replace(BUY, out_min_units=0), SALE, "the buy that is offered brings nothing"),
    "no transaction": (effects(), BUY, replace(SALE, transaction=b"junk"), "cannot be read"),
    "the buy again": (effects(), BUY, replace(SALE, transaction=BUY.transaction), "the sale that is offered is not"),
    "a sale of more": (
        effects(),
        BUY,
        replace(SALE, transaction=offered(swap(BONK, USDC, RECEIVE + 1)).raw),
        "the sale that is offered is not signable",
    ),
    "proceeds of a stranger who has not signed": (
        effects(),
        BUY,
        replace(SALE, transaction=parse(SALE_RAW).raw.replace(parse(SALE_RAW).signatures[1], bytes(64))),
        "signature of",
    ),
    "a theft beside it": (
        effects(),
        BUY,
        replace(SALE, transaction=offered([*swap(BONK, USDC, RECEIVE), pay(OWNER, THIEF, USDC, 1)]).raw),
        "it moves 1 of",
    ),
    "balances of another place": (effects(place=3), BUY, SALE, "it changes elsewhere"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_no_trial_confirms(name: str) -> None:
    shown, buy, sale, why = FAULTS[name]
    if name == "balances of another place":
        shown = replace(shown, tokens=(shown.tokens[0], replace(shown.tokens[1], post_units=99)))
    trial = tried(Market(shown, buy, sale))
    assert why in trial.fault
    assert (trial.liquidity_micros, trial.spent_units) == (LIQUID, 0)


@pytest.mark.parametrize(("shown", "buy"), [(None, BUY), (effects(), None)])
def test_silence_is_no_verdict(shown: Effects | None, buy: SwapOffer | None) -> None:
    with pytest.raises((ChainSilent, VenueUnavailable)):
        tried(Market(shown, buy, SALE))


def test_two_legs_that_fit_no_packet_are_not_tried() -> None:
    padded = [*swap(BONK, USDC, RECEIVE), *(pay(THIEF, THIEF, BONK, number) for number in range(28))]
    market = Market(effects(), BUY, replace(SALE, transaction=offered(padded).raw))
    trial = tried(market)
    assert "and a node accepts" in trial.fault
    assert not market.simulated


@pytest.mark.parametrize(
    ("told", "micros"),
    [
        (UsdPrice(Decimal("2"), Decimal("1234.5678901")), 1_234_567_890),
        (UsdPrice(Decimal("2"), None), 0),
        (UsdPrice(None, Decimal("5")), 0),
        (UsdPrice(Decimal("0"), Decimal("5")), 0),
        (UsdPrice(Decimal("2"), Decimal("-5")), 0),
        (None, 0),
    ],
)
def test_the_liquidity_is_that_of_a_token_with_a_price(told: UsdPrice | None, micros: int) -> None:
    market = Market(effects(), BUY, SALE)
    market.told = {} if told is None else {BONK.mint: told}
    assert asyncio.run(RoundTrip(market, market, market).liquidity_micros(BONK.mint)) == micros
