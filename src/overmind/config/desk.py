"""Builds the core's portfolio-wide settings from the variables."""

from __future__ import annotations

from collections.abc import Mapping

from overmind.config.learning import learner_rules
from overmind.config.problems import Findings
from overmind.config.routes import routing_of
from overmind.config.secrecy import shown
from overmind.config.settings import Settings
from overmind.config.token_list import tokens_of
from overmind.config.variables.capital import (
    FLOAT_LOW,
    FLOAT_TARGET,
    REBALANCE_BAND,
    REBALANCE_COST_MAX,
    REBALANCE_INNER,
    REBALANCE_INTERVAL,
    REBALANCE_MIN,
    RECLAIM_AFTER,
    WITHDRAW_ADDRESSES,
    WITHDRAW_DAY_MAX,
    WITHDRAW_DELAY,
)
from overmind.config.variables.chain import PYTH_FEEDS, SECOND_SWAP_URL, WITNESS_URL, Cluster
from overmind.config.variables.costs import (
    COST_DEPTH,
    COST_FEE,
    COST_FEE_MAX,
    COST_HALF_SPREAD,
    COST_HEADROOM,
    COST_IN_FLIGHT,
    COST_MISS,
    COST_MISS_HALF_LIFE,
    COST_PREFERENCE,
    COST_RENT,
    COST_RENT_2022,
    COST_RENT_LOST,
)
from overmind.config.variables.performance import (
    ATTEMPTS_MAX,
    RATE_MAX,
    SELECTION_TIMEOUT,
    SIGNAL_TTL,
    SPLIT,
    SPLIT_PARTS_MAX,
)
from overmind.config.variables.risk import (
    ADMISSION,
    ADMISSION_EXIT,
    ASSET_MAX,
    CEILINGS,
    DAY_LOSS_FLATTEN,
    DAY_LOSS_MAX,
    DAY_TRADES_MAX,
    DEPEG_MAX,
    DRAWDOWN_MAX,
    DUST,
    EMERGENCY_LIQUIDATE,
    EMERGENCY_STOP_THRESHOLD,
    EMERGENCY_SWEEP,
    EXIT_RETRY,
    EXIT_SLIPPAGE,
    EXPECTED_COST_MAX,
    LOSS_STREAK_MAX,
    MARK_AGE_MAX,
    MARK_HEARTBEAT,
    ORDER_MIN,
    PORTFOLIO_EXPOSURE_MAX,
    POSITIONS_MAX,
    PRICE_AGREEMENT,
    PRICE_JUMP_MAX,
    QUOTE_OFF_MARK_MAX,
    RESERVE_FLOAT,
    SIZING_MIN,
    SLIPPAGE_MAX,
    SLIPPAGE_MAX_MEME,
    STOP_COOLDOWN,
    STRATEGY_MAX,
    VOLATILITY_HALF_LIFE,
)
from overmind.config.variables.unlisted import (
    UNLISTED_IMPACT_MAX,
    UNLISTED_LIQUIDITY_MIN,
    UNLISTED_MINTS_MAX,
    UNLISTED_ROUND_TRIP_MAX,
    UNLISTED_TRIAL,
)
from overmind.config.variables.variable import Variable
from overmind.config.variables.wallets import DEFAULT_WALLET, MULTI_WALLET_ENABLED, TOKENS_FILE
from overmind.config.wallets import Managed
from overmind.core.model.codes import Ceilings
from overmind.core.model.desk_settings import BOOKING_RULES, CostModel, Desk, Routing
from overmind.core.model.enums import WalletStatus
from overmind.core.model.ids import Mint, WalletId
from overmind.core.model.mints import AdmissionPolicy, UnlistedRules
from overmind.core.model.money import Token


