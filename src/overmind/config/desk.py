"""The portfolio-wide settings as the core wants them, from the variables."""

from __future__ import annotations

from overmind.config import variables
from overmind.config.problems import Findings
from overmind.config.secrecy import shown
from overmind.config.settings import Settings
from overmind.config.token_list import tokens_of
from overmind.config.variables import Cluster, Variable
from overmind.config.wallets import Managed
from overmind.core.model.values import Ceilings, CostModel, Desk, WalletId, WalletStatus


def build_desk(settings: Settings, cluster: Cluster, managed: Managed, findings: Findings) -> Desk:
    quote, tokens = tokens_of(cluster, settings.get(variables.TOKENS_FILE), findings)
    multi_wallet_enabled = settings.get(variables.MULTI_WALLET_ENABLED)
    return Desk(
        quote=quote,
        tokens=tokens,
        default_wallet=_default_wallet(settings.get(variables.DEFAULT_WALLET), multi_wallet_enabled, managed, findings),
        multi_wallet_enabled=multi_wallet_enabled,
        selection_timeout_ns=settings.get(variables.SELECTION_TIMEOUT),
        portfolio_exposure_max_ppm=settings.get(variables.PORTFOLIO_EXPOSURE_MAX),
        asset_max_ppm=settings.get(variables.ASSET_MAX),
        strategy_max_ppm=settings.get(variables.STRATEGY_MAX),
        positions_max=settings.get(variables.POSITIONS_MAX),
        rate_max_per_s=settings.get(variables.RATE_MAX),
        slippage_max_bps=settings.get(variables.SLIPPAGE_MAX),
        slippage_max_meme_bps=settings.get(variables.SLIPPAGE_MAX_MEME),
        quote_off_mark_max_bps=settings.get(variables.QUOTE_OFF_MARK_MAX),
        reserve_float_lamports=settings.get(variables.RESERVE_FLOAT),
        mark_age_max_ns=settings.get(variables.MARK_AGE_MAX),
        signal_ttl_ns=settings.get(variables.SIGNAL_TTL),
        attempts_max=settings.get(variables.ATTEMPTS_MAX),
        emergency_stop_ppm=settings.get(variables.EMERGENCY_STOP_THRESHOLD),
        day_loss_max_ppm=settings.get(variables.DAY_LOSS_MAX),
        drawdown_max_ppm=settings.get(variables.DRAWDOWN_MAX),
        loss_streak_max=settings.get(variables.LOSS_STREAK_MAX),
        cooldown_ns=settings.get(variables.STOP_COOLDOWN),
        exit_slippage_bps=settings.get(variables.EXIT_SLIPPAGE),
        exit_retry_ns=settings.get(variables.EXIT_RETRY),
        emergency_liquidate=settings.get(variables.EMERGENCY_LIQUIDATE),
        emergency_sweep=settings.get(variables.EMERGENCY_SWEEP),
        rebalance_band_ppm=settings.get(variables.REBALANCE_BAND),
        rebalance_inner_ppm=_at_most(variables.REBALANCE_INNER, variables.REBALANCE_BAND, settings, findings),
        rebalance_min_micros=settings.get(variables.REBALANCE_MIN),
        rebalance_cost_max_bps=settings.get(variables.REBALANCE_COST_MAX),
        rebalance_interval_ns=settings.get(variables.REBALANCE_INTERVAL),
        float_low_lamports=_float_low(settings, findings),
        float_target_lamports=settings.get(variables.FLOAT_TARGET),
        reclaim_after_ns=settings.get(variables.RECLAIM_AFTER),
        withdraw_addresses=settings.get(variables.WITHDRAW_ADDRESSES),
        withdraw_day_max_micros=settings.get(variables.WITHDRAW_DAY_MAX),
        withdraw_delay_ns=settings.get(variables.WITHDRAW_DELAY),
        day_trades_max=settings.get(variables.DAY_TRADES_MAX),
        sizing_min_micros=settings.get(variables.SIZING_MIN),
        volatility_half_life_ns=settings.get(variables.VOLATILITY_HALF_LIFE),
        costs=_costs(settings, findings),
        ceilings=_ceilings(settings),
    )


def _ceilings(settings: Settings) -> Ceilings:
    return Ceilings(
        daily_loss_max_micros=settings.get(variables.CEILING_DAILY_LOSS),
        position_max_micros=settings.get(variables.CEILING_POSITION),
        exposure_max_ppm=settings.get(variables.CEILING_EXPOSURE),
        positions_max=settings.get(variables.CEILING_POSITIONS),
        stop_loss_ppm=settings.get(variables.CEILING_STOP_LOSS),
        trades_per_day_max=settings.get(variables.CEILING_TRADES),
    )


def _at_most(low: Variable[int], high: Variable[int], settings: Settings, findings: Findings) -> int:
    """What may not be above another setting."""
    value, bound = settings.get(low), settings.get(high)
    if value > bound:
        findings.refuse(low.name, f"is above {high.name}", f"lower it to at most {settings.effective(high).value}")
    return value


def _float_low(settings: Settings, findings: Findings) -> int:
    """What is topped up must be above that, or it would be topped up again at once. Target 0 means never."""
    if not settings.get(variables.FLOAT_TARGET):
        return settings.get(variables.FLOAT_LOW)
    return _at_most(variables.FLOAT_LOW, variables.FLOAT_TARGET, settings, findings)


def _default_wallet(named: str, multi_wallet_enabled: bool, managed: Managed, findings: Findings) -> WalletId | None:
    where = variables.DEFAULT_WALLET.name
    if not named:
        if not multi_wallet_enabled:
            findings.refuse(where, f"not set, though {variables.MULTI_WALLET_ENABLED.name} is false", "name one wallet")
        return None
    status = managed.statuses.get(WalletId(named))
    if status is None:
        known = ", ".join(sorted(managed.statuses)[:10]) or "a wallet that exists"
        findings.refuse(where, f"{shown(named)!r} is not among the managed wallets", f"name one of: {known}")
    elif status is not WalletStatus.ACTIVE:
        findings.refuse(where, f"{named} has the status {status}", "name an Active wallet, or set its status to Active")
    return WalletId(named)


def _costs(settings: Settings, findings: Findings) -> CostModel:
    costs = CostModel(
        fee_lamports=settings.get(variables.COST_FEE),
        fee_max_lamports=settings.get(variables.COST_FEE_MAX),
        rent_lamports=settings.get(variables.COST_RENT),
        rent_2022_lamports=settings.get(variables.COST_RENT_2022),
        rent_lost_ppm=settings.get(variables.COST_RENT_LOST),
        headroom_bps=settings.get(variables.COST_HEADROOM),
        preference_bps=settings.get(variables.COST_PREFERENCE),
        half_spread_bps=settings.get(variables.COST_HALF_SPREAD),
        depth_micros=settings.get(variables.COST_DEPTH),
    )
    if costs.fee_lamports > costs.fee_max_lamports:
        findings.refuse(
            variables.COST_FEE.name,
            f"{costs.fee_lamports} is above {variables.COST_FEE_MAX.name} ({costs.fee_max_lamports})",
            "reserve at least what a swap is expected to cost",
        )
    return costs
