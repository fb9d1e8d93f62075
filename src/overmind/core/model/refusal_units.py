"""The unit of each refusal's numbers."""

from __future__ import annotations

from typing import Final

from overmind.core.model.codes import Code

USD, PERCENT, RATIO, COUNT, MILLISECONDS, BASIS_POINTS, LAMPORT_UNIT, BASE_UNITS, TEXT = (
    "usd",
    "percent",
    "ratio",
    "count",
    "ms",
    "bps",
    "sol",
    "base units",
    "text",
)
# The unit of `limit` and `actual`: micro-USD is shown as USD, ppm as percent or ratio, lamports as SOL.
UNITS: Final[dict[Code, str]] = {
    Code.PORTFOLIO_STOPPED: TEXT,
    Code.WALLET_STATUS: TEXT,
    Code.WALLET_TYPE: TEXT,
    Code.WALLET_EXCLUDED: TEXT,
    Code.STRATEGY_NOT_ENABLED: TEXT,
    Code.SIGNAL_STALE: MILLISECONDS,
    Code.SIGNAL_FROM_FUTURE: MILLISECONDS,
    Code.SELECTION_TIMEOUT: MILLISECONDS,
    Code.PRICE_MISSING: TEXT,
    Code.PRICE_STALE: MILLISECONDS,
    Code.SLIPPAGE_CEILING: BASIS_POINTS,
    Code.PRICE_IMPACT: BASIS_POINTS,
    Code.MINT_NOT_ADMITTED: TEXT,
    Code.MINT_BLOCKED: TEXT,
    Code.AMOUNT_OUT_OF_RANGE: TEXT,
    Code.VOLATILITY_UNKNOWN: TEXT,
    Code.STOP_DISTANCE_UNKNOWN: TEXT,
    Code.SIZE_TOO_SMALL: TEXT,
    Code.RISK_LEVEL: RATIO,
    Code.DAILY_LOSS: USD,
    Code.DAILY_LOSS_HEADROOM: USD,
    Code.ASSET_COOLDOWN: MILLISECONDS,
    Code.TRADES_TODAY: COUNT,
    Code.PORTFOLIO_TRADES: COUNT,
    Code.CONCURRENT_POSITIONS: COUNT,
    Code.POSITION_SIZE: USD,
    Code.STRATEGY_POSITION_SIZE: USD,
    Code.STRATEGY_SHARE: USD,
    Code.INSUFFICIENT_QUOTE: USD,
    Code.INSUFFICIENT_TOKENS: BASE_UNITS,
    Code.INSUFFICIENT_SOL: LAMPORT_UNIT,
    Code.WALLET_EXPOSURE: PERCENT,
    Code.PORTFOLIO_EXPOSURE: PERCENT,
    Code.ASSET_CONCENTRATION: PERCENT,
    Code.STRATEGY_CONCENTRATION: PERCENT,
    Code.PORTFOLIO_POSITIONS: COUNT,
    Code.RATE_LIMIT: COUNT,
}