def build_desk(settings: Settings, cluster: Cluster, managed: Managed, findings: Findings) -> Desk:
    quote, tokens = tokens_of(cluster, settings.get(TOKENS_FILE), findings)
    _check_feeds(settings, quote, tokens, findings)
    multi_wallet_enabled = settings.get(MULTI_WALLET_ENABLED)
    routing = routing_of(cluster, settings, managed.wallets.values())
    return Desk(
        quote=quote,
        tokens=tokens,
        booking_rules=BOOKING_RULES,
        default_wallet=_default_wallet(settings.get(DEFAULT_WALLET), multi_wallet_enabled, managed, findings),
        multi_wallet_enabled=multi_wallet_enabled,
        selection_timeout_ns=settings.get(SELECTION_TIMEOUT),
        portfolio_exposure_max_ppm=settings.get(PORTFOLIO_EXPOSURE_MAX),
        asset_max_ppm=settings.get(ASSET_MAX),
        strategy_max_ppm=settings.get(STRATEGY_MAX),
        positions_max=settings.get(POSITIONS_MAX),
        rate_max_per_s=settings.get(RATE_MAX),
        slippage_max_bps=settings.get(SLIPPAGE_MAX),
        slippage_max_meme_bps=settings.get(SLIPPAGE_MAX_MEME),
        quote_off_mark_max_bps=settings.get(QUOTE_OFF_MARK_MAX),
        reserve_float_lamports=settings.get(RESERVE_FLOAT),
        mark_age_max_ns=settings.get(MARK_AGE_MAX),
        mark_heartbeat_ns=settings.get(MARK_HEARTBEAT),
        signal_ttl_ns=settings.get(SIGNAL_TTL),
        attempts_max=settings.get(ATTEMPTS_MAX),
        split=settings.get(SPLIT),
        split_parts_max=settings.get(SPLIT_PARTS_MAX),
        emergency_stop_ppm=settings.get(EMERGENCY_STOP_THRESHOLD),
        day_loss_max_ppm=settings.get(DAY_LOSS_MAX),
        day_loss_flatten=settings.get(DAY_LOSS_FLATTEN),
        drawdown_max_ppm=settings.get(DRAWDOWN_MAX),
        loss_streak_max=settings.get(LOSS_STREAK_MAX),
        cooldown_ns=settings.get(STOP_COOLDOWN),
        exit_slippage_bps=settings.get(EXIT_SLIPPAGE),
        exit_retry_ns=settings.get(EXIT_RETRY),
        emergency_liquidate=settings.get(EMERGENCY_LIQUIDATE),
        emergency_sweep=settings.get(EMERGENCY_SWEEP),
        rebalance_band_ppm=settings.get(REBALANCE_BAND),
        rebalance_inner_ppm=_at_most(REBALANCE_INNER, REBALANCE_BAND, settings, findings),
        rebalance_min_micros=settings.get(REBALANCE_MIN),
        rebalance_cost_max_bps=settings.get(REBALANCE_COST_MAX),
        rebalance_interval_ns=settings.get(REBALANCE_INTERVAL),
        float_low_lamports=_float_low(settings, findings),
        float_target_lamports=settings.get(FLOAT_TARGET),
        reclaim_after_ns=settings.get(RECLAIM_AFTER),
        withdraw_addresses=settings.get(WITHDRAW_ADDRESSES),
        withdraw_day_max_micros=settings.get(WITHDRAW_DAY_MAX),
        withdraw_delay_ns=settings.get(WITHDRAW_DELAY),
        day_trades_max=settings.get(DAY_TRADES_MAX),
        order_min_micros=settings.get(ORDER_MIN),
        expected_cost_max_bps=settings.get(EXPECTED_COST_MAX),
        sizing_min_micros=settings.get(SIZING_MIN),
        dust_micros=settings.get(DUST),
        volatility_half_life_ns=settings.get(VOLATILITY_HALF_LIFE),
        price_jump_max_ppm=settings.get(PRICE_JUMP_MAX),
        proceeds_bound_bps=settings.get(PRICE_AGREEMENT) if settings.get(SECOND_SWAP_URL) is not None else 0,
        witness_bound_bps=_witness_bound_bps(settings),
        depeg_max_ppm=settings.get(DEPEG_MAX),
        admission=_admission(settings, cluster),
        admission_exit=settings.get(ADMISSION_EXIT),
        unlisted=_unlisted(settings),
        costs=_costs(settings, routing, findings),
        routing=routing,
        learner_rules=learner_rules(settings),
        ceilings=_ceilings(settings),
    )


def _witness_bound_bps(settings: Settings) -> int:
    """0 without a second source. The setting is read all the same, so that a mistake in it is found."""
    bound_bps = settings.get(PRICE_AGREEMENT)
    return bound_bps if settings.get(WITNESS_URL) is not None or settings.get(PYTH_FEEDS) else 0


