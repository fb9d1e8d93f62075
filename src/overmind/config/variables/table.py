"""Every setting that Overmind reads, in one table: parsing, `.env.example`, documents and show-config follow it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from overmind.config.variables.capital import (
    AUTO_REBALANCE_ENABLED,
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
from overmind.config.variables.chain import (
    CLUSTER,
    MAINNET_OPT_IN,
    PYTH_FEEDS,
    RPC_FALLBACK_URLS,
    RPC_RATE,
    RPC_URL,
    SECOND_SWAP_KEY,
    SECOND_SWAP_URL,
    SWAP_API_KEY,
    SWAP_RATE,
    SWAP_URL,
    TRADING_MODE,
    WITNESS_KEY,
    WITNESS_URL,
)
from overmind.config.variables.costs import (
    COST_DEPTH,
    COST_FEE,
    COST_FEE_MAX,
    COST_HALF_SPREAD,
    COST_HEADROOM,
    COST_PREFERENCE,
    COST_RENT,
    COST_RENT_2022,
    COST_RENT_LOST,
)
from overmind.config.variables.paper import PAPER_CAPITAL, PAPER_PRICES, PRICE_TAPE
from overmind.config.variables.performance import (
    ATTEMPTS_MAX,
    BALANCE_CHECK_INTERVAL,
    MAX_CONCURRENT_WALLETS,
    RATE_MAX,
    SELECTION_TIMEOUT,
    SIGNAL_TTL,
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
    ORDER_MIN,
    PORTFOLIO_EXPOSURE_MAX,
    POSITIONS_MAX,
    PRICE_AGREEMENT,
    PRICE_JUMP_MAX,
    QUOTE_OFF_MARK_MAX,
    RESERVE_FLOAT,
    RISK_AGGREGATION_ENABLED,
    SIZING_MIN,
    SLIPPAGE_MAX,
    SLIPPAGE_MAX_MEME,
    STOP_COOLDOWN,
    STRATEGY_MAX,
    STRESS,
    VOLATILITY_HALF_LIFE,
)
from overmind.config.variables.service import (
    ANCHOR_DIR,
    API_TOKEN,
    DATA_DIR,
    LOCK_DIR,
    LOG_LEVEL,
    LOGS_DIR,
    SERVER_PORT,
    STEP_MAX,
    STEP_TELL,
)
from overmind.config.variables.signals import SIGNAL_FIELDS_IGNORED
from overmind.config.variables.variable import SettingRow, Variable
from overmind.config.variables.wallets import (
    DEFAULT_WALLET,
    KEYSTORE_PASSPHRASE,
    MANAGED_WALLETS,
    MULTI_WALLET_ENABLED,
    TOKENS_FILE,
)

GROUPS: Final[Mapping[str, tuple[Variable[object], ...]]] = {
    "Mode and chain": (
        TRADING_MODE,
        CLUSTER,
        RPC_URL,
        RPC_FALLBACK_URLS,
        RPC_RATE,
        SWAP_URL,
        SWAP_API_KEY,
        SWAP_RATE,
        WITNESS_URL,
        WITNESS_KEY,
        PYTH_FEEDS,
        SECOND_SWAP_URL,
        SECOND_SWAP_KEY,
        MAINNET_OPT_IN,
    ),
    "Wallets": (
        MULTI_WALLET_ENABLED,
        DEFAULT_WALLET,
        MANAGED_WALLETS,
        KEYSTORE_PASSPHRASE,
        TOKENS_FILE,
    ),
    "Performance": (
        MAX_CONCURRENT_WALLETS,
        SELECTION_TIMEOUT,
        BALANCE_CHECK_INTERVAL,
        SIGNAL_TTL,
        ATTEMPTS_MAX,
        RATE_MAX,
    ),
    "Risk": (
        EMERGENCY_STOP_THRESHOLD,
        DAY_LOSS_MAX,
        DAY_LOSS_FLATTEN,
        DRAWDOWN_MAX,
        LOSS_STREAK_MAX,
        DAY_TRADES_MAX,
        STOP_COOLDOWN,
        EXIT_SLIPPAGE,
        EXIT_RETRY,
        EMERGENCY_LIQUIDATE,
        EMERGENCY_SWEEP,
        ORDER_MIN,
        EXPECTED_COST_MAX,
        SIZING_MIN,
        DUST,
        VOLATILITY_HALF_LIFE,
        *CEILINGS.values(),
        RISK_AGGREGATION_ENABLED,
        PORTFOLIO_EXPOSURE_MAX,
        ASSET_MAX,
        STRATEGY_MAX,
        POSITIONS_MAX,
        STRESS,
        SLIPPAGE_MAX,
        SLIPPAGE_MAX_MEME,
        QUOTE_OFF_MARK_MAX,
        MARK_AGE_MAX,
        PRICE_JUMP_MAX,
        PRICE_AGREEMENT,
        DEPEG_MAX,
        RESERVE_FLOAT,
        ADMISSION,
        ADMISSION_EXIT,
    ),
    "Capital": (
        AUTO_REBALANCE_ENABLED,
        REBALANCE_BAND,
        REBALANCE_INNER,
        REBALANCE_MIN,
        REBALANCE_COST_MAX,
        REBALANCE_INTERVAL,
        FLOAT_LOW,
        FLOAT_TARGET,
        RECLAIM_AFTER,
        WITHDRAW_ADDRESSES,
        WITHDRAW_DAY_MAX,
        WITHDRAW_DELAY,
    ),
    "Service": (
        SIGNAL_FIELDS_IGNORED,
        SERVER_PORT,
        LOG_LEVEL,
        API_TOKEN,
        DATA_DIR,
        LOGS_DIR,
        LOCK_DIR,
        ANCHOR_DIR,
        STEP_TELL,
        STEP_MAX,
    ),
    "Paper trading": (PAPER_CAPITAL, PAPER_PRICES, PRICE_TAPE),
    "Expected cost of execution": (
        COST_FEE,
        COST_FEE_MAX,
        COST_RENT,
        COST_RENT_2022,
        COST_RENT_LOST,
        COST_HEADROOM,
        COST_PREFERENCE,
        COST_HALF_SPREAD,
        COST_DEPTH,
    ),
}
VARIABLES: Final = tuple(variable for group in GROUPS.values() for variable in group)
# Without effect on what is traded live, or a start without them is refused or safe. Every other variable guards money.
HARMLESS: Final = (
    SWAP_API_KEY,
    KEYSTORE_PASSPHRASE,
    RISK_AGGREGATION_ENABLED,
    STRESS,
    SERVER_PORT,
    LOG_LEVEL,
    API_TOKEN,
    LOGS_DIR,
    PAPER_CAPITAL,
    PAPER_PRICES,
    PRICE_TAPE,
)
GUARDS: Final = frozenset(variable.name for variable in VARIABLES) - {variable.name for variable in HARMLESS}


def describe() -> tuple[SettingRow, ...]:
    """The table for people."""
    return tuple(
        SettingRow(group, each.name, each.kind.unit, each.default, each.kind.bounds, each.meaning, each.secret)
        for group, variables in GROUPS.items()
        for each in variables
    )
