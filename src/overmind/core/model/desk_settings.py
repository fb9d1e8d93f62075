"""The portfolio-wide settings that decisions depend on."""

from __future__ import annotations

from typing import Final

import msgspec

from overmind.core.model.codes import Ceilings
from overmind.core.model.enums import LearnerMode, Split
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.learner_rules import LearnerRules
from overmind.core.model.mints import AdmissionPolicy, UnlistedRules
from overmind.core.model.money import Token
from overmind.core.model.route import Expected, RouteName
from overmind.core.model.units import DAY_NS, MICROS, NS, PPM
from overmind.core.model.value import Value

# What a desk of this version journals when it is configured. 2: a sale takes the lots of its own strategy. 3: only
# entries count in the trades of the day, a shortfall is rounded up, and the day rolls with the marks of 00:00. 4: a
# pause without prices makes no doubted price credible, and refusals are journaled in brief. 5: an entry that must be
# protected takes no public route.
BOOKING_RULES: Final = 5


class CostModel(Value, frozen=True):
    """What executing costs, as far as it is known before the trade. Sources: solana-facts §1.4 and §2.

    `fee` pays the signatures and the priority fee of one swap, `rent` one new token account of 165 bytes.
    """

    fee_lamports: int = 13_000  # 2 signatures x 5,000 + ceil(60,000 CU x 50,000 micro-lamports / 1e6)
    fee_max_lamports: int = 100_000  # reserved: the fee at the compute limit under contention, and the highest tip
    rent_lamports: int = 2_039_280
    rent_2022_lamports: int = 2_157_600  # of 182 bytes: with the extensions of a token that takes a fee
    rent_lost_ppm: int = 400_000  # rent is refundable; this share is assumed never to be reclaimed
    headroom_bps: float = 2.0  # charged for using up a wallet's whole headroom: spreads the load
    preference_bps: float = 10.0  # the value of honouring `preferred_wallet_type`
    half_spread_bps: float = 2.0
    depth_micros: int = 5_000_000 * MICROS  # assumed pool depth for the expected impact, if no feed has one
    miss_bps: float = 0.0  # what an attempt that fails is expected to cost; 0: wallets are not told apart by it
    miss_half_life_ns: int = 1_800 * NS  # in which the share of a wallet's failed attempts halves; at most two hours
    in_flight_bps: float = 0.0  # of each open entry of a wallet: its transactions wait for one another

    def rent_of(self, token: Token) -> int:
        return self.rent_lamports if token.program == "token" else self.rent_2022_lamports


class Routing(Value, frozen=True, omit_defaults=True):
    """What is expected of the routes to the chain, and whether outcomes correct it."""

    learner: LearnerMode = LearnerMode.OFF
    landing_ppm: int = 950_000  # of the transactions that are sent
    slots: int = 2  # from signing to landing
    late_bps: float = 1.0  # what each slot more costs
    # What is expected of each route that this desk has; none: the public one alone, as the fields above have it.
    routes: dict[RouteName, Expected] = msgspec.field(default_factory=dict)
    exit_public_after_ns: int = 60 * NS  # so long an exit that is protected waits for a protected route
    tip_share_max_ppm: int = PPM  # of an order's notional: its tip's cap
    tip_day_max_lamports: int = 0  # of all wallets since 00:00 UTC, open orders included; 0: no limit

    @property
    def tip_max_lamports(self) -> int:
        """The highest cap of a tip: `CostModel.fee_max_lamports` includes it."""
        return max((one.tip_max_lamports for one in self.routes.values()), default=0)