def _check_feeds(settings: Settings, quote: Token, tokens: Mapping[Mint, Token], findings: Findings) -> None:
    known = [quote.symbol, *(token.symbol for token in tokens.values())]
    for feed in settings.get(PYTH_FEEDS):
        if feed.symbol not in {symbol.upper() for symbol in known}:
            problem = f"{shown(feed.symbol)} is not a listed token"
            findings.refuse(PYTH_FEEDS.name, problem, f"name one of: {', '.join(known)}")


def _admission(settings: Settings, cluster: Cluster) -> AdmissionPolicy:
    """Paper has no chain that could be looked at."""
    policy = settings.get(ADMISSION)
    return AdmissionPolicy.OFF if cluster is Cluster.PAPER else policy


def _unlisted(settings: Settings) -> UnlistedRules:
    return UnlistedRules(
        mints_max=settings.get(UNLISTED_MINTS_MAX),
        liquidity_min_micros=settings.get(UNLISTED_LIQUIDITY_MIN),
        trial_micros=settings.get(UNLISTED_TRIAL),
        impact_max_bps=settings.get(UNLISTED_IMPACT_MAX),
        round_trip_max_bps=settings.get(UNLISTED_ROUND_TRIP_MAX),
    )


def _ceilings(settings: Settings) -> Ceilings:
    return Ceilings(**{field: settings.get(variable) for field, variable in CEILINGS.items()})


def _at_most(low: Variable[int], high: Variable[int], settings: Settings, findings: Findings) -> int:
    """The value of `low`, which may not exceed that of `high`."""
    value, bound = settings.get(low), settings.get(high)
    if value > bound:
        findings.refuse(low.name, f"is above {high.name}", f"lower it to at most {settings.effective(high).value}")
    return value


def _float_low(settings: Settings, findings: Findings) -> int:
    """The level below which SOL is topped up. It must be below the target, or every top-up would need another."""
    if not settings.get(FLOAT_TARGET):
        return settings.get(FLOAT_LOW)
    return _at_most(FLOAT_LOW, FLOAT_TARGET, settings, findings)


def _default_wallet(named: str, multi_wallet_enabled: bool, managed: Managed, findings: Findings) -> WalletId | None:
    where = DEFAULT_WALLET.name
    if not named:
        if not multi_wallet_enabled:
            findings.refuse(where, f"not set, though {MULTI_WALLET_ENABLED.name} is false", "name one wallet")
        return None
    status = managed.statuses.get(WalletId(named))
    if status is None:
        known = ", ".join(sorted(managed.statuses)[:10]) or "a wallet that exists"
        findings.refuse(where, f"{shown(named)!r} is not among the managed wallets", f"name one of: {known}")
    elif status is not WalletStatus.ACTIVE:
        findings.refuse(where, f"{named} has the status {status}", "name an Active wallet, or set its status to Active")
    return WalletId(named)


def _costs(settings: Settings, routing: Routing, findings: Findings) -> CostModel:
    costs = CostModel(
        fee_lamports=settings.get(COST_FEE),
        fee_max_lamports=settings.get(COST_FEE_MAX) + routing.tip_max_lamports,
        rent_lamports=settings.get(COST_RENT),
        rent_2022_lamports=settings.get(COST_RENT_2022),
        rent_lost_ppm=settings.get(COST_RENT_LOST),
        headroom_bps=settings.get(COST_HEADROOM),
        preference_bps=settings.get(COST_PREFERENCE),
        half_spread_bps=settings.get(COST_HALF_SPREAD),
        depth_micros=settings.get(COST_DEPTH),
        miss_bps=settings.get(COST_MISS),
        miss_half_life_ns=settings.get(COST_MISS_HALF_LIFE),
        in_flight_bps=settings.get(COST_IN_FLIGHT),
    )
    if costs.fee_lamports > (fee_max := settings.get(COST_FEE_MAX)):
        findings.refuse(
            COST_FEE.name,
            f"{costs.fee_lamports} is above {COST_FEE_MAX.name} ({fee_max})",
            "reserve at least what a swap is expected to cost",
        )
    return costs
