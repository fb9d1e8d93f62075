"""A venue on paper: real prices, invented landings, and the same fate for the same seed, order and quote.

It quotes a constant-product pool as deep as the feed says, and rounds against the trader. What becomes of an order is
drawn from a hash when it is signed and travels inside the ticket, so a process that restarts and sends the ticket again
gets the outcome that it would have got. Nothing here draws in sequence: no call changes the fate of another order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from math import ceil
from struct import Struct
from typing import Final

import msgspec
from base58 import BITCOIN_ALPHABET

from overmind.core.entries.quote_check import short_cause
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import BUY, MoveKind
from overmind.core.model.ids import SOL, Mint, OrderId, WalletId
from overmind.core.model.money import Token
from overmind.core.model.order import Move, Order, Quote, Ticket, Work
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import BPS, MICROS, PICO, PPM, ppm_of
from overmind.core.model.value import Value
from overmind.ports import Allowed, Clock, Prices, Tick, VenueUnavailable, always
from overmind.venues.paper_market import Draws, Fate, PaperMarket, Pool

NS_PER_MS: Final = 1_000_000
PRICE_LOOK_S: Final = 0.1  # between two looks for a newer price
PRICE_PATIENCE_NS: Final = 5_000 * NS_PER_MS  # after which the feed counts as silent
TOKEN_UNITS_MAX: Final = 2**64 - 1  # what a token account can hold
# like a real signature, but beginning with "paper", so that nobody searches for it on a chain
SIGNATURE_CHARS: Final = 88

_AS_BASE58: Final = bytes(BITCOIN_ALPHABET[byte % 58] for byte in range(256))
_DRAWS: Final = Struct("<5Q24x")
_ENCODER: Final = msgspec.json.Encoder()


class PaperModel(Value, frozen=True):
    """The faults of the simulated network. The defaults are an ordinary day; zeros make a perfect one."""

    failure_ppm: int = 20_000  # lands, and reverts because the price has moved
    expiry_ppm: int = 5_000  # never lands
    route_down_ppm: int = 2_000  # fails before anything is sent
    latency_min_ms: int = 400
    latency_max_ms: int = 1_200
    drift_ppm: int = 100_000  # of the candle's range: the maximum price drift until the order lands
    priority_fee_max_lamports: int = 20_000  # maximum, paid on top of the cost model's fee
    depth_share_max_ppm: int = 250_000  # of the pool: a larger order gets no quote
    life_ms: int = 60_000  # a ticket that has not landed by then never will

    def __post_init__(self) -> None:
        assert 0 <= self.failure_ppm + self.expiry_ppm + self.route_down_ppm <= PPM, self
        assert 0 <= self.latency_min_ms <= self.latency_max_ms < self.life_ms, self
        assert 0 <= self.drift_ppm <= PPM, self


PERFECT: Final = PaperModel(
    failure_ppm=0,
    expiry_ppm=0,
    route_down_ppm=0,
    latency_min_ms=0,
    latency_max_ms=0,
    drift_ppm=0,
    priority_fee_max_lamports=0,
)


class PaperPayload(Value, frozen=True):
    """A paper ticket's payload: its outcome instead of a transaction."""

    order_id: OrderId
    outcome: Filled | Failed | Expired
    latency_ns: int  # from the first send to the landing
    until_ns: int  # it cannot land after this


_DECODER: Final = msgspec.json.Decoder(PaperPayload)


def makes_account(ticket: Ticket) -> bool:
    """Whether it pays the rent of a new token account when it lands."""
    outcome = _DECODER.decode(ticket.payload).outcome
    return isinstance(outcome, Filled) and outcome.rent_lamports > 0


