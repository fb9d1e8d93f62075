"""Enumerations, serialised exactly as they are spelled here."""

from __future__ import annotations

import enum
from typing import Final


class WalletType(enum.StrEnum):
    PRIMARY = "Primary"
    SECONDARY = "Secondary"
    HFT = "HFT"
    CONSERVATIVE = "Conservative"
    EXPERIMENTAL = "Experimental"
    ARBITRAGE = "Arbitrage"
    MEV_PROTECTION = "MEVProtection"
    EMERGENCY = "Emergency"


class WalletStatus(enum.StrEnum):
    ACTIVE = "Active"
    INACTIVE = "Inactive"
    SUSPENDED = "Suspended"
    EMERGENCY = "Emergency"
    MAINTENANCE = "Maintenance"


class StrategyType(enum.StrEnum):
    TOKEN_SNIPING = "TokenSniping"
    ARBITRAGE = "Arbitrage"
    MOMENTUM_TRADING = "MomentumTrading"
    SOUL_METEOR_SNIPING = "SoulMeteorSniping"
    METEORA_DAMM = "MeteoraDAMM"
    DEVELOPER_TRACKING = "DeveloperTracking"
    AXIOM_MEME_COIN = "AxiomMemeCoin"
    AI_DECISION = "AIDecision"


class LearnerMode(enum.StrEnum):
    """What becomes of what outcomes have taught about the choice of a wallet."""

    OFF = "off"  # nothing is learned
    SHADOW = "shadow"  # it is learned, and told with each decision, and decides nothing
    CANARY = "canary"  # it decides a share of the signals, within its bounds
    ON = "on"  # it decides, within its bounds


class TradeAction(enum.StrEnum):
    BUY = "Buy"
    SELL = "Sell"
    HOLD = "Hold"
    MARKET_BUY = "MarketBuy"
    MARKET_SELL = "MarketSell"


class TradingMode(enum.StrEnum):
    PAPER = "Paper"
    LIVE = "Live"


class RiskProfile(enum.StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXPERIMENTAL = "experimental"


class SizingMethod(enum.StrEnum):
    STOP = "stop"  # by the distance of the stop loss
    VOLATILITY = "volatility"  # by how far the price moves


class SaleScope(enum.StrEnum):
    """Whose lots a sale may take."""

    STRATEGY = "strategy"  # those of its own strategy
    DESK = "desk"  # whatever is held, the oldest first
    SOURCE = "source"  # those that its own source has bought, by whichever strategy


class Split(enum.StrEnum):
    """Whether several wallets may serve one buy."""

    NONE = "none"  # one wallet buys all of it
    PARTIAL = "partial"  # several may, and they buy as much of it as fits
    ALL = "all"  # several may, and they buy all of it or nothing


class Side(enum.StrEnum):
    BUY = "Buy"
    SELL = "Sell"


class MoveKind(enum.StrEnum):
    """Why capital moves without a trade. Part of the move's id."""

    REBALANCE = "rebalance"  # back to the wallets' allocations
    TOP_UP = "top_up"  # SOL for the fees of a wallet whose float is low
    SWEEP = "sweep"  # proceeds of a liquidation into the Emergency wallet
    RECLAIM = "reclaim"  # the rent of an empty token account
    WITHDRAWAL = "withdraw"  # out of the desk, to an address that the configuration lists

    @property
    def protects(self) -> bool:
        """Whether it serves exits or brings money to safety, so that an emergency stop does not forbid it."""
        return self in (MoveKind.TOP_UP, MoveKind.SWEEP)


# Members that every trade is compared with. As a global each costs a few instructions; as an attribute of its
# enumeration 1,500, on Python 3.11.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
SELL_ACTIONS: Final = (TradeAction.SELL, TradeAction.MARKET_SELL)
HOLD: Final = TradeAction.HOLD
UNSPLIT: Final = Split.NONE
LEARNER_OFF: Final = LearnerMode.OFF
LEARNER_CANARY: Final = LearnerMode.CANARY
LEARNER_ON: Final = LearnerMode.ON
LEARNER_DECIDES: Final = (LEARNER_CANARY, LEARNER_ON)
EMERGENCY: Final = WalletType.EMERGENCY
MEV_PROTECTION: Final = WalletType.MEV_PROTECTION
