"""What a sale would bring: two nodes must say so, of exactly this sale, and nobody signs it."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.hostile_transactions import BONK, LISTED, OWNER, SPEND, USDC, offered, order, swap

from overmind.core.model.ids import WalletId
from overmind.core.model.order import Order
from overmind.core.model.outcome import Cause, Rejected
from overmind.core.model.units import PICO
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
from overmind.venues.proceeds import SaleProceeds, Unproven

US = str(OWNER.pubkey())
BROUGHT = 40 * 10**6
SALE = order(BONK, USDC, least=1)


def effects(brought: int = BROUGHT, error: str | None = None) -> Effects:
    balances = (TokenBalance(1, BONK.mint, US, SPEND, 0), TokenBalance(2, USDC.mint, US, 0, brought))
    return Effects(error, 20_000, (US, "a", "b"), (10**9, 5, 0), (10**9 - 20_000, 5, 0), balances, 1, 2)


class Node:
    def __init__(self, told: Effects | None) -> None:
        self.told = told

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        if self.told is None:
            raise ChainSilent("a node is silent")
        return Simulation(self.told, 1)


class Swaps:
    def __init__(self, answer: SwapOffer | Rejected | None) -> None:
        self.answer = answer

    async def order(self, order: Order, taker: str, bid: Bid = NO_BID) -> SwapOffer | Rejected:
        if self.answer is None:
            raise VenueUnavailable("no answer")
        return self.answer


def offer(raw: bytes) -> SwapOffer:
    return SwapOffer(BONK.mint, USDC.mint, SPEND, BROUGHT, 1, 0, raw, 1)


HONEST = offer(offered(swap(BONK, USDC)).raw)


def price(*told: Effects | None, answer: SwapOffer | Rejected | None = HONEST, owner: str = "w1") -> int:
    sale = SaleProceeds(Swaps(answer), [Node(one) for one in told], {WalletId(owner): US}, LISTED)
    return asyncio.run(sale.price_pico(SALE))


def test_the_lower_of_two_simulations_is_the_price() -> None:
    both = BROUGHT * PICO * 10**BONK.decimals // (SPEND * 10**6)
    assert price(effects(), effects()) == both
    assert price(effects(BROUGHT * 2), effects()) == both
    assert price(effects(), effects(BROUGHT * 2)) == both


@pytest.mark.parametrize(
    ("told", "answer", "why"),
    [
        ((effects(), None), HONEST, "a node is silent"),
        ((None, effects()), HONEST, "a node is silent"),
        ((effects(), effects(error='"boom"')), HONEST, "simulated:"),
        ((effects(), effects(0)), HONEST, "received 0"),
        ((effects(), effects()), None, "no answer"),
        ((effects(), effects()), Rejected(Cause.NO_LIQUIDITY, "none"), "offers nothing: NO_LIQUIDITY"),
        ((effects(), effects()), offer(b"nonsense"), "Attempting to read"),
        ((effects(), effects()), offer(offered(swap(USDC, BONK)).raw), "is not this sale"),
    ],
)
def test_whatever_is_missing_proves_nothing(
    told: tuple[Effects | None, ...], answer: SwapOffer | Rejected | None, why: str
) -> None:
    with pytest.raises(Unproven, match=why):
        price(*told, answer=answer)


def test_a_wallet_without_a_key_cannot_sell() -> None:
    with pytest.raises(Unproven, match="cannot sell"):
        price(effects(), effects(), owner="w2")


def test_one_node_alone_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="alone"):
        price(effects())
