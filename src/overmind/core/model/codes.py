"""Why an entry may not be made: codes in order of precedence, and the refusals that carry them."""

from __future__ import annotations

import enum

from overmind.core.model.ids import WalletId
from overmind.core.model.value import Value


class Code(enum.StrEnum):
    """Why an entry may not be made, in order of precedence (specification §8)."""

    PORTFOLIO_STOPPED = "PORTFOLIO_STOPPED"
    WALLET_STATUS = "WALLET_STATUS"
    WALLET_TYPE = "WALLET_TYPE"
    WALLET_EXCLUDED = "WALLET_EXCLUDED"
    STRATEGY_NOT_ENABLED = "STRATEGY_NOT_ENABLED"
    SIGNAL_STALE = "SIGNAL_STALE"
    SIGNAL_FROM_FUTURE = "SIGNAL_FROM_FUTURE"
    SELECTION_TIMEOUT = "SELECTION_TIMEOUT"
    PRICE_MISSING = "PRICE_MISSING"
    PRICE_STALE = "PRICE_STALE"
    SLIPPAGE_CEILING = "SLIPPAGE_CEILING"
    PRICE_IMPACT = "PRICE_IMPACT"
    MINT_NOT_ADMITTED = "MINT_NOT_ADMITTED"
    MINT_BLOCKED = "MINT_BLOCKED"
    AMOUNT_OUT_OF_RANGE = "AMOUNT_OUT_OF_RANGE"
    VOLATILITY_UNKNOWN = "VOLATILITY_UNKNOWN"
    STOP_DISTANCE_UNKNOWN = "STOP_DISTANCE_UNKNOWN"
    SIZE_TOO_SMALL = "SIZE_TOO_SMALL"
    RISK_LEVEL = "RISK_LEVEL"
    DAILY_LOSS = "DAILY_LOSS"
    DAILY_LOSS_HEADROOM = "DAILY_LOSS_HEADROOM"
    ASSET_COOLDOWN = "ASSET_COOLDOWN"
    TRADES_TODAY = "TRADES_TODAY"
    PORTFOLIO_TRADES = "PORTFOLIO_TRADES"
    CONCURRENT_POSITIONS = "CONCURRENT_POSITIONS"
    POSITION_SIZE = "POSITION_SIZE"
    STRATEGY_POSITION_SIZE = "STRATEGY_POSITION_SIZE"
    STRATEGY_SHARE = "STRATEGY_SHARE"
    INSUFFICIENT_QUOTE = "INSUFFICIENT_QUOTE"
    INSUFFICIENT_TOKENS = "INSUFFICIENT_TOKENS"
    INSUFFICIENT_SOL = "INSUFFICIENT_SOL"
    WALLET_EXPOSURE = "WALLET_EXPOSURE"
    PORTFOLIO_EXPOSURE = "PORTFOLIO_EXPOSURE"
    ASSET_CONCENTRATION = "ASSET_CONCENTRATION"
    STRATEGY_CONCENTRATION = "STRATEGY_CONCENTRATION"
    PORTFOLIO_POSITIONS = "PORTFOLIO_POSITIONS"
    RATE_LIMIT = "RATE_LIMIT"


PRECEDENCE = {code: rank for rank, code in enumerate(Code)}


class Refusal(Value, frozen=True):
    """A "no": the rule, what it allows and what was found, in the rule's own unit (`gate.UNITS`).

    Without `wallet_id` it concerns the signal or the portfolio, whichever wallet would have taken it.
    """

    code: Code
    limit: int | str | None = None
    actual: int | str | None = None
    wallet_id: WalletId | None = None
