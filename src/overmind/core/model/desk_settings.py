"""The portfolio-wide settings that decisions depend on."""

from __future__ import annotations

from overmind.core.model.codes import Ceilings
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.money import Token
from overmind.core.model.units import DAY_NS, MICROS, NS, PPM
from overmind.core.model.value import Value


class CostModel(Value, frozen=True):
    """What executing costs, as far as it is known before the trade. Sources: solana-facts §1.4 and §2.

    `fee` pays the signatures and the priority fee of one swap, `rent` one new token account of 165 bytes.
    """

    fee_lamports: int = 13_000  # 2 signatures x 5,000 + ceil(60,000 CU x 50,000 micro-lamports / 1e6)
    fee_max_lamports: int = 100_000  # reserved: the fee at the compute limit under contention
    rent_lamports: int = 2_039_280
    rent_2022_lamports: int = 2_157_600  # of 182 bytes: with the extensions of a token that takes a fee
    rent_lost_ppm: int = 400_000  # rent is refundable; this share is assumed never to be reclaimed
    headroom_bps: float = 2.0  # charged for using up the whole of a wallet's headroom: spreads the load
    preference_bps: float = 10.0  # what honouring `preferred_wallet_type` is worth
    half_spread_bps: float = 2.0
    depth_micros: int = 5_000_000 * MICROS  # assumed pool depth for the expected impact, where no feed tells

    def rent_of(self, token: Token) -> int:
        return self.rent_lamports if token.program == "token" else self.rent_2022_lamports


class Desk(Value, frozen=True):
    """The portfolio-wide settings that decisions depend on. Journaled, so that every decision can be recomputed."""

    quote: Token
    tokens: dict[Mint, Token]  # the admitted list, without the quote currency
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
    signal_ttl_ns: int = 30_000_000_000
    attempts_max: int = 3
    emergency_stop_ppm: int = 100_000  # of the equity at 00:00 UTC and what was deposited since
    day_loss_max_ppm: int = PPM  # of the same; holds the portfolio's entries until the next day
    drawdown_max_ppm: int = PPM  # of the highest equity; holds the portfolio's entries until somebody lifts it
    loss_streak_max: int = 0  # sales in a row that lost money, in one wallet; 0: no limit
    cooldown_ns: int = 0  # how long a wallet does not buy again what its stop loss sold
    exit_slippage_bps: tuple[int, ...] = (100, 200, 400, 800)  # of an exit, try by try; the last is never exceeded
    exit_retry_ns: int = 2 * NS  # before an exit that failed is tried again; doubles with every try
    emergency_liquidate: bool = False  # the automatic emergency stop sells whatever is held
    emergency_sweep: bool = False  # and what it brings goes to the Emergency wallet
    rebalance_band_ppm: int = 100_000  # of a wallet's target: how far off makes a rebalance due
    rebalance_inner_ppm: int = 20_000  # of the same: who is nearer than that takes no part in one
    rebalance_min_micros: int = 100 * MICROS  # no smaller transfer
    rebalance_cost_max_bps: int = 10  # no transfer that costs more of what it moves
    rebalance_interval_ns: int = 3_600 * NS  # between two that nobody asked for
    float_low_lamports: int = 120_000_000  # below it a wallet's float is topped up
    float_target_lamports: int = 250_000_000  # to this; 0: never
    reclaim_after_ns: int = DAY_NS  # that a token account is empty before its rent is reclaimed; 0: never
    withdraw_addresses: tuple[str, ...] = ()  # the only ones that a withdrawal may go to
    withdraw_day_max_micros: int = 0  # asked for since 00:00 UTC, all wallets together
    withdraw_delay_ns: int = 3_600 * NS  # an operator can cancel it meanwhile
    day_trades_max: int = 0  # of all wallets since 00:00 UTC; 0: no limit
    sizing_min_micros: int = 10 * MICROS  # what a risk budget comes to, with all its caps, must be worth it
    volatility_half_life_ns: int = DAY_NS // 4  # of what a price move weighs in a token's volatility
    strategy_max_ppm: int = PPM  # of the portfolio's equity, deployed by one strategy in all wallets
    positions_max: int = 0  # different assets in all wallets, those about to be bought included; 0: no limit
    costs: CostModel = CostModel()
    ceilings: Ceilings = Ceilings()
