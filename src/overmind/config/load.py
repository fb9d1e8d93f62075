"""Loads the whole configuration from the environment and its files, or raises with every problem."""

from __future__ import annotations

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from overmind.config.cluster import ChainConfig, chain_config, choose_cluster
from overmind.config.desk import build_desk
from overmind.config.door import DoorSettings, read_door
from overmind.config.environment import DEFAULT_DOTENV, Environment
from overmind.config.misspelt import check_names
from overmind.config.notices import NoticeSettings, read_notices
from overmind.config.problems import ConfigError, Findings, Problem
from overmind.config.routes import with_routes
from overmind.config.secrecy import MASK, Secret, shown, shown_path
from overmind.config.settings import Effective, Settings
from overmind.config.variables.capital import AUTO_REBALANCE_ENABLED
from overmind.config.variables.chain import CLUSTER, TRADING_MODE, Cluster
from overmind.config.variables.paper import PAPER_CAPITAL, PAPER_PRICES, PRICE_TAPE, PriceSource
from overmind.config.variables.performance import BALANCE_CHECK_INTERVAL, MAX_CONCURRENT_WALLETS
from overmind.config.variables.risk import RISK_AGGREGATION_ENABLED, STRESS
from overmind.config.variables.service import (
    ANCHOR_DIR,
    API_TOKEN,
    CLOCK_CORRECTION_MAX,
    CLOCK_DRIFT_MAX,
    DATA_DIR,
    DISK_DAYS_MIN,
    LOCK_DIR,
    LOG_DAYS_MAX,
    LOG_LEVEL,
    LOGS_DIR,
    SEGMENT_DAYS_MAX,
    SEGMENT_ENTRIES,
    SERVER_PORT,
    STEP_MAX,
    STEP_TELL,
    LogLevel,
)
from overmind.config.variables.signals import SIGNAL_FIELDS_IGNORED
from overmind.config.variables.table import VARIABLES
from overmind.config.wallets import WalletConfig, read_wallets
from overmind.core.model.desk_settings import Desk
from overmind.core.model.enums import TradingMode
from overmind.core.model.ids import WalletId
from overmind.core.model.numbers import decimal_of


class MultiWalletConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Prints no secret: keys, token and RPC address are wrapped."""

    mode: TradingMode
    cluster: Cluster
    rpc_url: Secret | None  # None: paper trading without an address
    chain: ChainConfig
    server_port: int
    log_level: LogLevel
    signal_fields_ignored: frozenset[str]
    api_token: Secret | None  # None: created at the first run
    door: DoorSettings
    notices: NoticeSettings
    data_dir: Path
    logs_dir: Path
    log_days_max: int  # 0: only their size bounds the log's files
    disk_days_min: int
    step_tell_ns: int
    step_max_ns: int
    clock_correction_max_ns: int
    clock_drift_max_ns: int
    segment_entries: int  # 0: nothing is sealed
    segment_days_max: int  # 0: only full segments are made
    lock_dir: Path | None  # None: not live, so keys need no lock
    anchor_dir: Path | None  # None: not live, so the journal is not anchored
    wallets: dict[WalletId, WalletConfig]
    desk: Desk
    max_concurrent_wallets: int
    balance_check_interval_s: int
    auto_rebalance_enabled: bool
    risk_aggregation_enabled: bool
    stress_ppm: tuple[int, ...]
    paper_capital_micros: int
    paper_prices: PriceSource
    price_tape: Path | None  # None: the shipped one
    warnings: tuple[Problem, ...]
    rows: tuple[Effective, ...]

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, dotenv: Path | None = DEFAULT_DOTENV) -> MultiWalletConfig:
        """The process environment wins over the `.env` file. Raises ConfigError with every problem."""
        config = _load(os.environ if env is None else env, dotenv)
        del env  # So that a traceback with local variables shows no keys.
        if isinstance(config, ConfigError):
            raise config
        return config

    @property
    def emergency_stop_threshold(self) -> Decimal:
        """The loss, as a fraction of the day's opening equity, that triggers the emergency stop."""
        return decimal_of(self.desk.emergency_stop_ppm, 6).normalize()

    @property
    def stress_reported(self) -> tuple[int, ...] | None:
        """The price falls of the stress report; None: aggregation is off."""
        return self.stress_ppm if self.risk_aggregation_enabled else None

    def effective(self) -> list[Effective]:
        """Every setting in force and its origin, with secrets masked."""
        return list(self.rows)


