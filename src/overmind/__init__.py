"""Several Solana wallets as one trading desk: chooses, checks, reserves, records, executes, settles.

Names are loaded when they are first used, so that `import overmind` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from overmind.config import Cluster, ConfigError, MultiWalletConfig, Problem, WalletConfig
    from overmind.core.explain import Candidate
    from overmind.core.model.messages import Code, CommandRefused, CostTerms, Refusal
    from overmind.core.model.values import (
        Limits,
        Mint,
        RiskProfile,
        Signal,
        SignalId,
        StrategyShare,
        StrategyType,
        TradeAction,
        TradingMode,
        Wallet,
        WalletId,
        WalletStatus,
        WalletType,
    )
    from overmind.desk.engine import EngineBusy, EngineStopped
    from overmind.keys.secret_key import SecretKey
    from overmind.sdk.executor import HFTConfig, MultiWalletExecutor, PersistenceSender, SignalReceiver
    from overmind.sdk.manager import WalletManager
    from overmind.sdk.records import ExecutionRecord, Record, RejectedSignal
    from overmind.sdk.selection import NoEligibleWallet, WalletSelection, WalletSelectionCriteria
    from overmind.signals.decode import BadSignal, decode_signal, encode_signal
    from overmind.views.decisions import Decision, DecisionStatus
    from overmind.views.reports import ExecutionStats, PortfolioSummary, WalletMetrics

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
    "Problem",
    "Record",
    "Refusal",
    "RejectedSignal",
    "RiskProfile",
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
        "overmind.core.model.messages": "Code CommandRefused CostTerms Refusal",
        "overmind.core.model.values": (
            "Limits Mint RiskProfile Signal SignalId StrategyShare StrategyType TradeAction TradingMode Wallet WalletId"
            " WalletStatus WalletType"
        ),
        "overmind.views.decisions": "Decision DecisionStatus",
        "overmind.sdk.manager": "WalletManager",
        "overmind.desk.engine": "EngineBusy EngineStopped",
        "overmind.sdk.executor": "HFTConfig MultiWalletExecutor PersistenceSender SignalReceiver",
        "overmind.keys.secret_key": "SecretKey",
        "overmind.sdk.records": "ExecutionRecord Record RejectedSignal",
        "overmind.views.reports": "ExecutionStats PortfolioSummary WalletMetrics",
        "overmind.sdk.selection": "NoEligibleWallet WalletSelection WalletSelectionCriteria",
        "overmind.signals.decode": "BadSignal decode_signal encode_signal",
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
