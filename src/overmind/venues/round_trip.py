"""A simulated buy of a token with a sale right after it: whether what is bought can be sold again, and at what loss.

Nothing is signed. The swap server offers both transactions, and each must pass the firewall like one that is signed:
whoever else signs a leg has really signed it. A node then runs both legs as one transaction on the current state.

See specification §15.15.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

from overmind.core.model.enums import BUY, SELL, Side, StrategyType
from overmind.core.model.ids import Mint, OrderId, SignalId, WalletId
from overmind.core.model.mints import Trial
from overmind.core.model.money import Money, Token
from overmind.core.model.numbers import number, scaled_down
from overmind.core.model.order import Order
from overmind.core.model.outcome import Rejected
from overmind.core.model.value import Value
from overmind.ports import Effects, Priority, Simulation, SwapOffer, Swaps
from overmind.solana.firewall import verify
from overmind.solana.jupiter_api import UsdPrice
from overmind.solana.settlement import DETAIL_CHARS_MAX, misplaced
from overmind.solana.transactions import BadTransaction, joined, parse
from overmind.solana.transfers import account_of

_MICRO_DIGITS: Final = 6


class Quoted(Protocol):
    """The part of the Price API that is used here."""

    async def prices(self, mints: Sequence[Mint]) -> Mapping[Mint, UsdPrice]:
        """The prices of the mints that have one. Raises VenueUnavailable."""


class SimulatingChain(Protocol):
    """The part of a chain that is used here."""

    async def simulate(self, transaction: bytes, priority: Priority) -> Simulation:
        """Raises ChainSilent."""

    async def latest_blockhash(self, priority: Priority) -> tuple[str, int]:
        """Raises ChainSilent."""


class Taker(Value, frozen=True):
    """The wallet in whose name the trial is simulated, and what it may cost."""

    wallet_id: WalletId
    public_key: str
    spend_units: int  # of the quote currency
    slippage_max_bps: int
    fee_max_lamports: int
    rent_max_lamports: int


class NotSaleable(Exception):
    """Why no buy and sale can be simulated."""


class RoundTrip:
    def __init__(self, swaps: Swaps, chain: SimulatingChain, prices: Quoted, sale_swaps: Swaps | None = None) -> None:
        """`sale_swaps`: a swap server of another operator, which offers the sale; None: there is none."""
        self._swaps = swaps
        self._sale_swaps = sale_swaps or swaps
        self._chain = chain
        self._prices = prices

    async def liquidity_micros(self, mint: Mint) -> int:
        """What the token's pools hold, by the price server; 0: it has no price. Raises VenueUnavailable."""
        price = (await self._prices.prices((mint,))).get(mint)
        if price is None or not price.usd_price:
            return 0
        liquidity = number(price.liquidity)
        return max(0, scaled_down(liquidity, _MICRO_DIGITS)) if isinstance(liquidity, Decimal) else 0

    async def trial(self, taker: Taker, quote: Token, token: Token, liquidity_micros: int) -> Trial:
        """Raises VenueUnavailable, ChainSilent."""
        tokens = {quote.mint: quote, token.mint: token}
        try:
            buy = _order(taker, BUY, Money(taker.spend_units, quote.mint), token.mint)
            bought, buy_raw = await self._leg(self._swaps, buy, taker, tokens)
            sale = _order(taker, SELL, Money(bought.out_min_units, token.mint), quote.mint)
            sold, sale_raw = await self._leg(self._sale_swaps, sale, taker, tokens)
            blockhash, _ = await self._chain.latest_blockhash(Priority.ENTRY)
            simulation = await self._chain.simulate(joined((buy_raw, sale_raw), blockhash), Priority.ENTRY)
            back = _back_units(simulation.effects, buy, sale, tokens)
        except BadTransaction as bad:
            return Trial(liquidity_micros, fault=f"its transactions cannot be read: {bad}")
        except NotSaleable as fault:
            return Trial(liquidity_micros, fault=str(fault))
        return Trial(liquidity_micros, max(bought.impact_bps, sold.impact_bps), taker.spend_units, back)

    async def _leg(
        self, swaps: Swaps, order: Order, taker: Taker, tokens: Mapping[Mint, Token]
    ) -> tuple[SwapOffer, bytes]:
        what = "buy" if order.side is BUY else "sale"
        offer = await swaps.order(order, taker.public_key)
        if isinstance(offer, Rejected):
            raise NotSaleable(f"no {what} is offered: {offer.cause}, {offer.detail}")
        if offer.out_min_units <= 0:
            raise NotSaleable(f"the {what} that is offered brings nothing")
        transaction = parse(offer.transaction)
        if (refused := verify(order, taker.public_key, tokens, transaction)) is not None:
            raise NotSaleable(f"the {what} that is offered is not signable: {refused.detail}")
        return offer, transaction.raw


def _order(taker: Taker, side: Side, spend: Money, receive: Mint) -> Order:
    """A leg as an order, so that the firewall can judge it. It is never placed."""
    name = f"trial:{taker.wallet_id}:{receive}"
    return Order(
        id=OrderId(name),
        signal_id=SignalId(name),
        wallet_id=taker.wallet_id,
        strategy=StrategyType.TOKEN_SNIPING,
        side=side,
        spend=spend,
        receive=receive,
        received_min=1,
        notional_micros=taker.spend_units,
        loss_max_micros=0,
        fee_max_lamports=taker.fee_max_lamports,
        rent_max_lamports=taker.rent_max_lamports,
        slippage_max_bps=taker.slippage_max_bps,
        mark_pico=0,
        expires_at_ns=0,
        part=0,
        attempt=0,
    )


def _back_units(effects: Effects, buy: Order, sale: Order, tokens: Mapping[Mint, Token]) -> int:
    """What selling all that was bought brings, at the rate of the simulated sale. Raises NotSaleable."""
    if effects.error is not None:
        raise NotSaleable(f"a buy and a sale right after it revert: {effects.error[:DETAIL_CHARS_MAX]}")
    owner, quote, mint = effects.accounts[0], buy.spend.mint, buy.receive
    if (elsewhere := misplaced(effects, {account_of(owner, one): one.mint for one in tokens.values()})) is not None:
        raise NotSaleable(f"a buy and a sale right after it: {elsewhere}")
    changed = dict.fromkeys(tokens, 0)
    for one in effects.tokens:
        if one.owner == owner and one.mint in changed:
            changed[one.mint] += one.post_units - one.pre_units
    came, left = buy.spend.units + changed[quote], changed[mint]
    return max(0, came) * max(0, sale.spend.units + left) // sale.spend.units