def _load(env: Mapping[str, str], dotenv: Path | None) -> MultiWalletConfig | ConfigError:
    findings = Findings()
    environment = Environment(env, dotenv, findings)
    settings = Settings(environment, findings)
    mode = settings.get(TRADING_MODE)
    cluster, rpc_url = choose_cluster(mode, settings, findings)
    managed = read_wallets(cluster, settings, environment, findings)
    managed = with_routes(managed, cluster, settings, findings)
    check_names(environment, managed.key_variables, mode is TradingMode.LIVE, findings)
    lock_dir, anchor_dir = settings.get(LOCK_DIR), settings.get(ANCHOR_DIR)  # Read on paper too, to find what is wrong.
    config = MultiWalletConfig(
        mode=mode,
        cluster=cluster,
        rpc_url=rpc_url,
        chain=chain_config(cluster, rpc_url, settings, findings),
        server_port=settings.get(SERVER_PORT),
        log_level=settings.get(LOG_LEVEL),
        signal_fields_ignored=settings.get(SIGNAL_FIELDS_IGNORED),
        api_token=settings.get(API_TOKEN),
        door=read_door(settings, mode, findings),
        notices=read_notices(settings, mode, findings),
        data_dir=settings.get(DATA_DIR),
        logs_dir=settings.get(LOGS_DIR),
        log_days_max=settings.get(LOG_DAYS_MAX),
        disk_days_min=settings.get(DISK_DAYS_MIN),
        step_tell_ns=settings.get(STEP_TELL),
        step_max_ns=settings.get(STEP_MAX),
        clock_correction_max_ns=settings.get(CLOCK_CORRECTION_MAX),
        clock_drift_max_ns=settings.get(CLOCK_DRIFT_MAX),
        segment_entries=settings.get(SEGMENT_ENTRIES),
        segment_days_max=settings.get(SEGMENT_DAYS_MAX),
        lock_dir=lock_dir if mode is TradingMode.LIVE else None,
        anchor_dir=_anchor_dir(anchor_dir, settings, findings) if mode is TradingMode.LIVE else None,
        wallets=managed.wallets,
        desk=build_desk(settings, cluster, managed, findings),
        max_concurrent_wallets=settings.get(MAX_CONCURRENT_WALLETS),
        balance_check_interval_s=settings.get(BALANCE_CHECK_INTERVAL),
        auto_rebalance_enabled=settings.get(AUTO_REBALANCE_ENABLED),
        risk_aggregation_enabled=settings.get(RISK_AGGREGATION_ENABLED),
        stress_ppm=settings.get(STRESS),
        paper_capital_micros=settings.get(PAPER_CAPITAL),
        paper_prices=settings.get(PAPER_PRICES),
        price_tape=_price_tape(settings, findings),
        warnings=tuple(findings.warnings),
        rows=_rows(settings, environment, cluster, managed.key_variables),
    )
    return findings.error() or config


def _anchor_dir(named: Path | None, settings: Settings, findings: Findings) -> Path | None:
    """Outside of the data folder, since whoever restores or edits that must not restore or edit this."""
    folder = named or default_anchor_dir()
    if folder is None:
        findings.refuse(ANCHOR_DIR.name, "is not set, and no home folder is known", "name a folder")
    elif os.path.realpath(folder).startswith(os.path.realpath(settings.get(DATA_DIR)) + os.sep):
        findings.refuse(ANCHOR_DIR.name, "lies in the data directory", "name a folder outside of it")
    return folder


def default_anchor_dir() -> Path | None:
    try:
        return Path.home() / ".local" / "state" / "overmind"
    except RuntimeError:
        return None


def _price_tape(settings: Settings, findings: Findings) -> Path | None:
    tape = settings.get(PRICE_TAPE)
    if tape is not None and not os.path.exists(tape):
        where = f"{PRICE_TAPE.name}: {shown_path(tape)}"
        findings.refuse(where, "does not exist", "correct the path, or leave it blank for the shipped tape")
    return tape


def _rows(
    settings: Settings, environment: Environment, cluster: Cluster, key_variables: frozenset[str]
) -> tuple[Effective, ...]:
    """Shows the inferred cluster where none was named."""
    rows = [settings.effective(variable) for variable in VARIABLES]
    chosen = [msgspec.structs.replace(row, value=cluster.value) if row.name == CLUSTER.name else row for row in rows]
    keys = [Effective(shown(name), MASK, environment.origin(name)) for name in sorted(key_variables)]
    return (*chosen, *keys)
