"""Limits, strategy shares, risk tolerances and accepted spellings as tables (specification §3, §4 and §7.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import asdict

from overmind.core.model.codes import LIMIT_FIELDS, Defaults, Limits
from overmind.core.model.enums import RiskProfile, StrategyType, WalletType
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import StrategyShare


def _row(pick: Callable[[Defaults], int]) -> Limits:
    return Limits(**{one.field: pick(one.defaults) * one.scale for one in LIMIT_FIELDS})


def _percent(percent: int) -> int:
    return percent * PPM // 100


_CONSERVATIVE = _row(lambda by: by.conservative)
_PRIMARY = _row(lambda by: by.primary)
_ARBITRAGE = _row(lambda by: by.arbitrage)
_HFT = _row(lambda by: by.hft)
_EXPERIMENTAL = _row(lambda by: by.experimental)
_EMERGENCY = _row(lambda by: by.emergency)

TYPE_LIMITS: Final[dict[WalletType, Limits]] = {
    WalletType.CONSERVATIVE: _CONSERVATIVE,
    WalletType.PRIMARY: _PRIMARY,
    WalletType.SECONDARY: _PRIMARY,
    WalletType.MEV_PROTECTION: _PRIMARY,
    WalletType.ARBITRAGE: _ARBITRAGE,
    WalletType.HFT: _HFT,
    WalletType.EXPERIMENTAL: _EXPERIMENTAL,
    WalletType.EMERGENCY: _EMERGENCY,
}

PROFILE_LIMITS: Final[dict[RiskProfile, Limits]] = {
    RiskProfile.LOW: _CONSERVATIVE,
    RiskProfile.MEDIUM: _PRIMARY,
    RiskProfile.HIGH: _HFT,
    RiskProfile.EXPERIMENTAL: _EXPERIMENTAL,
}


def stricter(one: Limits, other: Limits) -> Limits:
    """Field by field the tighter of two rows; for the risk level the higher, since fewer signals tolerate it."""
    first, second = asdict(one), asdict(other)
    return Limits(
        **{row.field: (max if row.only_raised else min)(first[row.field], second[row.field]) for row in LIMIT_FIELDS}
    )


def default_limits(wallet_type: WalletType, profile: RiskProfile) -> Limits:
    """What holds for a wallet whose own file gives no `risk_limits`."""
    return stricter(TYPE_LIMITS[wallet_type], PROFILE_LIMITS[profile])


def _share(percent: int, position_usd: int) -> StrategyShare:
    return StrategyShare(share_ppm=_percent(percent), position_max_micros=position_usd * MICROS)


_PRIMARY_SHARES = {
    StrategyType.TOKEN_SNIPING: _share(40, 5_000),
    StrategyType.ARBITRAGE: _share(30, 3_000),
    StrategyType.MOMENTUM_TRADING: _share(20, 2_000),
    StrategyType.AI_DECISION: _share(10, 2_000),
}

_SHARES: Final[dict[WalletType, dict[StrategyType, StrategyShare]]] = {
    WalletType.PRIMARY: _PRIMARY_SHARES,
    WalletType.SECONDARY: _PRIMARY_SHARES,
    WalletType.HFT: {
        StrategyType.ARBITRAGE: _share(60, 10_000),
        StrategyType.TOKEN_SNIPING: _share(40, 8_000),
    },
    WalletType.CONSERVATIVE: {
        StrategyType.MOMENTUM_TRADING: _share(70, 1_000),
        StrategyType.ARBITRAGE: _share(30, 500),
    },
    WalletType.EXPERIMENTAL: {
        StrategyType.SOUL_METEOR_SNIPING: _share(40, 200),
        StrategyType.METEORA_DAMM: _share(25, 150),
        StrategyType.DEVELOPER_TRACKING: _share(20, 100),
        StrategyType.AXIOM_MEME_COIN: _share(15, 100),
    },
    WalletType.ARBITRAGE: {StrategyType.ARBITRAGE: _share(100, 15_000)},
    WalletType.MEV_PROTECTION: {
        StrategyType.TOKEN_SNIPING: _share(60, 8_000),
        StrategyType.ARBITRAGE: _share(40, 5_000),
    },
    WalletType.EMERGENCY: {},
}


def default_strategies(wallet_type: WalletType) -> dict[StrategyType, StrategyShare]:
    """The split of a wallet whose own file gives no `strategy_allocation`."""
    return dict(_SHARES[wallet_type])


DEFAULT_RISK_TOLERANCE_PPM: Final[dict[StrategyType, int]] = {
    StrategyType.MOMENTUM_TRADING: 500_000,
    StrategyType.AI_DECISION: 600_000,
    StrategyType.ARBITRAGE: 700_000,
    StrategyType.TOKEN_SNIPING: 800_000,
    StrategyType.SOUL_METEOR_SNIPING: 900_000,
    StrategyType.METEORA_DAMM: 900_000,
    StrategyType.DEVELOPER_TRACKING: 900_000,
    StrategyType.AXIOM_MEME_COIN: 1_000_000,
}

# Accepted spellings, lower case: what people type, next to the names that we write ourselves.
WALLET_TYPES: Final[dict[str, WalletType]] = {
    **{wallet_type.lower(): wallet_type for wallet_type in WalletType},
    "mev": WalletType.MEV_PROTECTION,
}

PROFILES: Final[dict[str, RiskProfile]] = {
    **{profile.lower(): profile for profile in RiskProfile},
    "conservative": RiskProfile.LOW,
    "moderate": RiskProfile.MEDIUM,
    "aggressive": RiskProfile.HIGH,
}

STRATEGIES: Final[dict[str, StrategyType]] = {
    **{strategy.lower(): strategy for strategy in StrategyType},
    "momentum": StrategyType.MOMENTUM_TRADING,
    "soulmeteor": StrategyType.SOUL_METEOR_SNIPING,
    "meteora": StrategyType.METEORA_DAMM,
}