class PlainMarket:
    """A market without memory: the pool is as deep as the feed says, and chance is the same for every token."""

    remembers = False

    def __init__(self, model: PaperModel, costs: CostModel) -> None:
        self._model = model
        self._kept_ppm = PPM - ceil(costs.half_spread_bps * (PPM // BPS))

    def pool(self, order: Order, tick: Tick) -> Pool:
        return Pool(tick.depth_micros, self._kept_ppm, self._model.depth_share_max_ppm)

    def fate(self, work: Work, tick: Tick | None, draws: Draws) -> Fate:
        model, roll = self._model, draws.roll - self._model.route_down_ppm
        drift_max_ppm = 0 if tick is None else ppm_of(tick.range_bps * (PPM // BPS), model.drift_ppm)
        return Fate(
            route_down=roll < 0,
            expires=0 <= roll < model.expiry_ppm,
            fails=model.expiry_ppm <= roll < model.expiry_ppm + model.failure_ppm,
            latency_ms=model.latency_min_ms + draws.latency % (model.latency_max_ms - model.latency_min_ms + 1),
            priority_lamports=draws.fee % (model.priority_fee_max_lamports + 1),
            tip_lamports=work.tip_max_lamports if isinstance(work, Order) else 0,
            drift_ppm=draws.drift % (2 * drift_max_ppm + 1) - drift_max_ppm,
        )

    def filled(self, order: Order, pool: Pool, value_micros: int) -> None:
        pass


def holds_nothing(wallet_id: WalletId, mint: Mint) -> int:
    return 0


class PaperVenue:
    """`ports.Venue` without a chain. `has_account` says whether a wallet has a token account; a new one costs rent.

    `held` says how many units of a token a wallet has. What comes on top never exceeds what an account can hold.
    """

    provisional = False

    def __init__(
        self,
        prices: Prices,
        clock: Clock,
        seed: int,
        model: PaperModel,
        quote: Token,
        tokens: Mapping[Mint, Token],
        costs: CostModel,
        has_account: Callable[[WalletId, Mint], bool],
        held: Callable[[WalletId, Mint], int] = holds_nothing,
        bounds_slippage: bool = False,
        awaits_price: bool = False,
        tick_of: Callable[[Order], Tick | None] | None = None,
        market: PaperMarket | None = None,
    ) -> None:
        """`bounds_slippage`: an order's slippage counts from the price of its quote, not of its decision.

        `awaits_price`: a quote is no older than the moment at which it was asked for, so than its order's decision.
        `tick_of` says which price an order gets; None: the feed's. `market`: how it treats orders; None: plainly, as
        `model` says.
        """
        self._prices = prices
        self._clock = clock
        self._key = blake2b(str(seed).encode()).digest()
        self._model = model
        self._quote = quote
        self._tokens = tokens
        self._costs = costs
        self._has_account = has_account
        self._held = held
        self._bounds_slippage = bounds_slippage
        self._awaits_price = awaits_price
        self._tick_of = tick_of or self._newest
        self._market = market or PlainMarket(model, costs)
        self._sent: dict[str, int] = {}  # signature → time of the first send, oldest first
        # Token accounts that a signed order makes, and until when it may land: the next order pays no rent again.
        self._making: dict[tuple[WalletId, Mint], tuple[OrderId, int]] = {}

    async def quote(self, order: Order) -> Quote | Rejected:
        """The pool's quote at the feed's current price, or why there is none."""
        if order.mev_protected and order.is_entry and not order.route.protects:
            return Rejected(Cause.NO_PROTECTED_ROUTE, f"must be protected, and its route is {order.route}")
        tick = self._tick_of(order)
        if self._awaits_price and tick is not None:
            tick = await self._newer(tick)
        if tick is None or order.mint not in self._tokens:
            return Rejected(Cause.PRICE_UNAVAILABLE, f"no price of {order.mint}")
        needs_account = self._lacks_account(order)
        rent = self._rent(order)
        if needs_account and rent > order.rent_max_lamports:
            return Rejected(Cause.WALLET_FUNDS, f"rent {rent} > {order.rent_max_lamports}")
        return self._answer(order, tick, needs_account)

    def _newest(self, order: Order) -> Tick | None:
        return self._prices.ticks().get(order.mint)

    async def _newer(self, tick: Tick) -> Tick | None:
        """The first price that is not older than now. Raises VenueUnavailable."""
        asked_ns, mint, known = self._clock.now_ns(), tick.mint, tick
        while known.at_ns < asked_ns:
            if self._clock.now_ns() - asked_ns > PRICE_PATIENCE_NS:
                raise VenueUnavailable(f"no price of {mint} that is newer than the order")
            await self._clock.sleep(PRICE_LOOK_S)
            if (found := self._prices.ticks().get(mint)) is None:
                return None
            known = found
        return known

    def _answer(self, order: Order, tick: Tick, needs_account: bool) -> Quote | Rejected:
        middle, pool = self._at_mid(order, tick.price_pico), self._market.pool(order, tick)
        value = self._value_micros_up(order, tick.price_pico)
        if not pool.holds(order.side, value):
            return Rejected(Cause.NO_LIQUIDITY, f"{value} micro-USD out of a depth of {pool.depth_micros}")
        impact_bps = pool.impact_bps(order.side, value)
        if impact_bps > order.slippage_max_bps:
            return Rejected(Cause.PRICE_IMPACT, f"{impact_bps} bps > {order.slippage_max_bps}")
        received = pool.received(order.side, value, middle)
        least = max(order.received_min, 1)
        if self._bounds_slippage:
            least = max(least, -(-middle[0] * max(0, BPS - order.slippage_max_bps) // (middle[1] * BPS)))
        if received < least:
            cause = short_cause(order, self._tokens[order.mint].decimals) if least == order.received_min else None
            return Rejected(cause or Cause.SLIPPAGE, f"{received} < {least}")
        if received > TOKEN_UNITS_MAX:
            return Rejected(Cause.NO_LIQUIDITY, f"{received} base units are more than a token account can hold")
        return Quote(order.id, order.spend, order.receive, received, least, impact_bps, needs_account)

    def _lacks_account(self, order: Order) -> bool:
        place = order.wallet_id, order.receive
        if order.receive == SOL or self._has_account(*place):
            return False
        maker, until_ns = self._making.get(place, (order.id, 0))
        return maker == order.id or self._clock.now_ns() >= until_ns

    def _rent(self, order: Order) -> int:
        return self._costs.rent_of(self._tokens.get(order.receive, self._quote))

    def _at_mid(self, order: Order, price_pico: int) -> tuple[int, int]:
        """What the order would get at exactly this price, in base units, as a ratio."""
        token_one: int = 10 ** self._tokens[order.mint].decimals
        quote_one: int = 10**self._quote.decimals
        if order.side is BUY:
            return order.spend.units * PICO * token_one, quote_one * price_pico
        return order.spend.units * price_pico * quote_one, token_one * PICO

    def _value_micros_up(self, order: Order, price_pico: int) -> int:
        if order.side is BUY:
            return -(-order.spend.units * MICROS // int(10**self._quote.decimals))
        mid, per = self._at_mid(order, price_pico)
        return -(-mid * MICROS // (per * int(10**self._quote.decimals)))

    async def sign(self, order: Order, quote: Quote) -> Ticket | Rejected:
        """Draws the order's outcome from the seed, the order, the quote and the feed's current range."""
        if not quote.fits(order):
            return Rejected(Cause.BAD_QUOTE, "the quote is not of this order")
        tick = self._tick_of(order)
        if tick is None:
            return Rejected(Cause.PRICE_UNAVAILABLE, f"no price of {order.mint}")
        draws = self._draw(order.id if self._market.remembers else quote)
        fate = self._market.fate(order, tick, draws)
        return self._ticket(order, draws, fate, lambda: self._outcome(order, quote, tick, fate))

    async def transfer(self, move: Move) -> Ticket | Rejected:
        """Draws the move's outcome from the seed and the move: it lands as requested, reverts, or is lost."""
        if move.money.mint not in (SOL, self._quote.mint) and move.money.mint not in self._tokens:
            return Rejected(Cause.NOT_VERIFIED, f"{move.money.mint} is not a listed token")
        draws = self._draw(move)
        fate = self._market.fate(move, None, draws)
        return self._ticket(move, draws, fate, lambda: self._outcome_of_move(move, fate))

    def _draw(self, cause: Quote | Move | OrderId) -> Draws:
        digest = blake2b(_ENCODER.encode(cause), key=self._key).digest()
        roll, *rest = _DRAWS.unpack(digest)
        return Draws(digest, roll % PPM, *rest)

    def _ticket(
        self, work: Work, draws: Draws, fate: Fate, outcome: Callable[[], Filled | Failed]
    ) -> Ticket | Rejected:
        if fate.route_down:
            return Rejected(Cause.ROUTE_DOWN, "no connection to the network")
        is_lost = fate.expires or fate.latency_ms >= self._model.life_ms
        payload = PaperPayload(
            order_id=work.id,
            outcome=Expired() if is_lost else outcome(),
            latency_ns=fate.latency_ms * NS_PER_MS,
            until_ns=self._clock.now_ns() + self._model.life_ms * NS_PER_MS,
        )
        return Ticket(_signature(draws.digest), _ENCODER.encode(payload))

    def _outcome_of_move(self, move: Move, fate: Fate) -> Filled | Failed:
        costs, mint = self._costs, move.money.mint
        fee = self._fee(move, fate)
        if fate.fails:
            return Failed(fee, Cause.REVERTED, "the network was not kind")
        if move.kind is MoveKind.RECLAIM:
            return Filled(0, costs.rent_of(self._tokens.get(mint, self._quote)), fee)
        known = mint == SOL or (move.to_wallet is not None and self._has_account(move.to_wallet, mint))
        return Filled(move.money.units, move.money.units, fee, 0 if known else costs.rent_lamports)

    def _fee(self, work: Work, fate: Fate) -> int:
        tip_max = work.tip_max_lamports if isinstance(work, Order) else 0
        return min(self._costs.fee_lamports + fate.priority_lamports, work.fee_max_lamports - tip_max)

    def _outcome(self, order: Order, quote: Quote, tick: Tick, fate: Fate) -> Filled | Failed:
        fee, tip = self._fee(order, fate), min(fate.tip_lamports, order.tip_max_lamports)
        pool = self._market.pool(order, tick)
        value = self._value_micros_up(order, tick.price_pico)
        received = quote.received
        if self._market.remembers:
            received = pool.received(order.side, value, self._at_mid(order, tick.price_pico))
        received = received * (PPM + fate.drift_ppm) // PPM
        if self._held(order.wallet_id, order.receive) + received > TOKEN_UNITS_MAX:
            return Failed(fee, Cause.REVERTED, "the token account cannot hold so many base units")
        if received < quote.received_min or fate.fails:
            return Failed(fee, Cause.SLIPPAGE, "the price moved before it landed")
        self._market.filled(order, pool, value)
        if not (quote.needs_account and self._lacks_account(order)):
            return Filled(quote.spend.units, received, fee, tip_lamports=tip)
        until_ns = self._clock.now_ns() + self._model.life_ms * NS_PER_MS
        self._making[order.wallet_id, order.receive] = order.id, until_ns
        return Filled(quote.spend.units, received, fee, self._rent(order), tip_lamports=tip)

    async def send(self, work: Work, ticket: Ticket, allowed: Allowed = always) -> None:
        """Only the first send counts. Each new ticket drops one that has long expired."""
        now_ns = self._clock.now_ns()
        self._sent.setdefault(ticket.signature, now_ns)
        oldest = next(iter(self._sent))
        if self._sent[oldest] < now_ns - 2 * self._model.life_ms * NS_PER_MS:
            del self._sent[oldest]

    async def outcome(self, work: Work, ticket: Ticket) -> Outcome | None:
        """Its drawn outcome once it has landed, Expired once it can no longer land."""
        now_ns, payload = self._clock.now_ns(), _DECODER.decode(ticket.payload)
        lands_at_ns = self._lands_at_ns(ticket, payload)
        if lands_at_ns is not None:
            return payload.outcome if now_ns >= lands_at_ns else None
        return Expired() if now_ns >= payload.until_ns else None

    def _lands_at_ns(self, ticket: Ticket, payload: PaperPayload) -> int | None:
        """None: it was not sent yet, or never lands."""
        sent_at_ns = self._sent.get(ticket.signature)
        if sent_at_ns is None or isinstance(payload.outcome, Expired):
            return None
        lands_at_ns = sent_at_ns + payload.latency_ns
        return lands_at_ns if lands_at_ns < payload.until_ns else None

    async def final(self, work: Work, ticket: Ticket, booked: Outcome) -> Outcome | None:
        """Paper has no forks."""
        return booked

    async def wait(self, ticket: Ticket, seconds: float) -> None:
        await self._clock.sleep(seconds)


def _signature(digest: bytes) -> str:
    noise = blake2b(digest).digest() + digest
    return ("paper" + noise.translate(_AS_BASE58).decode())[:SIGNATURE_CHARS]
