"""The paper venue's arithmetic and its outcomes: the same seed, order and quote give the same outcome."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.stepping_clock import SteppingClock

from overmind.clock.virtual import VirtualClock, run_virtual
from overmind.core.model.desk_settings import CostModel
from overmind.core.model.enums import Side, StrategyType
from overmind.core.model.ids import SOL, Mint, OrderId, SignalId, WalletId
from overmind.core.model.money import Money, Token
from overmind.core.model.order import Order, Quote, Ticket
from overmind.core.model.outcome import Cause, Expired, Failed, Filled, Outcome, Rejected
from overmind.core.model.units import BPS, MICROS, NS, PICO
from overmind.ports import Tick, VenueUnavailable
from overmind.venues.paper import PERFECT, PaperModel, PaperVenue, makes_account

USDC = Token("USDC", Mint("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, "token")
BONK = Token("Bonk", Mint("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB263pRPu1Sn"), 5, "token")
SOL_TOKEN = Token("SOL", SOL, 9, "token")
START_NS = 1_750_000_000 * NS


class Feed:
    """Prices that a test sets."""

    def __init__(self, *ticks: Tick) -> None:
        self.now = {tick.mint: tick for tick in ticks}

    def ticks(self) -> Mapping[Mint, Tick]:
        return self.now


def sol_tick(price_usd: int = 100, depth_usd: int = 1_000_000, range_bps: int = 50) -> Tick:
    return Tick(SOL, price_usd * PICO, START_NS, depth_usd * MICROS, range_bps)


def venue(
    *ticks: Tick,
    model: PaperModel = PERFECT,
    seed: int = 1,
    costs: CostModel | None = None,
    has_account: Callable[[WalletId, Mint], bool] = lambda wallet, mint: True,
    clock: SteppingClock | None = None,
    held: int = 0,
) -> PaperVenue:
    tokens = {SOL: SOL_TOKEN, BONK.mint: BONK}
    feed, clock = Feed(*(ticks or (sol_tick(),))), clock or SteppingClock(START_NS)
    costs = costs or CostModel(half_spread_bps=0)
    return PaperVenue(feed, clock, seed, model, USDC, tokens, costs, has_account, lambda wallet, mint: held)


def order(number: int = 0, side: Side = Side.BUY, units: int = 100 * MICROS, **changes: object) -> Order:
    buying = side is Side.BUY
    made = Order(
        id=OrderId(f"s{number}.0.0"),
        signal_id=SignalId(f"s{number}"),
        wallet_id=WalletId("w1"),
        strategy=StrategyType.ARBITRAGE,
        side=side,
        spend=Money(units, USDC.mint if buying else SOL),
        receive=SOL if buying else USDC.mint,
        received_min=1,
        notional_micros=100 * MICROS,
        loss_max_micros=0,
        fee_max_lamports=100_000,
        rent_max_lamports=0,
        slippage_max_bps=100,
        mark_pico=100 * PICO,
        expires_at_ns=START_NS + 30 * NS,
        part=0,
        attempt=0,
    )
    return msgspec.structs.replace(made, **changes)


def quote_of(paper: PaperVenue, asked: Order) -> Quote | Rejected:
    return asyncio.run(paper.quote(asked))


def ticket_of(paper: PaperVenue, asked: Order) -> Ticket | Rejected:
    async def quote_and_sign() -> Ticket | Rejected:
        quote = await paper.quote(asked)
        return quote if isinstance(quote, Rejected) else await paper.sign(asked, quote)

    return asyncio.run(quote_and_sign())


def fate(paper: PaperVenue, clock: SteppingClock, asked: Order) -> Outcome:
    async def play() -> Outcome:
        quote = await paper.quote(asked)
        assert isinstance(quote, Quote), quote
        ticket = await paper.sign(asked, quote)
        if isinstance(ticket, Rejected):
            return ticket
        await paper.send(asked, ticket)
        clock.advance_to(clock.now_ns() + 60 * NS)
        outcome = await paper.outcome(asked, ticket)
        assert outcome is not None
        return outcome

    return asyncio.run(play())


@pytest.mark.parametrize(("held", "fills"), [(0, True), (2**64 - 1 - 999_900_009, True), (2**64 - 999_900_009, False)])
def test_no_fill_exceeds_what_a_token_account_can_hold(held: int, fills: bool) -> None:
    clock = SteppingClock(START_NS)
    outcome = fate(venue(clock=clock, held=held), clock, order())
    assert isinstance(outcome, Filled) is fills, outcome
    if not fills:
        assert isinstance(outcome, Failed)
        assert outcome.cause is Cause.REVERTED


def test_a_quote_beyond_a_token_account_is_refused() -> None:
    cheap = venue(msgspec.structs.replace(sol_tick(), price_pico=1))
    answer = quote_of(cheap, order())
    assert isinstance(answer, Rejected)
    assert answer.cause is Cause.NO_LIQUIDITY


# Price 100 USD, depth 1,000,000 USD. 10,000 USD against it: 1 % impact, 1/1.01 of the mid.
@pytest.mark.parametrize(
    ("side", "units", "half_spread_bps", "received", "impact_bps"),
    [
        (Side.BUY, 100 * MICROS, 0.0, 999_900_009, 1),
        (Side.BUY, 10_000 * MICROS, 0.0, 99_009_900_990, 100),
        (Side.BUY, 10_000 * MICROS, 10.0, 98_910_891_089, 100),
        (Side.BUY, 1, 0.0, 9, 1),
        (Side.SELL, NS, 0.0, 99_990_000, 1),
        (Side.SELL, 100 * NS, 0.0, 9_900_990_099, 100),
        (Side.SELL, 100 * NS, 10.0, 9_891_089_108, 100),
        (Side.SELL, 11, 0.0, 1, 1),
    ],
)
def test_quotes_of_a_constant_product_pool(
    side: Side, units: int, half_spread_bps: float, received: int, impact_bps: int
) -> None:
    quote = quote_of(venue(costs=CostModel(half_spread_bps=half_spread_bps)), order(0, side, units))
    assert isinstance(quote, Quote), quote
    assert (quote.received, quote.impact_bps) == (received, impact_bps)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"receive": BONK.mint}, Cause.PRICE_UNAVAILABLE),
        ({"receive": Mint("unheard of")}, Cause.PRICE_UNAVAILABLE),
        ({"spend": Money(250_001 * MICROS, USDC.mint), "slippage_max_bps": BPS}, Cause.NO_LIQUIDITY),
        ({"spend": Money(10_102 * MICROS, USDC.mint)}, Cause.PRICE_IMPACT),
        ({"spend": Money(1, USDC.mint), "received_min": 10_000}, Cause.LIMIT_PRICE),
        ({"received_min": 999_900_010}, Cause.LIMIT_PRICE),
        ({"received_min": 999_900_010, "mark_pico": 99 * PICO}, Cause.SLIPPAGE),
        ({"received_min": 1_000_000_000, "mark_pico": 99 * PICO}, Cause.SLIPPAGE),
        ({"received_min": 1_000_000_001, "mark_pico": 99 * PICO}, Cause.LIMIT_PRICE),
        ({"side": Side.SELL, "spend": Money(9, SOL), "receive": USDC.mint}, Cause.SLIPPAGE),
    ],
)
def test_refusals(changes: dict[str, object], cause: Cause) -> None:
    answer = quote_of(venue(), msgspec.structs.replace(order(), **changes))
    assert isinstance(answer, Rejected), answer
    assert answer.cause is cause


def test_a_pool_without_volume_has_no_liquidity() -> None:
    answer = quote_of(venue(sol_tick(depth_usd=0)), order())
    assert isinstance(answer, Rejected)
    assert answer.cause is Cause.NO_LIQUIDITY


@pytest.mark.parametrize(
    ("receive", "held", "rent_max", "rent"),
    [
        (SOL, False, 0, 0),  # wrapped SOL is transient
        (BONK.mint, True, 0, 0),
        (BONK.mint, False, 2_039_280, 2_039_280),
        (BONK.mint, False, 2_039_279, None),
    ],
)
def test_rent_of_a_new_account(receive: Mint, held: bool, rent_max: int, rent: int | None) -> None:
    clock = SteppingClock(START_NS)
    bonk_tick = Tick(BONK.mint, PICO // 50_000, START_NS, 10**6 * MICROS, 0)
    paper = venue(sol_tick(), bonk_tick, has_account=lambda wallet, mint: held, clock=clock)
    asked = order(receive=receive, rent_max_lamports=rent_max, mark_pico=PICO // 50_000)
    if rent is None:
        assert quote_of(paper, asked) == Rejected(Cause.WALLET_FUNDS, "rent 2039280 > 2039279")
        return
    outcome = fate(paper, clock, asked)
    assert isinstance(outcome, Filled)
    assert outcome.rent_lamports == rent


def test_two_open_orders_pay_the_rent_of_one_account_once() -> None:
    clock = SteppingClock(START_NS)
    bonk_tick = Tick(BONK.mint, PICO // 50_000, START_NS, 10**6 * MICROS, 0)
    paper = venue(bonk_tick, has_account=lambda wallet, mint: False, clock=clock)
    wanted = [
        order(number, receive=BONK.mint, rent_max_lamports=2_039_280, wallet_id=WalletId(wallet))
        for number, wallet in enumerate(("w1", "w1", "w2"))
    ]
    quotes = [quote_of(paper, one) for one in wanted]
    tickets = [asyncio.run(paper.sign(one, quote)) for one, quote in zip(wanted, quotes, strict=True)]
    assert [makes_account(ticket) for ticket in tickets] == [True, False, True]
    again = asyncio.run(paper.sign(wanted[0], quotes[0]))
    assert again == tickets[0]
    clock.advance_to(START_NS + 2 * PERFECT.life_ms * 10**6)  # The first one never landed.
    later = order(3, receive=BONK.mint, rent_max_lamports=2_039_280, expires_at_ns=START_NS + 10**6 * NS)
    assert makes_account(ticket_of(paper, later))


def test_no_price_at_signing() -> None:
    paper, asked = venue(), order()
    quote = quote_of(paper, asked)
    assert isinstance(quote, Quote)
    signed = asyncio.run(venue(Tick(BONK.mint, 1, 1, 1, 0)).sign(asked, quote))
    assert isinstance(signed, Rejected)
    assert signed.cause is Cause.PRICE_UNAVAILABLE


def test_nothing_is_known_before_the_latency_has_passed() -> None:
    clock = SteppingClock(START_NS)
    model = PaperModel(failure_ppm=0, expiry_ppm=0, route_down_ppm=0, latency_min_ms=700, latency_max_ms=700)
    paper = venue(model=model, clock=clock)
    ticket = ticket_of(paper, order())
    assert isinstance(ticket, Ticket)

    def seen(after_ms: int) -> Outcome | None:
        clock.advance_to(START_NS + after_ms * 10**6)
        return asyncio.run(paper.outcome(order(), ticket))

    assert seen(5_000) is None  # not sent
    asyncio.run(paper.send(order(), ticket))
    assert seen(5_699) is None
    asyncio.run(paper.send(order(), ticket))  # The first send counts.
    assert isinstance(seen(5_700), Filled)


@pytest.mark.parametrize(("sent_after_ms", "lands"), [(59_299, True), (59_300, False)])
def test_what_would_land_after_its_life_expires(sent_after_ms: int, lands: bool) -> None:
    clock = SteppingClock(START_NS)
    model = PaperModel(failure_ppm=0, expiry_ppm=0, route_down_ppm=0, latency_min_ms=700, latency_max_ms=700)
    paper = venue(model=model, clock=clock)
    ticket = ticket_of(paper, order())
    assert isinstance(ticket, Ticket)
    clock.advance_to(START_NS + sent_after_ms * 10**6)
    asyncio.run(paper.send(order(), ticket))
    clock.advance_to(START_NS + 60 * NS - 1)
    assert (asyncio.run(paper.outcome(order(), ticket)) is not None) is lands
    clock.advance_to(START_NS + 60 * NS)
    assert isinstance(asyncio.run(paper.outcome(order(), ticket)), Filled if lands else Expired)


def test_what_is_long_over_is_forgotten() -> None:
    clock = SteppingClock(START_NS)
    paper = venue(clock=clock)
    for number in range(1_000):
        ticket = ticket_of(paper, order(number))
        assert isinstance(ticket, Ticket)
        asyncio.run(paper.send(order(), ticket))
        clock.advance_to(clock.now_ns() + NS)
    assert len(paper._sent) <= 122


def test_what_is_sent_again_long_after_may_be_forgotten_at_once() -> None:
    clock = SteppingClock(START_NS)
    paper = venue(clock=clock)
    ticket = ticket_of(paper, order())
    assert isinstance(ticket, Ticket)
    for _ in range(3):
        asyncio.run(paper.send(order(), ticket))
        clock.advance_to(clock.now_ns() + 1_000 * NS)
    assert asyncio.run(paper.outcome(order(), ticket)) is not None


def test_rates_over_many_orders() -> None:
    clock = SteppingClock(START_NS)
    model = PaperModel(failure_ppm=100_000, expiry_ppm=50_000, route_down_ppm=20_000)
    paper = venue(model=model, clock=clock)
    fees, latencies = [], []
    seen: Counter[str] = Counter()
    for number in range(10_000):
        outcome = fate(paper, clock, order(number))
        seen[outcome.cause.value if isinstance(outcome, Failed | Rejected) else type(outcome).__name__] += 1
        if isinstance(outcome, Filled | Failed):
            fees.append(outcome.fee_lamports)
    for number in range(1_000):
        ticket = ticket_of(paper, order(number))
        if isinstance(ticket, Ticket):
            latencies.append(msgspec.json.decode(ticket.payload)["latency_ns"] // 10**6)
    assert abs(seen["SLIPPAGE"] - 1_000) < 120, seen
    assert abs(seen["Expired"] - 500) < 90, seen
    assert abs(seen["ROUTE_DOWN"] - 200) < 60, seen
    assert seen.total() == 10_000
    assert 13_000 <= min(fees) < 13_200
    assert 32_800 < max(fees) <= 33_000
    assert 400 <= min(latencies) < 420
    assert 1_180 < max(latencies) <= 1_200


def test_drift_stays_within_its_share_of_the_range() -> None:
    clock = SteppingClock(START_NS)
    calm = msgspec.structs.replace(PERFECT, drift_ppm=500_000)
    paper = venue(sol_tick(range_bps=80), model=calm, clock=clock)
    quote = quote_of(paper, order())
    assert isinstance(quote, Quote)
    outcomes = [fate(paper, clock, order(number)) for number in range(2_000)]
    fills = [one.received_units for one in outcomes if isinstance(one, Filled)]
    drifts = [Fraction((received - quote.received) * BPS, quote.received) for received in fills]
    assert len(drifts) == 2_000
    assert -40 <= min(drifts) < -39
    assert 39 < max(drifts) <= 40
    assert abs(sum(drifts, Fraction()) / 2_000) < 2


def test_a_drift_below_the_minimum_fails_and_costs_the_fee() -> None:
    clock = SteppingClock(START_NS)
    paper = venue(sol_tick(range_bps=80), model=msgspec.structs.replace(PERFECT, drift_ppm=10**6), clock=clock)
    outcomes = Counter(
        type(fate(paper, clock, order(number, received_min=999_900_009, mark_pico=100 * PICO))) for number in range(500)
    )
    assert set(outcomes) == {Filled, Failed}
    assert abs(outcomes[Failed] - 250) < 60, outcomes


orders = st.builds(
    lambda number, side, units, received_min, fee_max, slippage: order(
        number, side, units, received_min=received_min, fee_max_lamports=fee_max, slippage_max_bps=slippage
    ),
    st.integers(0, 10**6),
    st.sampled_from(Side),
    st.integers(1, 10**13),
    st.integers(0, 10**12),
    st.integers(1, 10**6),
    st.integers(1, BPS),
)
models = st.builds(
    PaperModel,
    failure_ppm=st.integers(0, 300_000),
    expiry_ppm=st.integers(0, 300_000),
    route_down_ppm=st.integers(0, 300_000),
    latency_min_ms=st.integers(0, 100),
    latency_max_ms=st.integers(100, 59_999),
    drift_ppm=st.integers(0, 10**6),
)
ticks = st.builds(
    Tick, st.just(SOL), st.integers(1, 10**18), st.just(START_NS), st.integers(0, 10**15), st.integers(0, 20_000)
)


@given(orders, models, ticks, st.integers())
def test_nothing_leaves_the_orders_bounds(asked: Order, model: PaperModel, tick: Tick, seed: int) -> None:
    clock = SteppingClock(START_NS)
    paper = venue(tick, model=model, seed=seed, clock=clock)
    quote = quote_of(paper, asked)
    if isinstance(quote, Rejected):
        return
    fair = Fraction(asked.spend.units * PICO * 1_000, tick.price_pico)  # 10^9 lamports against 10^6 micro-USD
    if asked.side is Side.SELL:
        fair = Fraction(asked.spend.units * tick.price_pico, 1_000 * PICO)
    assert asked.received_min <= quote.received < fair
    assert quote.impact_bps <= asked.slippage_max_bps
    outcome = fate(paper, clock, asked)
    if isinstance(outcome, Filled):
        assert outcome.spent_units == asked.spend.units
        assert outcome.received_units >= asked.received_min
    if isinstance(outcome, Filled | Failed):
        assert 0 <= outcome.fee_lamports <= asked.fee_max_lamports


@given(st.permutations(range(8)), models, st.integers(0, 99))
def test_the_order_of_calls_changes_no_fate(turns: list[int], model: PaperModel, seed: int) -> None:
    straight = venue(model=model, seed=seed)
    expected = [ticket_of(straight, order(number)) for number in range(8)]
    shuffled = venue(model=model, seed=seed)
    found = {number: ticket_of(shuffled, order(number)) for number in [*turns, *turns]}
    assert [found[number] for number in range(8)] == expected


def test_another_seed_is_another_fate() -> None:
    model = PaperModel()
    ones, others = ([ticket_of(venue(model=model, seed=seed), order(n)) for n in range(20)] for seed in (1, 2))
    assert all(one != other for one, other in zip(ones, others, strict=True))


def test_another_quote_is_another_fate() -> None:
    paper, asked = venue(model=PaperModel()), order()
    quote = quote_of(paper, asked)
    assert isinstance(quote, Quote)
    other = msgspec.structs.replace(quote, received=quote.received + 1)
    one, two = (asyncio.run(paper.sign(asked, each)) for each in (quote, other))
    assert isinstance(one, Ticket)
    assert isinstance(two, Ticket)
    assert one.signature != two.signature


def test_a_signature_is_plainly_of_paper() -> None:
    ticket = ticket_of(venue(), order())
    assert isinstance(ticket, Ticket)
    assert ticket.signature.startswith("paper")
    assert len(ticket.signature) == 88
    assert set(ticket.signature) <= set("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")


class MovingFeed(Feed):
    """A price that is `age_s` old, and a new one each second until it falls silent."""

    def __init__(self, clock: VirtualClock, age_s: int, silent_after_ns: int = 2**62) -> None:
        super().__init__(sol_tick())
        self._clock, self._age_ns, self._silent_after_ns = clock, age_s * NS, silent_after_ns

    def ticks(self) -> Mapping[Mint, Tick]:
        polled_ns = min(self._clock.now_ns(), self._silent_after_ns) // NS * NS
        tick = sol_tick(100 + (polled_ns - START_NS) // NS)
        return {SOL: msgspec.structs.replace(tick, at_ns=polled_ns - self._age_ns)}


@pytest.mark.parametrize(("age_s", "price"), [(0, 101), (2, 103)])
def test_a_live_quote_is_no_older_than_the_order(age_s: int, price: int) -> None:
    """The order comes half a second after a poll. What a cache gave out is as old as it says."""
    clock = VirtualClock(START_NS + NS // 2)
    live = PaperVenue(
        MovingFeed(clock, age_s), clock, 1, PERFECT, USDC, {SOL: SOL_TOKEN}, CostModel(half_spread_bps=0),
        lambda wallet, mint: True, awaits_price=True,
    )  # fmt: skip
    quote = run_virtual(live.quote(order()))
    assert isinstance(quote, Quote)
    assert 100 / (quote.received / 10**9) == pytest.approx(price, rel=1e-3)


def test_a_silent_feed_gives_no_live_quote() -> None:
    clock = VirtualClock(START_NS + NS // 2)
    live = PaperVenue(
        MovingFeed(clock, 0, START_NS), clock, 1, PERFECT, USDC, {SOL: SOL_TOKEN}, CostModel(),
        lambda wallet, mint: True, awaits_price=True,
    )  # fmt: skip
    with pytest.raises(VenueUnavailable, match="newer than the order"):
        run_virtual(live.quote(order()))


@pytest.mark.parametrize(
    ("failure_ppm", "tip"), [(0, 5_000), (1_000_000, 0)], ids=["in the swap that fills", "not in one that reverts"]
)
def test_a_tip_is_paid_beside_the_fee_and_within_its_part(failure_ppm: int, tip: int) -> None:
    """The tip belongs to the transaction that trades, so that one that reverts pays none (solana-facts §5.4)."""
    clock = SteppingClock(START_NS)
    model = msgspec.structs.replace(PERFECT, failure_ppm=failure_ppm, priority_fee_max_lamports=10**9)
    paid = fate(venue(model=model, clock=clock), clock, order(fee_max_lamports=105_000, tip_max_lamports=5_000))
    assert isinstance(paid, Filled | Failed)
    assert (paid.fee_lamports, paid.tip_lamports) == (100_000, tip)
