"""Several Solana wallets as one trading desk: chooses, checks, reserves, records, executes, settles.

Names are loaded when they are first used, so that `import overmind` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overmind.config import Cluster, ConfigError, MultiWalletConfig, Problem, WalletConfig
    from overmind.core.explain import Candidate
    from overmind.core.model.codes import Code, Limits, Refusal
    from overmind.core.model.commands import CommandRefused
    from overmind.core.model.enums import (
        RiskProfile,
        SaleScope,
        StrategyType,
        TradeAction,
        TradingMode,
        WalletStatus,
        WalletType,
    )
    from overmind.core.model.ids import Mint, SignalId, WalletId
    from overmind.core.model.selection import CostTerms
    from overmind.core.model.signal import Signal
    from overmind.core.model.wallet import StrategyShare, Wallet
    from overmind.desk.engine import EngineBusy, EngineStopped
    from overmind.keys.secret_key import SecretKey
    from overmind.sdk.executor import MultiWalletExecutor, PersistenceSender, SignalReceiver
    from overmind.sdk.hft import HFTConfig
    from overmind.sdk.manager import WalletManager
    from overmind.sdk.records import ExecutionRecord, Record, RejectedSignal
    from overmind.sdk.selection import NoEligibleWallet, WalletSelection, WalletSelectionCriteria
    from overmind.signals.decode import BadSignal, decode_signal
    from overmind.signals.encode import encode_signal
    from overmind.views.decisions import Decision, DecisionStatus
    from overmind.views.positions import PositionRow
    from overmind.views.prices import PriceRow
    from overmind.views.reports import PortfolioSummary, WalletMetrics
    from overmind.views.stats import ExecutionStats

__version__ = "0.1.0"

__all__ = [
    "BadSignal",
    "Candidate",
    "Cluster",
    "Code",
    "CommandRefused",
    "ConfigError",
    "CostTerms",
    "Decision",
    "DecisionStatus",
    "EngineBusy",
    "EngineStopped",
    "ExecutionRecord",
    "ExecutionStats",
    "HFTConfig",
    "Limits",
    "Mint",
    "MultiWalletConfig",
    "MultiWalletExecutor",
    "NoEligibleWallet",
    "PersistenceSender",
    "PortfolioSummary",
    "PositionRow",
    "PriceRow",
    "Problem",
    "Record",
    "Refusal",
    "RejectedSignal",
    "RiskProfile",
    "SaleScope",
    "SecretKey",
    "Signal",
    "SignalId",
    "SignalReceiver",
    "StrategyShare",
    "StrategyType",
    "TradeAction",
    "TradingMode",
    "Wallet",
    "WalletConfig",
    "WalletId",
    "WalletManager",
    "WalletMetrics",
    "WalletSelection",
    "WalletSelectionCriteria",
    "WalletStatus",
    "WalletType",
    "decode_signal",
    "encode_signal",
]

if not TYPE_CHECKING:
    # By module, as above: a test holds the two lists together.
    _NAMES = {
        "overmind.config": "Cluster ConfigError MultiWalletConfig Problem WalletConfig",
        "overmind.core.explain": "Candidate",
        "overmind.core.model.codes": "Code Limits Refusal",
        "overmind.core.model.commands": "CommandRefused",
        "overmind.core.model.enums": "RiskProfile SaleScope StrategyType TradeAction TradingMode "
        "WalletStatus WalletType",
        "overmind.core.model.ids": "Mint SignalId WalletId",
        "overmind.core.model.selection": "CostTerms",
        "overmind.core.model.signal": "Signal",
        "overmind.core.model.wallet": "StrategyShare Wallet",
        "overmind.desk.engine": "EngineBusy EngineStopped",
        "overmind.keys.secret_key": "SecretKey",
        "overmind.sdk.executor": "MultiWalletExecutor PersistenceSender SignalReceiver",
        "overmind.sdk.hft": "HFTConfig",
        "overmind.sdk.manager": "WalletManager",
        "overmind.sdk.records": "ExecutionRecord Record RejectedSignal",
        "overmind.sdk.selection": "NoEligibleWallet WalletSelection WalletSelectionCriteria",
        "overmind.signals.decode": "BadSignal decode_signal",
        "overmind.signals.encode": "encode_signal",
        "overmind.views.decisions": "Decision DecisionStatus",
        "overmind.views.positions": "PositionRow",
        "overmind.views.prices": "PriceRow",
        "overmind.views.reports": "PortfolioSummary WalletMetrics",
        "overmind.views.stats": "ExecutionStats",
    }
    _WHERE = {name: module for module, names in _NAMES.items() for name in names.split()}

    def __getattr__(name):
        if name not in _WHERE:
            raise AttributeError(f"module 'overmind' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_WHERE[name]), name)
        return value

    def __dir__():
        return sorted({*globals(), *__all__})
