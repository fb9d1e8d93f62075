"""Configuration: `MultiWalletConfig.from_env()` gives one frozen value, or a ConfigError with every problem."""

from overmind.config.environment import Origin
from overmind.config.load import MultiWalletConfig
from overmind.config.problems import ConfigError, Problem
from overmind.config.secrecy import Secret
from overmind.config.settings import Effective
from overmind.config.variables.chain import Cluster
from overmind.config.variables.service import LogLevel
from overmind.config.variables.table import describe
from overmind.config.variables.variable import SettingRow
from overmind.config.wallets import WalletConfig

__all__ = [
    "Cluster",
    "ConfigError",
    "Effective",
    "LogLevel",
    "MultiWalletConfig",
    "Origin",
    "Problem",
    "Secret",
    "SettingRow",
    "WalletConfig",
    "describe",
]
