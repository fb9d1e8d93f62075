"""The points that read files alone: configuration, keys, limits, and wallets that stand in for each other."""

from __future__ import annotations

from typing import Final

from overmind.cli.key_rows import KeyRow, key_rows
from overmind.cli.opening import configured
from overmind.cli.preflight.point import Point, Read, failed, passed, unknown
from overmind.config import ConfigError, MultiWalletConfig
from overmind.config.wallets import EXAMPLE_PUBLIC_KEYS
from overmind.core.model.enums import EMERGENCY, StrategyType, TradingMode, WalletStatus
from overmind.core.model.ids import WalletId
from overmind.core.model.units import MICROS, PPM
from overmind.core.model.wallet import Wallet

CONFIGURATION: Final = "configuration"
KEYS: Final = "keys and permissions"
LIMITS: Final = "limits"
BACKUPS: Final = "backup wallets"
STOP_MAX_PPM: Final = PPM // 2  # a desk that loses half of its capital in a day has no emergency stop
ACTIVE_MIN: Final = 2


def configuration(config: Read, error: ConfigError | None) -> Point:
    if config is None:
        problems = () if error is None else error.problems
        first = problems[0] if problems else None
        seen = f"{len(problems)} problems" + ("" if first is None else f"; the first: {first.where}: {first.problem}")
        return failed(CONFIGURATION, seen, "overmind check shows each with its fix")
    warnings = len(config.warnings)
    told = f"; {warnings} warning{'' if warnings == 1 else 's'}: overmind check shows them" if warnings else ""
    mode, cluster = config.mode.value, config.cluster.value
    return passed(CONFIGURATION, f"{len(config.wallets)} wallets, trading mode {mode}, cluster {cluster}{told}")


def keys() -> Point:
    try:
        rows = [row for row in key_rows() if row.wallet_id is not None]
    except ConfigError:
        return unknown(KEYS)
    wrong = [f"{row.wallet_id}: {row.problem}" for row in rows if row.problem]
    if wrong:
        return failed(KEYS, f"{len(wrong)} of {len(rows)} keys: {wrong[0]}", "overmind keys list shows each")
    published = [str(row.wallet_id) for row in rows if row.public_key in EXAMPLE_PUBLIC_KEYS]
    if published:
        seen = f"{', '.join(published)}: the key of the example, which everybody can read"
        return failed(KEYS, seen, "overmind init makes keys of your own; or overmind keys new FILE")
    return passed(KEYS, f"{len(rows)} keys, for their owner alone: {_forms(rows)}")


def _forms(rows: list[KeyRow]) -> str:
    counts = {form: sum(row.form == form for row in rows) for form in sorted({row.form for row in rows})}
    return ", ".join(f"{count} {form}{'' if count == 1 else 's'}" for form, count in counts.items())


def limits(config: Read) -> Point:
    if config is None:
        return unknown(LIMITS)
    traders = [one.wallet for one in config.wallets.values() if one.wallet.type is not EMERGENCY]
    wrong = [fault for wallet in traders for fault in _faults(wallet)]
    if wrong:
        fix = "set it in risk_limits of the wallet's file, or with overmind limits set"
        return failed(LIMITS, "; ".join(wrong), fix)
    stop_ppm = config.desk.emergency_stop_ppm
    if stop_ppm > STOP_MAX_PPM:
        seen = f"the emergency stop comes at a loss of {_percent(stop_ppm)} in a day"
        return failed(LIMITS, seen, "lower OVERMIND_EMERGENCY_STOP_THRESHOLD, for example to 0.1")
    losses = sum(wallet.limits.daily_loss_max_micros for wallet in traders) / MICROS
    return passed(
        LIMITS,
        f"every wallet has a stop loss; daily losses of all wallets are at most ${losses:,.0f}; emergency stop at "
        f"{_percent(stop_ppm)}, exposure at most {_percent(config.desk.portfolio_exposure_max_ppm)}",
    )


def _faults(wallet: Wallet) -> list[str]:
    held, trails = wallet.limits, wallet.exits is not None and wallet.exits.trailing_ppm is not None
    faults = {
        "no stop loss": held.stop_loss_ppm == 0 and not trails,
        "a daily loss of 0 refuses every entry": held.daily_loss_max_micros == 0,
        "a position of 0 refuses every entry": held.position_max_micros == 0,
    }
    return [f"{wallet.id}: {fault}" for fault, found in faults.items() if found]


def _percent(ppm: int) -> str:
    return f"{ppm * 100 / PPM:g} %"


def backups(config: Read) -> Point:
    """A strategy should not end with one wallet, and a live desk needs a place for the proceeds of a stop."""
    if config is None:
        return unknown(BACKUPS)
    active = [one.wallet for one in config.wallets.values() if one.wallet.status is WalletStatus.ACTIVE]
    traders, vaults = _split(active)
    if len(traders) < ACTIVE_MIN:
        seen = f"{len(traders)} wallet takes entries: if it is stopped, the desk is"
        return failed(BACKUPS, seen, "add a second wallet to OVERMIND_MANAGED_WALLETS")
    if not vaults and config.mode is TradingMode.LIVE:
        seen = "no wallet of type Emergency, so an emergency stop cannot sweep the proceeds"
        return failed(BACKUPS, seen, "add one, as in vault:./wallets/vault.json:emergency:low:0")
    alone = [strategy for strategy, takers in _takers(traders).items() if len(takers) == 1]
    told = f"; one wallet alone takes {', '.join(alone)}" if alone else ""
    kept = f", {vaults[0].id} for proceeds" if vaults else ", none of type Emergency"
    return passed(BACKUPS, f"{len(traders)} wallets take entries{kept}{told}")


def _split(wallets: list[Wallet]) -> tuple[list[Wallet], list[Wallet]]:
    return [one for one in wallets if one.type is not EMERGENCY], [one for one in wallets if one.type is EMERGENCY]


def _takers(wallets: list[Wallet]) -> dict[StrategyType, list[WalletId]]:
    takers: dict[StrategyType, list[WalletId]] = {}
    for wallet in wallets:
        for strategy, share in wallet.strategies.items():
            if share.enabled:
                takers.setdefault(strategy, []).append(wallet.id)
    return takers


def read_config() -> tuple[MultiWalletConfig | None, ConfigError | None]:
    """The configuration as `run` reads it, or what is wrong with it."""
    try:
        return configured(), None
    except ConfigError as error:
        return None, error