class Desk(Value, frozen=True):
    """The portfolio-wide settings that decisions depend on. Journaled, so that every decision can be recomputed."""

    quote: Token
    # Those that are listed, without the quote currency. In a State, admitted tokens that no list has stand here too.
    tokens: dict[Mint, Token]
    booking_rules: int = 1  # which rules book and gate from here on; a journal without it was written under the first
    default_wallet: WalletId | None = None
    multi_wallet_enabled: bool = True
    selection_timeout_ns: int = 5_000_000_000
    portfolio_exposure_max_ppm: int = 800_000
    asset_max_ppm: int = 400_000
    rate_max_per_s: int = 50
    slippage_max_bps: int = 100
    slippage_max_meme_bps: int = 300
    quote_off_mark_max_bps: int = 150
    reserve_float_lamports: int = 100_000_000
    mark_age_max_ns: int = 30_000_000_000
    mark_heartbeat_ns: int = 0  # how often an unchanged price is journaled; 0: every mark is
    signal_ttl_ns: int = 30_000_000_000
    # A backtest: a sender's order fills at the first price after its decision, at most this much later. Its time to
    # live and its slippage begin at that price. 0: every order is filled at once.
    fill_within_ns: int = 0
    attempts_max: int = 3
    split: Split = Split.NONE  # of a buy that does not say whether several wallets may serve it
    split_parts_max: int = 4  # wallets that may serve one
    emergency_stop_ppm: int = 100_000  # of the equity at 00:00 UTC plus later deposits
    day_loss_max_ppm: int = PPM  # of the same; holds the portfolio's entries until the next day
    day_loss_flatten: bool = False  # a day's loss that reaches its limit also closes all positions
    drawdown_max_ppm: int = PPM  # of the highest equity; holds the portfolio's entries until an operator lifts it
    loss_streak_max: int = 0  # losing sales in a row in one wallet; 0: no limit
    cooldown_ns: int = 0  # how long a wallet does not buy a token that its stop loss sold
    # maximum slippage of an exit, try by try; the last one is the floor
    exit_slippage_bps: tuple[int, ...] = (100, 200, 400, 800)
    exit_retry_ns: int = 2 * NS  # before a failed exit is retried; doubles with every try
    emergency_liquidate: bool = False  # the automatic emergency stop also sells all positions
    emergency_sweep: bool = False  # and sweeps the proceeds into the Emergency wallet
    rebalance_band_ppm: int = 100_000  # of a wallet's target: the deviation that makes a rebalance due
    rebalance_inner_ppm: int = 20_000  # of a wallet's target: a wallet within it takes no part
    rebalance_min_micros: int = 100 * MICROS  # the minimum transfer
    rebalance_cost_max_bps: int = 10  # the maximum cost of a transfer, in bps of its amount
    rebalance_interval_ns: int = 3_600 * NS  # between two automatic ones
    float_low_lamports: int = 120_000_000  # a wallet's float is topped up below this
    float_target_lamports: int = 250_000_000  # the float after a top-up; 0: never
    reclaim_after_ns: int = DAY_NS  # how long a token account is empty before its rent is reclaimed; 0: never
    withdraw_addresses: tuple[str, ...] = ()  # the only addresses that a withdrawal may go to
    withdraw_day_max_micros: int = 0  # of all wallets since 00:00 UTC
    withdraw_delay_ns: int = 3_600 * NS  # in this time an operator can cancel it
    day_trades_max: int = 0  # entries of all wallets since 00:00 UTC; 0: no limit
    order_min_micros: int = 0  # the smallest entry; 0: no limit
    expected_cost_max_bps: int = 0  # of an entry's amount; 0: no limit
    sizing_min_micros: int = 10 * MICROS  # the minimum size from a risk budget, after all caps
    volatility_half_life_ns: int = DAY_NS // 4  # the half-life of a price move's weight in a token's volatility
    strategy_max_ppm: int = PPM  # of the portfolio's equity, deployed by one strategy in all wallets
    positions_max: int = 0  # different assets in all wallets, open buys included; 0: no limit
    price_jump_max_ppm: int = 0  # how far a price may move in a minute before it is doubted; 0: any move is believed
    witness_bound_bps: int = 0  # how far the second source may differ; 0: there is none, and none is needed
    proceeds_bound_bps: int = 0  # how far the proceeds of a simulated sale may differ; 0: none is simulated
    depeg_max_ppm: int = 0  # how far the quote currency may be from 1 USD; 0: it is not looked at
    dust_micros: int = 0  # a position of less value takes no place of anybody; 0: none does
    admission: AdmissionPolicy = AdmissionPolicy.OFF  # what a mint may be able to do
    admission_exit: bool = False  # a held token that is not admitted any more is sold
    unlisted: UnlistedRules = UnlistedRules()  # what a mint that no list has must show
    costs: CostModel = CostModel()
    routing: Routing = Routing()
    learner_rules: LearnerRules = LearnerRules()
    ceilings: Ceilings = Ceilings()

    @property
    def doubts_prices(self) -> bool:
        """Whether a mark may be shown and not believed."""
        return bool(self.price_jump_max_ppm or self.witness_bound_bps)
